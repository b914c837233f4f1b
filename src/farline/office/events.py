"""What a leg tells its call: SIP turned into a few neutral events.

An offer and its answer may travel in two ways (RFC 3264, RFC 3261 section 13): in the INVITE and
its 2xx, or, where the INVITE has no SDP ("late offer"), in the 2xx and its ACK.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farline.office.causes import Cause
    from farline.sip import Message
    from farline.sip.transaction import ServerTransaction


@dataclass(frozen=True, slots=True)
class Offered:
    """The peer wants to begin or change the session; answer with `Leg.answer` or `Leg.refuse`.

    `sdp` None: the peer wants our offer in the answer.
    """

    sdp: bytes | None


@dataclass(frozen=True, slots=True)
class Ringing:
    """The peer's phone alerts (180) or plays something (`sdp`: early media)."""

    status: int
    sdp: bytes | None


@dataclass(frozen=True, slots=True)
class Answered:
    """The peer accepted our INVITE: its answer, or its offer when ours had none (`late`).

    A late one waits for `Leg.acknowledge`.
    """

    sdp: bytes | None
    late: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """The peer refused our INVITE. A first INVITE ends the leg with it, a later one does not."""

    status: int


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The ACK to our 2xx came; `sdp` is the answer to a late offer."""

    sdp: bytes | None


@dataclass(frozen=True, slots=True)
class Ended:
    """The peer hung up, gave up (CANCEL) or is gone; the leg is over."""

    cause: Cause


@dataclass(frozen=True, slots=True)
class Informed:
    """The peer sent INFO (DTMF and the like); answer it with `Leg.reply`."""

    tx: ServerTransaction
    message: Message


@dataclass(frozen=True, slots=True)
class TransferAsked:
    """The peer wants its partner to call somebody else (REFER); answer it with `Leg.reply`."""

    tx: ServerTransaction
    message: Message


LegEvent = Offered | Ringing | Answered | Refused | Acknowledged | Ended | Informed | TransferAsked
