"""Domain Policies: the rules that an end point policy group is put together of."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from farline.config.base import Form, Name

Direction = Literal["both", "inbound", "outbound"]
"""inbound: from the flow's peer to us; outbound: from us to it."""

_TOKEN = re.compile(r"[A-Za-z0-9.!%*_+`'~-]{1,64}")
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_CODES = re.compile(r"[1-6](?:[0-9]{2}|xx)")


def _token(text: str) -> str:
    if not _TOKEN.fullmatch(text):
        raise ValueError(f"{text!r} is not a SIP token")
    return text


def _line(text: str) -> str:
    if len(text) > 1024 or not text.isprintable():
        raise ValueError("one line of at most 1024 printable characters")
    return text


def _codes(text: str) -> str:
    if not _CODES.fullmatch(text):
        raise ValueError(f"{text!r}: write a status as 486 or a class as 4xx")
    return text


Token = Annotated[str, AfterValidator(_token)]
HeaderValue = Annotated[str, AfterValidator(_line)]
Codes = Annotated[str, AfterValidator(_codes)]
DsByte = Annotated[int, Field(ge=0, le=255, multiple_of=4)]
"""Differentiated services byte: the code point times four."""


class Application(Form):
    """One line of an application rule."""

    form: ClassVar[str] = "Domain Policies > Application Rules"
    inbound: bool = Field(True, title="In")
    """Begun by the peer of the flow (the end point, the server)."""
    outbound: bool = Field(True, title="Out")
    """Begun towards it."""
    max_concurrent_sessions: int = Field(10_000, ge=0, title="Maximum Concurrent Sessions")
    max_sessions_per_endpoint: int = Field(10, ge=0, title="Maximum Sessions Per Endpoint")


class InstantMessages(Form):
    """The line IM of an application rule: MESSAGE and MSRP. A message is no session."""

    form: ClassVar[str] = "Domain Policies > Application Rules"
    inbound: bool = Field(True, title="In")
    outbound: bool = Field(True, title="Out")


class ApplicationRule(Form):
    """What kinds of sessions a flow may have, and how many."""

    form: ClassVar[str] = "Domain Policies > Application Rules"
    name: Name = Field("default", title="Rule Name")
    voice: Application = Application()
    video: Application = Application()
    im: InstantMessages = InstantMessages()
    max_concurrent_sessions: int = Field(10_000, ge=0, title="Maximum Sessions")
    """Voice and video together."""
    max_sessions_per_endpoint: int = Field(10, ge=0, title="Sessions Per Endpoint")


class BorderRule(Form):
    """What is done about NAT between us and the flow's peer."""

    form: ClassVar[str] = "Domain Policies > Border Rules"
    name: Name = Field("default", title="Rule Name")
    nat: bool = Field(True, title="Enable Natting")
    """Media may come from where the signaling comes from, whatever SDP says. Off: only from the
    address in SDP."""
    natting_by_ice: bool = Field(True, title="Natting by ICE")
    """Off: a=candidate and the other ICE attributes are taken out of descriptions."""


class Codecs(Form):
    """Codec names of one kind of media, as in a=rtpmap."""

    form: ClassVar[str] = "Domain Policies > Media Rules > Codec Prioritization"
    allowed: tuple[Token, ...] = Field((), title="Allowed Codecs", max_length=64)
    """Empty: all. telephone-event, CN, red, ulpfec and rtx go with what is allowed."""
    preferred: tuple[Token, ...] = Field((), title="Preferred Codecs", max_length=64)
    """These come first, in this order, in offers that leave by the flow."""


class AudioCodecs(Codecs):
    """Codec names of audio, and those that the border may add."""

    transcoding: tuple[Literal["opus", "g722", "pcma", "pcmu"], ...] = Field(
        (), title="Transcoding Codecs", max_length=4
    )
    """These are added, as the least wanted, to offers that leave by the flow. Where the answer then
    has no codec of the offer, the media engine transcodes. Allowed Codecs of the other flow of a
    call are not asked about them. Empty: nothing is added."""


