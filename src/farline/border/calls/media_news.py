"""What the media engine tells unasked: a call that is silent, ports that are used up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.border.calls.teardown import hang_up
from farline.border.interworking import dtmf
from farline.media.engine import Delete, Media
from farline.media.reports import (
    CallRecorded,
    DigitDialled,
    MediaReport,
    MediaTimeout,
    OneWayAudio,
    PortsExhausted,
)
from farline.trace.events import MediaSeen, Trace

if TYPE_CHECKING:
    from farline.border.context import Context


def take(context: Context, report: MediaReport) -> None:
    """Act on a report; of a session that is not known here most say nothing."""
    match report:
        case MediaTimeout():
            _silent(context, report)
        case DigitDialled():
            session = context.sessions.by_media(report.session)
            call = context.call = session.call_id if session is not None else ""
            pressed = f"{report.side} dialled a digit for {report.duration_ms} ms"
            context.out.append(Trace(MediaSeen(call, "digit", pressed)))
            if session is not None:
                dtmf.to_info(context, session, report)
        case OneWayAudio():
            silent = f"{report.side} silent for {report.silent_seconds:.0f} s: {report.because}"
            session = context.sessions.by_media(report.session)
            call = session.call_id if session is not None else ""
            context.counters["media.one_way"] += 1
            context.out.append(Trace(MediaSeen(call, "one-way audio", silent)))
        case CallRecorded():
            _recorded(context, report)
        case PortsExhausted():
            why = f"media interface {report.interface} has no free ports"
            context.out.append(Trace(MediaSeen("", "ports exhausted", why)))


def _recorded(context: Context, report: CallRecorded) -> None:
    """A recording began, ended or failed; no call ends for it."""
    session, media = context.sessions.by_media(report.session), report.session
    if session is not None and report.state == "began" and report.file in session.recordings:
        return  # told again: the engine does not know who has heard of it
    if session is not None:
        context.recorded[media] = session.call_id
        if report.state == "began":
            session.recordings = (*session.recordings, report.file)
            context.keeper.session(session)
    call = context.recorded.get(media, "")
    said = report.file
    if report.state == "ended":
        lost = f", {report.dropped_packets} packets left out" if report.dropped_packets else ""
        said = f"{report.file}, {report.seconds:.1f} s{lost}"
    elif report.state == "failed":
        said = f"{report.file}: {report.why}"
        context.counters["media.recording_failed"] += 1
    if report.state != "began" and session is None:
        context.recorded.pop(media, None)
    while len(context.recorded) > context.limits.sessions:
        del context.recorded[next(iter(context.recorded))]
    context.out.append(Trace(MediaSeen(call, f"recording {report.state}", said)))


def _silent(context: Context, report: MediaTimeout) -> None:
    session = context.sessions.by_media(report.session)
    if session is None:
        # A call of the process before this one: its phones are silent, its ports are free.
        why = "silent, and of no call that is known here"
        context.out.append(Media(0, Delete(report.session, why)))
        context.out.append(Trace(MediaSeen("", "released", f"{report.session}: {why}")))
        return
    if session.state != "answered":
        return
    context.call = session.call_id
    why = f"no media for {report.silent_seconds:.0f} s"
    hang_up(context, session, why, cause=102)
