"""The rules of a topology hiding profile, put into practice on one message.

A rule changes the host of a header and nothing else of it: name, user, parameters and tags keep
their bytes. Which address stands for "auto", "destination" and "next hop" depends on the way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farline.config.subnets import literal
from farline.sip import NameAddr, Uri, WireError

if TYPE_CHECKING:
    from farline.config import HidingRule, TopologyHidingProfile
    from farline.sip import Address, Message

ADDRESSES = ("From", "To", "Refer-To", "Referred-By", "P-Asserted-Identity")
DESTINATIONS = frozenset({"Request-Line", "To", "Refer-To"})
"""Headers that say whom a request is for; towards a server "auto" names the server in them."""

PRODUCTS = ("Server", "User-Agent")


@dataclass(frozen=True, slots=True)
class Way:
    """One direction of a line: what each replace action means there."""

    towards: str
    """"server" or "endpoint", as the forms say."""

    ours: Address
    """Our address as the reader knows it."""

    destination: Address
    """Where the message is sent to."""

    next_hop: str
    """The host that the routing profile names; towards an end point that of its Contact."""

    def host(self, rule: HidingRule) -> str:
        """What the rule puts instead of a host."""
        if rule.replace_action == "overwrite":
            return rule.overwrite_value
        if rule.replace_action == "destination_ip":
            return self.destination.host
        if rule.replace_action == "next_hop":
            return self.next_hop
        to_server = self.towards == "server" and rule.header in DESTINATIONS
        return self.destination.host if to_server else self.ours.host


class HeaderHiding:
    """A compiled profile."""

    def __init__(self, profile: TopologyHidingProfile) -> None:
        self.name = profile.name
        self._rules = {
            towards: {rule.header: rule for rule in profile.rules if rule.applies(towards)}
            for towards in ("server", "endpoint")
        }
        self.hides_call_id = "Call-ID" in self._rules["server"]
        rule = self._rules["server"].get("Call-ID")
        self.call_id_host = rule.overwrite_value if rule is not None else ""

    def own_host(self, header: str, towards: str) -> str:
        """The name of ours that Via, Record-Route or Contact bears instead of our address; ""."""
        rule = self._rules[towards].get(header)  # type: ignore[call-overload]  # a header's name
        return rule.overwrite_value if rule is not None else ""

    def origin(self, towards: str) -> str | None:
        """What stands as address in o= of SDP: "" for ours; None when nobody hides it."""
        rule = self._rules[towards].get("SDP")
        return None if rule is None else rule.overwrite_value

    def apply(self, out: Message, way: Way, *, initial: bool) -> None:
        """Change a message that is about to go. `initial`: a request outside a dialog.

        Raises WireError for an address that cannot be read.
        """
        rules = self._rules[way.towards]
        if not rules:
            return
        if initial and (rule := rules.get("Request-Line")) is not None:
            out.uri = _with_host(Uri.parse(out.uri), rule, way, keep_port=True)
        for name in ADDRESSES:
            rule = rules.get(name)  # type: ignore[call-overload]  # one of them
            if rule is not None and (out.is_request or name not in ("From", "To")):
                _addresses(out, rule, way)
        if (rule := rules.get("Warning")) is not None:
            _warnings(out, rule, way)
        for name in PRODUCTS:
            rule = rules.get(name)  # type: ignore[call-overload]  # one of them
            if rule is not None and out.get(name) is not None:
                out.set_all(name, [rule.overwrite_value] if rule.overwrite_value else [])


def _addresses(out: Message, rule: HidingRule, way: Way) -> None:
    values = out.values(rule.header)
    if values:
        out.set_all(rule.header, [_name(value, rule, way) for value in values])


def _name(value: str, rule: HidingRule, way: Way) -> str:
    parsed = NameAddr.parse(value)
    if not parsed.uri.host:
        return value  # tel: and the like name no host
    return str(parsed.with_uri(Uri.parse(_with_host(parsed.uri, rule, way, keep_port=False))))


def _with_host(uri: Uri, rule: HidingRule, way: Way, *, keep_port: bool) -> str:
    """The URI with the rule's host; a port is the destination's own where it names it."""
    if not uri.host or not meets(rule.criteria, uri.host):
        return str(uri)
    host = way.host(rule)
    named = keep_port and rule.replace_action != "overwrite"
    return str(uri.with_host(host, way.destination.port if named else None))


def _warnings(out: Message, rule: HidingRule, way: Way) -> None:
    """Change the agent of `399 host:port "text"` (RFC 3261 section 20.43)."""
    lines = []
    for value in out.values("Warning"):
        code, _, rest = value.partition(" ")
        agent, space, text = rest.lstrip().partition(" ")
        host = agent[1:].partition("]")[0] if agent.startswith("[") else agent.partition(":")[0]
        if meets(rule.criteria, host):
            shown = way.host(rule)
            agent = f"[{shown}]" if ":" in shown else shown
        lines.append(f"{code} {agent}{space}{text}")
    if lines:
        out.set_all("Warning", lines)


def meets(criteria: str, host: str) -> bool:
    """Whether a host is one that the criteria name."""
    numeric = literal(host.strip("[]")) is not None
    return criteria == "IP/Domain" or numeric == (criteria == "IP")


def readable(host: str) -> str:
    """The host of a URI as text, "" for what cannot be read."""
    try:
        return Uri.parse(host).host
    except WireError:
        return ""
