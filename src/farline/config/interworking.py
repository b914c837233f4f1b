"""Global Profiles > Server Interworking: the peculiarities of a server, and how they are met."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal

import re2
from pydantic import AfterValidator, Field, model_validator

from farline.config.base import Form, Name
from farline.config.rule_values import HeaderName
from farline.config.server import host_text

FORM = "Global Profiles > Server Interworking"
EarlySdp = Literal["none", "sdp", "no_sdp"]

MAX_RULES = 64
MAX_EXPRESSION = 512

STRUCTURAL = frozenset({
    "via", "route", "record-route", "contact", "call-id", "cseq", "max-forwards",
    "content-length", "content-type", "from", "to", "authorization", "proxy-authorization",
})  # fmt: skip
"""Headers that no rule may touch: the border's own work depends on them."""


def _expression(text: str) -> str:
    if text:
        compiled(text)
    return text


def compiled(text: str) -> re2._Regexp:
    """An expression for RE2, whose time is linear in its input. Raises ValueError."""
    options = re2.Options()
    options.max_mem = 1 << 20
    options.log_errors = False
    try:
        return re2.compile(text, options)
    except re2.error as error:
        said = error.args[0] if error.args else error
        said = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
        raise ValueError(f"{text!r} is no regular expression: {said}") from None


def _groups_are_there(expression: str, template: str) -> None:
    r"""Raises ValueError where a template names a group (\1) that its expression has not."""
    there = compiled(expression).groups if expression else 0
    for number in map(int, GROUP.findall(template)):
        if number > there:
            raise ValueError(f"\\{number}: the expression has {there} groups in brackets")


GROUP = re.compile(r"\\([1-9])")
"""What stands for a group's text in a template; every other character stands for itself."""

Expression = Annotated[str, Field(max_length=MAX_EXPRESSION), AfterValidator(_expression)]
"""A regular expression of RE2: no back references, no look-around."""

DomainValue = Annotated[str, AfterValidator(lambda text: host_text(text) if text else text)]
"""A host name or an address, or nothing."""

OneLine = Annotated[str, Field(max_length=1024, pattern=r"^[^\x00-\x1f]*$")]


class InterworkingTimers(Form):
    """The Timers page. Empty: as without a profile."""

    form: ClassVar[str] = f"{FORM} > Timers"
    min_se: int | None = Field(None, ge=90, le=86_400, title="Min-SE")
    """Seconds: an INVITE to the server that wants a shorter session is answered with 422."""
    init_timer: int | None = Field(None, ge=50, le=1000, title="Init Timer")
    """Milliseconds until a request to the server over UDP is sent again (T1); else 500."""
    max_timer: int | None = Field(None, ge=200, le=8000, title="Max Timer")
    """Milliseconds at most from one repetition to the next (T2, not of INVITE); else 4000."""
    trans_expire: int | None = Field(None, ge=1, le=64, title="Trans Expire")
    """Seconds without any answer after which another next hop is tried; else 4."""
    invite_expire: int | None = Field(None, ge=10, le=300, title="Invite Expire")
    """Seconds that a call to the server may ring without news; else 185 (timer C)."""


class UriRule(Form):
    """URI Manipulation: changes user or domain of Request-URI, From and To towards the server."""

    form: ClassVar[str] = f"{FORM} > URI Manipulation"
    user_regex: Expression = Field("", title="User Regex")
    """Must be found in the user part; empty: any."""
    domain_regex: Expression = Field("", title="Domain Regex")
    user_action: Literal["none", "add_prefix", "add_suffix", "remove", "replace"] = Field(
        "none", title="User Action"
    )
    user_value: str = Field("", max_length=128, pattern=r"^[^\s<>@\";]*$", title="User Value")
    r"""Remove: takes the matched part away. Replace: puts this in its place, \1 for a group."""
    domain_action: Literal["none", "replace"] = Field("none", title="Domain Action")
    domain_value: DomainValue = Field("", max_length=255, title="Domain Value")

    @model_validator(mode="after")
    def _does_something(self) -> UriRule:
        if self.user_action in ("remove", "replace") and not self.user_regex:
            raise ValueError("User Action needs a User Regex: it says which part is meant")
        if self.domain_action == "replace" and not self.domain_value:
            raise ValueError("Domain Action replace needs a Domain Value")
        _groups_are_there(self.user_regex, self.user_value if self.user_action == "replace" else "")
        if self.user_action == "none" and self.domain_action == "none":
            raise ValueError("the rule does nothing: choose a User Action or a Domain Action")
        return self