class MediaRule(Form):
    """What media of a flow are like."""

    form: ClassVar[str] = "Domain Policies > Media Rules"
    name: Name = Field("default", title="Rule Name")
    encryption: Literal["required", "preferred", "off", "dtls"] = Field("off", title="Encryption")
    """SRTP on the flow's leg, with keys in SDP: "preferred" takes it where the peer can, "required"
    refuses RTP in the clear (488). "dtls": keys by DTLS-SRTP with ICE, for browsers, and nothing
    else (488). Off on both legs of a call: what the peers agree on passes."""
    audio: AudioCodecs = AudioCodecs()
    video: Codecs = Codecs()
    voice_qos: DsByte = Field(184, title="Voice QoS (DS byte)")
    video_qos: DsByte = Field(136, title="Video QoS (DS byte)")
    media_timeout_seconds: int = Field(60, ge=5, le=3600, title="Media Timeout")
    hold_music: str = Field("", max_length=512, title="Hold Music")
    """A WAV file (16 bits, 8, 16 or 48 kHz, up to five minutes) that the flow's peer hears while
    the other side holds it and sends nothing itself; a relative path starts at the deployment
    file. Empty: none."""
    bfcp: bool = Field(False, title="BFCP Enabled")
    """Floor control (RFC 8856): its m= lines are refused unless this is on."""
    fecc: bool = Field(False, title="FECC Enabled")
    """Far end camera control (H.224, RFC 4573)."""


Check = Literal["known_methods", "one_contact", "printable_user", "content_type", "sdp"]


UNLIMITED_BYTES = 32_768
"""A message size that is no limit of the rule's own: the shield's holds."""


class SecurityRule(Form):
    """What a message of a flow has to be like."""

    form: ClassVar[str] = "Domain Policies > Security Rules"
    name: Name = Field("default", title="Rule Name")
    authentication: bool = Field(False, title="Authentication")
    """The server has to challenge: a success that it gives to a REGISTER, or to a request of
    somebody unregistered, without credentials is not passed on (403)."""
    compliance: tuple[Check, ...] = Field((), title="Compliance")
    """known_methods: the methods of the RFCs only (405); one_contact: no second Contact but in
    REGISTER; printable_user: no control characters in users of From and To; content_type: a body
    has one (415); sdp: descriptions can be read (488)."""
    scrub_headers: tuple[Token, ...] = Field((), title="Scrubber: Headers", max_length=64)
    """Taken out of what the flow's peer sends."""
    scrub_bodies: tuple[str, ...] = Field((), title="Scrubber: Bodies", max_length=64)
    """Media types (text/html, application/*) of bodies that are taken out."""
    max_message_bytes: int = Field(UNLIMITED_BYTES, ge=1000, le=65_535, title="DoS: Message Size")
    max_requests_per_second: int = Field(0, ge=0, le=100_000, title="DoS: Requests Per Second")
    """Of one end point, over two seconds; 0: no limit. More get 503."""


NAMED = frozenset(
    {"via", "from", "to", "call-id", "cseq", "contact", "route", "record-route", "max-forwards",
     "content-length", "content-type"}
)  # fmt: skip
"""What a dialog lives by: a rule cannot take it away."""


class RequestControl(Form):
    """A line of Requests."""

    form: ClassVar[str] = "Domain Policies > Signaling Rules > Requests"
    method: Token = Field(title="Method Name")
    direction: Direction = Field("both", title="Direction")
    action: Literal["allow", "block"] = Field("block", title="Action")
    response_code: int = Field(403, ge=400, le=699, title="Block With")

    @model_validator(mode="after")
    def _needed(self) -> RequestControl:
        if self.method in ("ACK", "CANCEL") and self.action == "block":
            raise ValueError(f"{self.method} ends what another request began; block INVITE")
        return self


class ResponseControl(Form):
    """A line of Responses: final answers other than success, and 180 to 183."""

    form: ClassVar[str] = "Domain Policies > Signaling Rules > Responses"
    codes: Codes = Field(title="Response Code")
    method: Token = Field("*", title="Method Name")
    direction: Direction = Field("both", title="Direction")
    action: Literal["allow", "block", "change"] = Field("change", title="Action")
    """block: a provisional answer is dropped, a final one becomes 500. change: `new_code`."""
    new_code: int = Field(0, ge=0, le=699, title="Change To")

    @model_validator(mode="after")
    def _same_kind(self) -> ResponseControl:
        if self.codes[0] == "2":
            raise ValueError("a success has made a dialog or a binding; it cannot be changed")
        if (self.action == "change") != bool(self.new_code):
            raise ValueError("change needs Change To, and nothing else has one")
        provisional = self.codes[0] == "1"
        if self.codes == "100" or (self.new_code and self.new_code in (100, 199)):
            raise ValueError("100 is between neighbours and does not pass")
        if self.new_code and not (
            101 <= self.new_code < 200 if provisional else self.new_code >= 300
        ):
            raise ValueError("a provisional answer becomes a provisional one, a final one 300-699")
        return self


