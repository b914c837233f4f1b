"""The steps of a login as values: what was done, how long it took, and at which door it failed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Door(StrEnum):
    """Where a login can be turned away."""

    DNS = "DNS"
    REST = "REST"
    XMPP = "XMPP"
    SIP = "SIP"


class StepError(Exception):
    """A step failed. `door` says where, `why` in one sentence what to do about it or what is wrong.

    `wrong_password`: the door refused the credentials.
    """

    def __init__(self, door: Door, why: str, *, wrong_password: bool = False) -> None:
        super().__init__(f"{door}: {why}")
        self.door = door
        self.why = why
        self.wrong_password = wrong_password


@dataclass(frozen=True, slots=True)
class Step:
    """One finished step."""

    name: str
    """dns, im-info, xmpp, mybuddy, sip-info, register."""
    ok: bool
    ms: float
    detail: str
    """What it proved, or the door and why it failed."""