class HeaderRule(Form):
    """Header Manipulation: adds, removes or changes a header on the server's side."""

    form: ClassVar[str] = f"{FORM} > Header Manipulation"
    header: HeaderName = Field(title="Header")
    action: Literal["add", "remove", "replace"] = Field(title="Action")
    direction: Literal["to_server", "from_server", "both"] = Field("to_server", title="Direction")
    method: str = Field("*", max_length=16, pattern=r"^(\*|[A-Z]+)$", title="Method")
    """Requests of this method and their answers; * for all."""
    match: Expression = Field("", title="Match")
    """Only where this is found in the value; empty: always."""
    value: OneLine = Field("", title="Value")
    r"""Add: the value. Replace: what the matched part becomes (\1 for a group); without Match the
    whole value."""

    @model_validator(mode="after")
    def _may(self) -> HeaderRule:
        if self.header.lower() in STRUCTURAL:
            raise ValueError(f"{self.header} is the border's own work and not for rules")
        if self.action == "add" and not self.value:
            raise ValueError("Add needs a Value")
        if self.action == "add" and self.match:
            raise ValueError("Add has no Match: it looks at no value that there is")
        if self.action == "remove" and self.value:
            raise ValueError("Remove has no Value")
        _groups_are_there(self.match, self.value if self.match else "")
        return self


class InterworkingAdvanced(Form):
    """The Advanced page."""

    form: ClassVar[str] = f"{FORM} > Advanced"
    record_routes: Literal["none", "single", "both"] = Field("both", title="Record Routes")
    """On which side the border records itself: both, the server's only, or none."""
    extensions: Literal["avaya", "none"] = Field("avaya", title="Extensions")
    """None: Avaya's private headers do not pass, either way."""


class InterworkingProfile(Form):
    """How a server differs from the standards, page by page."""

    form: ClassVar[str] = FORM
    name: Name = Field(title="Profile Name")
    hold_support: Literal["none", "rfc2543", "rfc3264"] = Field("none", title="Hold Support")
    """What the server understands: c=0.0.0.0 or a=sendonly. None: hold passes as it is."""
    send_hold: bool = Field(True, title="Send Hold")
    """Off: the server is not told of hold. Its description stays sendrecv, and who holds gets the
    answer that fits."""
    delayed_sdp_handling: Literal["pass", "insert"] = Field("pass", title="Delayed SDP Handling")
    """Insert: the server understands no INVITE without SDP. It gets an offer of the border, and
    the caller its answer as an offer. Pass: the INVITE goes as it is."""
    handling_180: EarlySdp = Field("none", title="180 Handling")
    """SDP in a 180 of the server. No SDP: it is taken out. SDP: where it has none it gets the one
    that came before."""
    handling_181: EarlySdp = Field("none", title="181 Handling")
    handling_182: EarlySdp = Field("none", title="182 Handling")
    handling_183: EarlySdp = Field("none", title="183 Handling")
    diversion_header_support: bool = Field(True, title="Diversion Header Support")
    """Off: Diversion and History-Info do not reach the server."""
    t38_support: bool = Field(True, title="T.38 Support")
    """Off: fax over UDPTL is refused (488)."""
    dtmf_support: Literal["none", "rfc_4733", "sip_info"] = Field("none", title="DTMF Support")
    """What the server understands. "sip_info": telephone-events of phones become INFO, its INFO
    digits become telephone-events. "rfc_4733": INFO digits of phones become telephone-events.
    "none": digits pass as they come."""
    handling_3xx: Literal["pass", "follow"] = Field("pass", title="3xx Handling")
    """Follow: the border asks this server for the contacts of a redirection, the best first, and
    the phone gets the last answer. Pass: the phone gets the redirection."""
    refer_handling: Literal["pass", "refuse", "handle"] = Field("pass", title="Refer Handling")
    """Handle: the server cannot transfer calls, and the border does it for both sides: it calls the
    target and joins the two by re-INVITE. Refuse: a REFER either way is answered with 405, and
    neither side reads that the other allows it."""
    uri_group: Name = Field("*", title="URI Group")
    """Targets (Refer-To) for which the border handles a REFER; others pass."""
    prack_support: bool = Field(True, title="Prack Handling")
    """Off: reliable provisional answers (100rel, RFC 3262) are not offered to the server nor by
    it; a caller who requires them gets them from the border, which takes the PRACK."""
    uri_scheme: Literal["any", "sip", "tel"] = Field("any", title="URI Scheme")
    """SIP: tel URIs become sip URIs with user=phone. TEL: the Request-URI of a telephone number (+
    and digits) becomes a tel URI."""
    via_header_format: Literal["rfc3261", "rfc2543"] = Field("rfc3261", title="Via Header Format")
    """RFC 2543: our Via to the server has no rport, and no cookie (z9hG4bK) in its branch."""
    timers: InterworkingTimers = InterworkingTimers()
    uri_manipulation: tuple[UriRule, ...] = Field(
        (), max_length=MAX_RULES, title="URI Manipulation"
    )
    header_manipulation: tuple[HeaderRule, ...] = Field(
        (), max_length=MAX_RULES, title="Header Manipulation"
    )
    advanced: InterworkingAdvanced = InterworkingAdvanced()

    def early(self, status: int) -> EarlySdp:
        """What becomes of SDP in a provisional answer."""
        known: dict[int, EarlySdp] = {
            180: self.handling_180, 181: self.handling_181,
            182: self.handling_182, 183: self.handling_183,
        }  # fmt: skip
        return known.get(status, "none")


DEFAULT_INTERWORKING = (InterworkingProfile(name="avaya-ru"),)
"""Shipped profiles, present in every deployment unless one of that name is configured."""
