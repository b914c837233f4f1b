"""Stage 1, the shield: what is not even looked at.

`sane` and `look` judge before anything is parsed (size, a first line that is SIP's; lists, bans,
floods); `judge` a parsed message (scanners, credit, passwords tried on one address of record).
Registered phones are never banned and pay with a credit of their own. Whoever is refused here is
not answered: an answer tells a scanner that we are here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.border.exchange import Verdict
from farline.border.shield.bans import Bans
from farline.border.shield.credit import Credit
from farline.border.shield.flood import Floods
from farline.config.subnets import literal, network

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from farline.border.shield.bans import Ban
    from farline.border.shield.flood import State
    from farline.config import Shield as ShieldForm
    from farline.config.subnets import IpNetwork
    from farline.sip import Address, Flow, Message

SCANNERS = (
    "friendly-scanner", "sipvicious", "sipcli", "vaxsipuseragent", "vaxasip", "sip-scan", "sipscan",
    "sundayddr", "sipsak", "iwar", "siparmyknife", "sippts", "pplsip", "nm@", "nmap", "masscan",
    "zgrab", "eyebeam-scanner", "cdrscanner", "smap ", "sivus",
)  # fmt: skip
"""Words by which scanners name themselves in User-Agent."""

FIRST_LINE = 2048
"""Bytes in which a message names SIP: the parser reads no longer Request-URI anyway."""

FURTHER_SCANNERS = "Further Scanners"

MAX_AGENTS = 1024
"""User-Agents that are remembered; a fleet of phones has a few."""


class Shield:
    """The shield of one border. Every method is given `now`, monotonic seconds."""

    def __init__(
        self,
        form: ShieldForm,
        has_phones: Callable[[str], bool],
        country: Callable[[str], str | None] = lambda _host: None,
    ) -> None:
        self.form = form
        self.bans = Bans(form, has_phones)
        self.floods = Floods(form.interface_per_second)
        self.addresses: Credit[str] = Credit(form.address_credit, form.address_credit_per_second)
        self.devices: Credit[Address] = Credit(form.device_credit, form.device_credit_per_second)
        self.phones: Credit[Address] = Credit(form.phone_credit, form.phone_credit_per_second)
        self.passwords: Credit[tuple[str, str]] = Credit(
            form.aor_failures, form.aor_failures / form.aor_seconds
        )
        """By address of record: what is left of the failures that it may see."""

        self._max_message = form.max_message
        self._country = country
        self._allow, self._deny = _networks(form.allow), _networks(form.deny)
        self._scanners = SCANNERS + tuple(word.lower() for word in form.scanners)
        self._agents: dict[str, str] = {}
        """The scanner's word in User-Agents that were met, "" mostly."""

        self._lists = bool(form.deny or form.countries_allowed or form.countries_denied)

    # ---- before parsing ----

    def sane(self, data: bytes) -> Verdict[bool]:
        """Whether bytes can be a message that is read here."""
        size = len(data)
        if size > self._max_message:
            text = f"{size} bytes; at most {self._max_message} are read"
            return self._no(text, "Maximum Message Size")
        if not data.startswith(b"SIP/") and b" SIP/" not in data[:FIRST_LINE]:
            return self._no("no SIP in its first line", "")
        return _YES

    def look(self, flow: Flow, *, registered: bool, now: float) -> Verdict[bool]:
        """Whether anything from this device is parsed."""
        if registered or self.is_allowed(flow.remote.host):
            return _YES
        if self._lists:
            because = self._listed(flow.remote.host)
            if because:
                return because
        ban = self.bans.of(flow.remote, now)
        if ban is not None:
            return self._no(
                f"{ban.who} is banned for {ban.until - now:.0f} s: {ban.why}", "Ban After"
            )
        return _YES

    def flooded(self, flow: Flow, now: float) -> tuple[Verdict[bool], State | None]:
        """Count a stranger's message: whether it is looked at, and the flood state if new."""
        within, state = self.floods.count(flow.interface, now)
        if within:
            return _YES, state
        limit = f"{self.form.interface_per_second:g} messages of strangers in a second"
        field = "Strangers per Interface and Second"
        return self._no(f"{flow.interface} has had {limit}", field), state

    # ---- a message ----

    def judge(self, message: Message, flow: Flow, *, registered: bool, now: float) -> Verdict[bool]:
        """Whether a parsed message from outside goes on; a stranger's request is charged."""
        who = flow.remote
        if self._allow and _within(self._allow, who.host):
            return Verdict(True, f"{who.host} is on the allow list", self._field("Allow List"))
        agent = message.get("User-Agent")
        word = self._scanner(agent) if agent is not None else ""
        if word:
            return self._no(f"User-Agent names the scanner {word}", FURTHER_SCANNERS)
        if not message.is_request:
            return _YES
        if registered:
            left = self.phones.charge(who, 1.0, now)
            if left < 0.0:
                return self._no(
                    f"{who} sends too much for one phone", "Credit per Registered Phone"
                )
            return _YES
        if self.addresses.left(who.host, now) < 1.0:
            return self._no(f"{who.host} has used up its credit", "Credit per Address")
        if self.devices.left(who, now) < 1.0:
            return self._no(f"{who} has used up its credit", "Credit per Device")
        left = self.addresses.charge(who.host, 1.0, now)
        mine = self.devices.charge(who, 1.0, now)
        return Verdict(True, f"{who.host} has credit {left + 1:.0f}, this device {mine + 1:.0f}")

    def may_try(self, user: str, domain: str, now: float) -> Verdict[bool]:
        """Whether a device that is not bound to an address of record may try to register it."""
        if self.passwords.left((user, domain), now) >= 1.0:
            return _YES
        text = f"too many wrong passwords for {user}@{domain}; only bound devices are heard"
        return self._no(text, "Failed Credentials per Address of Record")

    def wrong_password(self, user: str, domain: str, now: float) -> None:
        """The office did not take the credentials that somebody sent."""
        self.passwords.charge((user, domain), 1.0, now)

    def right_password(self, user: str, domain: str, now: float) -> None:
        """It did: who mistyped and then succeeded owes nothing."""
        self.passwords.charge((user, domain), -3.0, now)

    # ---- what follows ----

    def offence(self, flow: Flow, why: str, now: float, points: float = 1.0) -> Ban | None:
        """Charge a stranger for what was refused; the ban when it was one too many."""
        who = flow.remote
        if self.is_allowed(who.host):
            return None
        self.addresses.charge(who.host, 1.0, now)
        self.devices.charge(who, 1.0, now)
        return self.bans.offence(who, points, why, now)

    def is_scanner(self, verdict: Verdict[bool]) -> bool:
        """Whether `judge` refused somebody for being a scanner."""
        return not verdict.value and verdict.form == self._field(FURTHER_SCANNERS)

    def scanned(self, flow: Flow, why: str, now: float) -> Ban | None:
        """A scanner named itself: that is enough."""
        return self.offence(flow, why, now, float(max(self.form.ban_after, 1)))

    def reward(self, flow: Flow, credit: float, now: float) -> None:
        """A registration succeeded."""
        self.addresses.charge(flow.remote.host, -credit, now)
        self.devices.charge(flow.remote, -credit, now)

    def is_allowed(self, host: str) -> bool:
        """Whether an address is on the allow list."""
        return bool(self._allow) and _within(self._allow, host)

    # ---- how ----

    def _listed(self, host: str) -> Verdict[bool] | None:
        if self._deny and _within(self._deny, host):
            return self._no(f"{host} is on the deny list", "Deny List")
        country = self._country(host)
        if country is None:
            return None
        if country in self.form.countries_denied:
            return self._no(f"{host} is in {country}", "Countries Denied")
        if self.form.countries_allowed and country not in self.form.countries_allowed:
            return self._no(f"{host} is in {country}", "Countries Allowed")
        return None

    def _scanner(self, agent: str) -> str:
        known = self._agents.get(agent)
        if known is None:
            lowered = agent.lower()
            known = next((word for word in self._scanners if word in lowered), "")
            if len(self._agents) >= MAX_AGENTS:
                self._agents.clear()
            self._agents[agent] = known
        return known

    def _no(self, because: str, field: str) -> Verdict[bool]:
        return Verdict(False, because, self._field(field))

    def _field(self, field: str) -> str:
        return f"{self.form.form} > {field}" if field else self.form.form


_YES = Verdict(True, "within limits")


def _networks(subnets: Sequence[str]) -> tuple[IpNetwork, ...]:
    return tuple(net for net in map(network, subnets) if net is not None)


def _within(networks: tuple[IpNetwork, ...], host: str) -> bool:
    address = literal(host)
    return address is not None and any(
        address in net for net in networks if net.version == address.version
    )
