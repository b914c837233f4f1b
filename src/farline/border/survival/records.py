"""Bindings and sessions as records: what of them must outlive the process, as JSON.

Times in a record are wall-clock seconds, since monotonic ones begin anew. Texts came from the wire
and may hold bytes that are no UTF-8 (as lone surrogates): JSON has escapes for them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, TypeVar

import msgspec

from farline.border.calls.session import End, Names  # noqa: TC001 - msgspec reads the annotations
from farline.media.engine import Side as MediaSide  # noqa: TC001 - as above

VERSION = 1
MAX_VALUE = 256 * 1024
"""Bytes of a record: the longest headers of a dialog, several times."""

BINDING, SESSION, ACCOUNT = "binding", "session", "account"
"""The nouns."""

Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
HostPort = tuple[str, Port]
R = TypeVar("R", bound="Record")


class RecordError(ValueError):
    """A record that cannot be used; the text says why."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What all records have."""

    version: int


@dataclass(frozen=True, slots=True)
class HopRecord:
    """A next hop: where the binding's way to the office leads."""

    server: str
    transport: str
    remote: HostPort
    failover: bool
    server_flow: str
    """Name of the server flow that leads there."""
    name: str = ""
    """The host name that led here."""


class BindingRecord(Record, frozen=True, kw_only=True):
    """One registered contact."""

    key: tuple[str, ...]
    user: str
    domain: str
    subscriber: str
    """Name of the subscriber flow."""
    contact: str
    interface: str
    transport: str
    remote: HostPort
    """Where the phone was, and how it came."""
    local: HostPort
    """Which address of ours it came to."""
    expires_at: float
    registered_at: float
    outbound: bool
    service_routes: tuple[str, ...]
    hop: HopRecord | None
    path: tuple[str, ...] = ()
    push: tuple[tuple[str, str], ...] = ()
    answer: tuple[tuple[str, str], ...] = ()
    office_lease: float = 0.0
    phone_until: float


class MediaRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The media session of a call."""

    name: str
    outside: MediaSide
    inside: MediaSide
    origins: dict[str, str]
    """By side."""
    late_offer: str | None
    hold: str = "none"
    outer_hold: str = "none"
    fax: bool = True


@dataclass(frozen=True, slots=True)
class JointRecord:
    """Where a call goes on of which one end has left."""

    side: str
    other: tuple[str, str, str]
    """Key of the other call."""
    other_side: str
    voice: str


@dataclass(frozen=True, slots=True)
class TimerRecord:
    """A session timer that the border looks after, or remembers."""

    interval: int
    asks: str
    refresher: str | None
    updating: tuple[str, ...]
    end_to_end: bool
    expires_at: float
    shown: tuple[str, bytes] | None = None
    """Tag and description of the other end, where a refresh of ours has to bear it."""


class SessionRecord(Record, frozen=True, kw_only=True):
    """One dialog through the border, with both its ends."""

    key: tuple[str, str, str]
    initiator: str
    is_call: bool
    group: str
    caller: End
    names: dict[str, Names]
    """By side."""
    callees: dict[str, End]
    confirmed: str
    state: str
    started_at: float
    expires_at: float | None
    """Of a subscription."""
    media: MediaRecord | None
    server_group: str = ""
    has_video: bool = False
    recordings: tuple[str, ...] = ()

    joint: JointRecord | None = None
    timer: TimerRecord | None = None


class AccountRecord(Record, frozen=True, kw_only=True):
    """A registration of the border's own with a server."""

    aor: str
    call_id: str
    cseq: int
    address: str
    until: float
    """End of the lease; 0: there is none."""
    refresh_at: float
    """When it is asked for next."""
    failed: str = ""
    """Why the last try came to nothing."""
    retry: float = 15.0
    """Seconds until the try after the next, should that fail too."""
    form: str = ""
    """What shows that the forms are another since the failure."""


def encode(record: Record) -> bytes:
    """A record as JSON."""
    try:
        return msgspec.json.encode(record)
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(record)).encode("ascii")


def decode(value: bytes, kind: type[R]) -> R:
    """The reverse of `encode`; raises RecordError."""
    if len(value) > MAX_VALUE:
        raise RecordError(f"{len(value)} bytes")
    try:
        record = msgspec.convert(json.loads(value), kind)
    except (ValueError, RecursionError) as error:  # ValidationError is a ValueError
        raise RecordError(str(error)) from None
    if record.version != VERSION:
        raise RecordError(f"of version {record.version}, this is {VERSION}")
    return record
