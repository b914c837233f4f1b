-- Authentication against the portal: SCRAM keys over loopback HTTP, one request a login.
-- Passwords are never fetched; PLAIN (inside TLS) is checked by deriving keys from what was sent.

local async = require "util.async";
local base64 = require "util.encodings".base64;
local hashers = require "util.sasl.scram".hashers;
local http = require "net.http";
local json = require "util.json";
local new_sasl = require "util.sasl".new;
local equals = require "util.hashes".equals;

local url = assert(module:get_option_string("portal_url"), "portal_url is not set");
local accounts = module:depends("portal_accounts");

-- Keys of a user name: { sha1 = {...}, sha256 = {...} }, or nil when the portal does not answer.
-- For unknown names the portal gives keys that no password matches.
local function fetch_keys(username)
	local wait, done = async.waiter();
	local found;
	http.request(url.."/keys/"..http.urlencode(username), nil, function (body, code)
		if code == 200 then
			found = json.decode(body);
		else
			module:log("error", "The portal gave no keys: %s", tostring(code));
		end
		done();
	end);
	wait();
	return found;
end

local function scram(name)
	return function (_, username)
		local keys = fetch_keys(username);
		keys = keys and keys[name];
		if not keys then return nil; end
		return base64.decode(keys.stored_key), base64.decode(keys.server_key),
			keys.iterations, base64.decode(keys.salt), true;
	end
end

local function test_password(username, password)
	local keys = fetch_keys(username);
	keys = keys and keys.sha256;
	if not keys then return nil, "no keys"; end
	local valid, stored_key, server_key =
		hashers["SHA-256"](password, base64.decode(keys.salt), keys.iterations);
	if valid and equals(stored_key, base64.decode(keys.stored_key))
			and equals(server_key, base64.decode(keys.server_key)) then
		return true;
	end
	return nil, "wrong password";
end

local function plain_test(_, username, password)
	return test_password(username, password), true;
end

local function not_here()
	return nil, "accounts are kept in the office";
end

local provider = {
	test_password = test_password;
	user_exists = function (username) return accounts.exists(username); end;
	users = function () return accounts.names(); end;
	set_password = not_here;
	create_user = not_here;
	delete_user = not_here;
};

function provider.get_sasl_handler()
	return new_sasl(module.host, {
		plain_test = plain_test;
		scram_sha_1 = scram("sha1");
		scram_sha_256 = scram("sha256");
	});
end

-- The portal counts failed logins of all its doors together.
module:hook("authentication-failure", function (event)
	local handler = event.session.sasl_handler;
	local username = handler and handler.username;
	if event.condition == "not-authorized" and username then
		http.request(url.."/failed/"..http.urlencode(username), { method = "POST", body = "" });
	end
end);

module:provides("auth", provider);
