"""Global Profiles > Topology Hiding: what of one side the other side reads, header by header."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from farline.config.base import Form, Name
from farline.config.subnets import literal

HidingHeader = Literal[
    "Request-Line", "From", "To", "Record-Route", "Via", "SDP", "Refer-To", "Referred-By",
    "P-Asserted-Identity", "Contact", "Warning", "Server", "User-Agent", "Call-ID",
]  # fmt: skip
ReplaceAction = Literal["auto", "overwrite", "destination_ip", "next_hop"]
Towards = Literal["both", "server", "endpoint"]

OWN_PLACES = frozenset({"Via", "Record-Route", "Contact", "SDP"})
"""They say where answers, later requests and media go: to us, or to another name of ours."""

PRODUCTS = frozenset({"Server", "User-Agent"})

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")
_TEXT = re.compile(r"[\x20-\x7e]{1,255}")


class HidingRule(Form):
    """One line of a profile: a header and what stands in it instead of its host."""

    form: ClassVar[str] = "Global Profiles > Topology Hiding"
    header: HidingHeader = Field(title="Header")
    criteria: Literal["IP/Domain", "IP", "Domain"] = Field("IP/Domain", title="Criteria")
    """Which hosts are replaced: addresses, names or both."""
    replace_action: ReplaceAction = Field("auto", title="Replace Action")
    """auto: our address; in Request-Line, To and Refer-To where the message goes to; Server and
    User-Agent are left out, Call-ID becomes a token. destination_ip: the IP address that the
    message is sent to. next_hop: what the routing profile says; towards an end point its Contact.
    """
    overwrite_value: str = Field("", title="Overwrite Value")
    towards: Towards = Field("both", title="Direction")
    """Messages to the flow's server, to the end point, or both."""

    @model_validator(mode="after")
    def _fits(self) -> HidingRule:
        action, header = self.replace_action, self.header
        if (action == "overwrite") != bool(self.overwrite_value):
            raise ValueError("overwrite needs an Overwrite Value, and nothing else has one")
        if action in ("destination_ip", "next_hop") and (
            header in OWN_PLACES | PRODUCTS or header in ("Warning", "Call-ID")
        ):
            raise ValueError(f"{header} can be auto or overwrite: it does not name a destination")
        if header == "Request-Line" and self.towards != "server":
            raise ValueError(
                "the Request-Line to an end point is its Contact; set Direction server"
            )
        if header == "Call-ID" and self.towards != "both":
            raise ValueError("a dialog is hidden in both directions; leave Direction at both")
        if action == "overwrite":
            self._check_value()
        return self

    def _check_value(self) -> None:
        value = self.overwrite_value
        free = self.header in PRODUCTS
        fits = _TEXT.fullmatch(value) if free else _HOST.fullmatch(value) or literal(value)
        if not fits:
            what = "one line of printable ASCII" if free else "a host name or an IP address"
            raise ValueError(f"{value!r}: the Overwrite Value of {self.header} is {what}")

    def applies(self, towards: str) -> bool:
        """Whether it holds for messages to "server" or "endpoint"."""
        return self.towards in ("both", towards)


class TopologyHidingProfile(Form):
    """What the far side may not learn. Without a profile the border's own defaults hold.

    The defaults are the guide's traces: Via, Record-Route, Contact and SDP are ours, inside
    addresses are replaced in whatever goes outside; From, To, Call-ID and CSeq stay.
    """

    form: ClassVar[str] = "Global Profiles > Topology Hiding"
    name: Name = Field(title="Profile Name")
    rules: tuple[HidingRule, ...] = Field((), title="Header")

    @model_validator(mode="before")
    @classmethod
    def _older_files(cls, given: Any) -> Any:  # noqa: ANN401 - whatever the file holds
        """`sdp_origin: true` of older files is the rule SDP, auto."""
        if not isinstance(given, dict) or "sdp_origin" not in given:
            return given
        rest = {key: value for key, value in given.items() if key != "sdp_origin"}
        if given["sdp_origin"]:
            rest["rules"] = [*rest.get("rules", ()), {"header": "SDP"}]
        return rest

    @model_validator(mode="after")
    def _once(self) -> TopologyHidingProfile:
        for towards in ("server", "endpoint"):
            headers = [rule.header for rule in self.rules if rule.applies(towards)]
            twice = sorted({one for one in headers if headers.count(one) > 1})
            if twice:
                raise ValueError(f"{', '.join(twice)}: one rule a header and direction")
        return self

    def rule(self, header: HidingHeader, towards: str) -> HidingRule | None:
        """The rule for a header of messages to "server" or "endpoint"."""
        found = (one for one in self.rules if one.header == header and one.applies(towards))
        return next(found, None)


class TopologyAudit(Form):
    """The search for inside addresses and names in everything that leaves on an outside interface.

    Inside are the networks of the server flows and the servers' addresses and names.
    """

    form: ClassVar[str] = "Global Profiles > Topology Audit"
    action: Literal["clean", "report"] = Field("clean", title="Action")
    """clean: what is found is replaced, what cannot be is counted and traced; requests whose body
    is compressed or encoded are refused (415). report: counted and traced only, for a look at what
    would be changed."""
    inside_names: tuple[str, ...] = Field((), title="Inside Names", max_length=1000)
    """Host names or domains (their hosts too) that nobody outside may read."""
    outside_names: tuple[str, ...] = Field((), title="Outside Names", max_length=1000)
    """Names that are public although a server profile bears them (split DNS)."""

    @model_validator(mode="after")
    def _names(self) -> TopologyAudit:
        for name in (*self.inside_names, *self.outside_names):
            if not _HOST.fullmatch(name) or literal(name) is not None:
                raise ValueError(f"{name!r} is not a host name or domain")
        return self
