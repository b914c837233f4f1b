"""What an engine tells unasked: values for the cores, and how the relay's reports become them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from farline._core import (
        DigitReport,
        ExhaustedReport,
        OneWayReport,
        RecordingReport,
        SilenceReport,
    )

    RelayReport = SilenceReport | DigitReport | OneWayReport | ExhaustedReport | RecordingReport


@dataclass(frozen=True, slots=True)
class MediaTimeout:
    """A core's input: no packet on any stream of the session for the configured time."""

    session: str
    silent_seconds: float


@dataclass(frozen=True, slots=True)
class PortsExhausted:
    """A core's input: the session got no ports, the range of a media interface is used up.

    Told once, and again after a session has got ports there.
    """

    session: str
    interface: str


@dataclass(frozen=True, slots=True)
class MediaSessions:
    """A core's input: the names of all sessions of the engine, whenever it is found (again)."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DigitDialled:
    """A core's input: a telephone-event (RFC 4733) is over; once an event."""

    session: str
    side: str
    """Who dialled, by the name of the side."""
    digit: str
    """0 to 9, *, #, A to D; ! is flash."""
    duration_ms: int


@dataclass(frozen=True, slots=True)
class OneWayAudio:
    """A core's input: one side sends and the other has been silent for some seconds."""

    session: str
    side: str
    """Who is silent, by the name of the side."""
    silent_seconds: float
    because: str
    """What the counters show (`farline.media.diagnosis`)."""


@dataclass(frozen=True, slots=True)
class CallRecorded:
    """A core's input: a recording has begun, has ended, or cannot go on.

    It may come after the session has ended.
    """

    session: str
    state: str
    """"began", "ended" or "failed"."""
    file: str
    """Name of the WAV file in the engine's recording directory."""
    seconds: float = 0.0
    """How long it is, with "ended"."""
    dropped_packets: int = 0
    """Not in it because the disk was too slow."""
    why: str = ""
    """With "failed"."""


MediaReport = MediaTimeout | DigitDialled | OneWayAudio | PortsExhausted | CallRecorded

_NAMES: dict[str, type[MediaReport]] = {
    "timeout": MediaTimeout,
    "digit": DigitDialled,
    "one-way": OneWayAudio,
    "exhausted": PortsExhausted,
    "recording": CallRecorded,
}


class MediaReportError(ValueError):
    """An object that is no report."""


class Known(Protocol):
    """What is known of the sessions that reports are about."""

    def side_name(self, session: str, side: int) -> str:
        """What a side is called."""

    def summary(self, session: str) -> str:
        """What the counters of a session show."""


def from_relay(report: RelayReport, sessions: Known) -> MediaReport:
    """What a report of `farline._core.Relay` means."""
    match report["kind"]:
        case "silence":
            return MediaTimeout(report["session"], report["idle_ms"] / 1000)
        case "digit":
            side = sessions.side_name(report["session"], report["side"])
            return DigitDialled(report["session"], side, report["digit"], report["duration_ms"])
        case "one-way":
            name = report["session"]
            side = sessions.side_name(name, report["side"])
            return OneWayAudio(name, side, report["idle_ms"] / 1000, sessions.summary(name))
        case "exhausted":
            return PortsExhausted(report["session"], report["interface"])
        case "recording":
            return CallRecorded(
                report["session"],
                report["state"],
                report["file"],
                report["duration_ms"] / 1000,
                report["dropped_packets"],
                report["why"] or "",
            )


def encode_report(report: MediaReport) -> dict[str, Any]:
    """A report as an object for JSON: {"event": its name, ...its fields}."""
    name = next(name for name, kind in _NAMES.items() if isinstance(report, kind))
    return {"event": name, **asdict(report)}


def decode_report(value: dict[str, Any]) -> MediaReport:
    """The reverse of `encode_report`; raises MediaReportError."""
    kind = _NAMES.get(value.get("event", ""))
    if kind is None:
        raise MediaReportError(f"no report is called {value.get('event')!r}")
    try:
        return kind(**{name: field for name, field in value.items() if name != "event"})
    except TypeError as error:
        raise MediaReportError(f"no report: {error}") from None