class HeaderControl(Form):
    """A line of Request Headers or Response Headers."""

    form: ClassVar[str] = "Domain Policies > Signaling Rules > Headers"
    header: Token = Field(title="Header Name")
    method: Token = Field("*", title="Method Name")
    direction: Direction = Field("both", title="Direction")
    action: Literal["allow", "remove", "block", "change"] = Field("remove", title="Action")
    """The first line that fits a header decides over it. block: a request with the header is
    refused, a provisional answer held back, a failure gets another status, a success passes without
    the header; change: its value becomes `value`, added where it is missing."""
    value: HeaderValue = Field("", title="Header Value")
    response_code: int = Field(403, ge=400, le=699, title="Block With")

    @model_validator(mode="after")
    def _fits(self) -> HeaderControl:
        if (self.action == "change") != bool(self.value):
            raise ValueError("change needs a Header Value, and nothing else has one")
        if self.header.lower() in NAMED and self.action in ("remove", "change"):
            raise ValueError(f"{self.header} carries the dialog; topology hiding changes its host")
        return self


class SignalingRule(Form):
    """Which requests, answers and headers pass a flow, and as what."""

    form: ClassVar[str] = "Domain Policies > Signaling Rules"
    name: Name = Field("default", title="Rule Name")
    requests: tuple[RequestControl, ...] = Field((), title="Requests", max_length=200)
    """The first line that fits decides; what no line names passes."""
    responses: tuple[ResponseControl, ...] = Field((), title="Responses", max_length=200)
    request_headers: tuple[HeaderControl, ...] = Field((), title="Request Headers", max_length=200)
    response_headers: tuple[HeaderControl, ...] = Field(
        (), title="Response Headers", max_length=200
    )
    signaling_qos: DsByte = Field(0, title="Signaling QoS (DS byte)")
    """Of what goes by a flow of this group while this set holds. 0: best effort."""
    ucid: bool = Field(False, title="UCID Enabled")
    """A call without User-to-User towards the flow's peer gets one with a Universal Call ID."""
    ucid_node: int = Field(1, ge=1, le=32_767, title="UCID Node ID")


class ChargingRule(Form):
    """Which calls the border writes records of."""

    form: ClassVar[str] = "Domain Policies > Charging Rules"
    name: Name = Field("default", title="Rule Name")
    records: Literal["off", "answered", "all"] = Field("off", title="CDR")
    format: Literal["jsonl", "sqlite"] = Field("jsonl", title="CDR Format")


Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class TimeOfDay(Form):
    """A window of time that comes again every week, in the machine's time zone."""

    form: ClassVar[str] = "Domain Policies > Time of Day Rules"
    name: Name = Field("default", title="Rule Name")
    days: tuple[Day, ...] = Field(DAYS, title="Days", min_length=1)
    start: str = Field("00:00", title="Start Time")
    end: str = Field("24:00", title="End Time")
    """24:00 is midnight; an end before the start lies on the next day."""

    @model_validator(mode="after")
    def _times(self) -> TimeOfDay:
        for text in (self.start, self.end):
            if text != "24:00" and not _TIME.fullmatch(text):
                raise ValueError(f"{text!r}: write a time as 08:30")
        if self.start in (self.end, "24:00"):
            raise ValueError("the window is empty")
        return self

    @property
    def always(self) -> bool:
        """Whether the window never closes."""
        return len(self.days) == len(DAYS) and (self.start, self.end) == ("00:00", "24:00")

    def holds(self, weekday: int, minute: int) -> bool:
        """Whether the window is open. weekday: 0 is Monday; minute: of the day."""
        start, end = _minute(self.start), _minute(self.end)
        if start < end:
            return DAYS[weekday] in self.days and start <= minute < end
        if minute >= start:
            return DAYS[weekday] in self.days
        return minute < end and DAYS[(weekday - 1) % 7] in self.days


def _minute(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


def split_flat(given: Any) -> Any:  # noqa: ANN401 - whatever the file holds
    """A policy group of an older file, whose fields stood in the group itself."""
    places = {
        "max_concurrent_sessions": "application", "max_sessions_per_endpoint": "application",
        "voice_qos": "media", "media_timeout_seconds": "media", "media_encryption": "media",
    }  # fmt: skip
    if not isinstance(given, dict) or not places.keys() & given.keys():
        return given
    rest = {key: value for key, value in given.items() if key not in places}
    if rest.get("sets"):
        raise ValueError("the rules of a group stand in its sets: name a media rule there")
    rules: dict[str, dict[str, Any]] = {}
    for key in places.keys() & given.keys():
        field = "encryption" if key == "media_encryption" else key
        rules.setdefault(places[key], {"name": str(given.get("name", "default"))})[field] = given[
            key
        ]
    rest["sets"] = [rules]
    return rest
