-- The accounts that the portal lists in a file, one local part a line, and what has to happen to
-- those online when the list changes (the portal sends SIGHUP after writing it).
-- Contacts themselves come from mod_groups, whose file the portal writes too.

local modulemanager = require "core.modulemanager";
local rostermanager = require "core.rostermanager";

local file_name = assert(module:get_option_path("portal_accounts_file", nil, "config"),
	"portal_accounts_file is not set");
local accounts = {};

local function read()
	local listed = {};
	for line in assert(io.open(file_name)):lines() do
		if line ~= "" then listed[line] = true; end
	end
	return listed;
end

function exists(username)
	return accounts[username] or nil;
end

function names()
	return pairs(accounts);
end

local function put_out(user)
	local sessions = {}; -- closing one changes user.sessions
	for _, session in pairs(user.sessions) do sessions[#sessions + 1] = session; end
	for _, session in ipairs(sessions) do
		session:close({ condition = "not-authorized", text = "This account is closed" });
	end
end

local function shown(item)
	return item and (item.subscription or "").."/"..(item.name or "");
end

-- Contacts from the groups have persist == false: take them all out, let mod_groups put in those
-- of now, and tell the clients about each that differs.
local function renew_roster(username, user)
	local roster = user.roster;
	if not roster then return; end
	local before, touched = {}, {};
	for jid, item in pairs(roster) do
		if jid and item.persist == false then
			before[jid] = shown(item);
			touched[jid] = true;
		end
	end
	for jid in pairs(before) do roster[jid] = nil; end
	module:fire_event("roster-load", { username = username, host = module.host, roster = roster });
	for jid, item in pairs(roster) do
		if jid and item.persist == false then touched[jid] = true; end
	end
	for jid in pairs(touched) do
		if shown(roster[jid]) ~= before[jid] then
			rostermanager.roster_push(username, module.host, jid);
		end
	end
end

module:hook_global("config-reloaded", function ()
	accounts = read();
	local host = prosody.hosts[module.host];
	local online = {};
	for username, user in pairs(host.sessions) do online[username] = user; end
	for username, user in pairs(online) do
		if not accounts[username] then put_out(user); end
	end
	modulemanager.reload(module.host, "groups");
	host.roster_cache = nil; -- of those who are not online
	for username, user in pairs(host.sessions) do renew_roster(username, user); end
	module:log("info", "Accounts read again");
end);

accounts = read();
