"""Domain Policies: the rules that an end point policy group is put together of."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field

from farline.config.base import Form, Name
from farline.config.rule_values import DsByte, HeaderName, MediaType, Token
from farline.config.signaling_rules import NAMED


class Application(Form):
    """One line of an application rule."""

    form: ClassVar[str] = "Domain Policies > Application Rules"
    inbound: bool = Field(True, title="In")
    """Begun by the peer of the flow (the end point, the server)."""
    outbound: bool = Field(True, title="Out")
    """Begun towards it."""
    max_concurrent_sessions: int = Field(10_000, ge=0, title="Maximum Concurrent Sessions")
    max_sessions_per_endpoint: int = Field(10, ge=0, title="Maximum Sessions Per Endpoint")
    """Of one phone. A server is no end point: of its flow only the sessions in all count."""


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
    """Of one phone, voice and video together; not of a server."""


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
    """Seconds without a packet in either direction after which a call ends; of the two legs of a
    call the shorter one counts."""
    hold_music: str = Field("", max_length=512, title="Hold Music")
    """A WAV file (16 bits, 8, 16 or 48 kHz, up to five minutes) that the flow's peer hears while
    the other side holds it and sends nothing itself; a relative path starts at the deployment
    file. Empty: none."""
    bfcp: bool = Field(False, title="BFCP Enabled")
    """Floor control (RFC 8856): its m= lines are refused unless this is on."""
    fecc: bool = Field(False, title="FECC Enabled")
    """Far end camera control (H.224, RFC 4573)."""


def _scrubbed(name: str) -> str:
    if name.lower() in NAMED:
        raise ValueError(f"{name} carries the dialog and cannot be taken out")
    return name


ScrubbedHeader = Annotated[HeaderName, AfterValidator(_scrubbed)]
Check = Literal["known_methods", "one_contact", "printable_user", "content_type", "sdp"]


UNLIMITED_BYTES = 65_535
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
    scrub_headers: tuple[ScrubbedHeader, ...] = Field((), title="Scrubber: Headers", max_length=64)
    """Taken out of what the flow's peer sends; not what a dialog lives by."""
    scrub_bodies: tuple[MediaType, ...] = Field((), title="Scrubber: Bodies", max_length=64)
    """Media types (text/html, application/*) of bodies that are taken out."""
    max_message_bytes: int = Field(
        UNLIMITED_BYTES, ge=1000, le=UNLIMITED_BYTES, title="DoS: Message Size"
    )
    """More gets 413; the shield's Maximum Message Size holds for all flows besides."""
    max_requests_per_second: int = Field(0, ge=0, le=100_000, title="DoS: Requests Per Second")
    """Of one end point, over two seconds; 0: no limit. More get 503."""


class ChargingRule(Form):
    """Which calls the border writes records of."""

    form: ClassVar[str] = "Domain Policies > Charging Rules"
    name: Name = Field("default", title="Rule Name")
    records: Literal["off", "answered", "all"] = Field("off", title="CDR")
    """all: also calls that nobody answered, and those that the border refused, with the reason:
    by any rule, for want of a way or of room. Strangers' calls have no record."""
    format: Literal["jsonl", "sqlite"] = Field("jsonl", title="CDR Format")


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
