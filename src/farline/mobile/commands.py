"""What a phone is told and what it tells, besides the SIP inputs and outputs of `sip.effects`.

A call is named by a text: the caller names outgoing ones (`Dial.call`), the phone incoming ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farline.mobile.offer import MediaPlan
    from farline.sip.headers import Reason
    from farline.sip.transport import Address, Flow


# ---- inputs ----


@dataclass(frozen=True, slots=True)
class Register:
    """Open the way to the server and register; go on refreshing until `Unregister`."""

    local: Address
    """Our UDP address; with TCP and TLS only its host counts (the flow brings the port)."""


@dataclass(frozen=True, slots=True)
class Unregister:
    """End every call, remove the binding, close the flow."""


@dataclass(frozen=True, slots=True)
class Dial:
    """Call an extension, or a whole SIP URI."""

    call: str
    target: str


@dataclass(frozen=True, slots=True)
class MediaReady:
    """The answer to `NeedMedia`: the RTP port is open (RTCP on the next one)."""

    call: str
    address: Address


@dataclass(frozen=True, slots=True)
class MediaFailed:
    """The other answer to `NeedMedia`."""

    call: str
    reason: str


@dataclass(frozen=True, slots=True)
class Pick:
    """Answer a ringing call."""

    call: str


@dataclass(frozen=True, slots=True)
class Reject:
    """Refuse a ringing call."""

    call: str
    status: int = 486


@dataclass(frozen=True, slots=True)
class HangUp:
    """End a call in whatever state: CANCEL, a refusal, or BYE."""

    call: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Put the peer on hold by re-INVITE."""

    call: str


@dataclass(frozen=True, slots=True)
class Resume:
    """Take the peer back."""

    call: str


@dataclass(frozen=True, slots=True)
class Ponged:
    """The flow answered a keep-alive (RFC 5626 section 4.4.1)."""

    flow: Flow


Command = (
    Register
    | Unregister
    | Dial
    | MediaReady
    | MediaFailed
    | Pick
    | Reject
    | HangUp
    | Hold
    | Resume
    | Ponged
)


# ---- outputs ----


class Registered(StrEnum):
    """States of the registration."""

    CONNECTING = "connecting"
    STARTED = "started"
    """REGISTER has left."""
    REGISTERED = "registered"
    LOST = "lost"
    """It will be tried again by itself."""
    REFUSED = "refused"
    """The server's final word: trying again would not help."""
    UNREGISTERED = "unregistered"


@dataclass(frozen=True, slots=True)
class RegistrationNews:
    """The registration reached a state."""

    state: Registered
    detail: str
    lease: int = 0
    """Seconds granted."""
    status: int = 0
    """SIP status behind it; 0: none."""
    retry_in: float | None = None
    """With LOST: seconds until the next attempt."""


class CallState(StrEnum):
    """What a user sees of a call."""

    INCOMING = "incoming"
    CALLING = "calling"
    RINGING = "ringing"
    ANSWERED = "answered"
    HELD = "held"
    """The peer holds us."""
    HOLDING = "holding"
    """We hold the peer."""
    RESUMED = "resumed"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class CallNews:
    """A call reached a state."""

    call: str
    state: CallState
    detail: str = ""
    status: int = 0
    """SIP status behind it; 0: none."""
    peer: str = ""
    """Who it is, for people: display name and URI."""
    call_id: str = ""
    by_peer: bool = False
    """ENDED: the peer ended it."""
    reason: Reason | None = None
    """ENDED: the Reason header that came with it."""


@dataclass(frozen=True, slots=True)
class NeedMedia:
    """Open a pair of ports for this call, answer with `MediaReady` or `MediaFailed`."""

    call: str


@dataclass(frozen=True, slots=True)
class MediaNews:
    """Offer and answer settled, or changed, the audio of a call."""

    call: str
    plan: MediaPlan


@dataclass(frozen=True, slots=True)
class MediaEnded:
    """Close the ports of this call."""

    call: str


@dataclass(frozen=True, slots=True)
class TextReceived:
    """A MESSAGE arrived (RFC 3428); at most 1300 bytes of it."""

    sender: str
    text: str
