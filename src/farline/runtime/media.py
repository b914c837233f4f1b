"""The media roles: the border's engine, and the office's own, each with its box's addresses."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from farline.config.office import MEDIA_INTERFACE
from farline.config.policy_rules import MediaRule
from farline.media.diagnosis import summary
from farline.media.engine import Query
from farline.media.opening import place_name
from farline.media.quality import leg_quality
from farline.runtime.media_client import MediaClient
from farline.runtime.media_memory import clear_dead_pins
from farline.runtime.media_process import MediaPlace, MediaSettings, instance_name, serve
from farline.runtime.named_files import directory_fault
from farline.runtime.secret_directory import clear_dead, secret_directory

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from farline.config import Border, Deployment, ServerFlow, SubscriberFlow
    from farline.media.engine import StreamStats
    from farline.runtime.role import RoleContext

log = logging.getLogger(__name__)

SHOWN = 500
"""Sessions whose streams `show` lists: more than a person reads."""
OFFICE_TIMEOUT = 60.0
"""Seconds without media after which the office ends a call, as the border's default."""


async def run_border_media(context: RoleContext) -> None:
    """Serve the border's media engine until cancelled."""
    border = context.deployment.border
    if border is None:
        raise ValueError("this deployment has no border")
    fast_path = border.media_engine.fast_path
    recordings = context.base / border.media_engine.recording_directory
    if not border.media_engine.recording_directory:
        recordings = context.run_dir / "recordings"
    found = directory_fault(recordings)
    if found is not None:
        field = f"{border.media_engine.form} > Recording Directory"
        log.error("no call can be recorded: %s: %s; %s", field, *found)
    settings = MediaSettings(
        timeout_seconds=media_timeout(border),
        fast_path=fast_path,
        recordings=recordings,
        music=tuple({one.hold_music: None for one in media_rules(border) if one.hold_music}),
    )
    await _run(context, border_places(border), settings)


def border_places(border: Border) -> list[MediaPlace]:
    """The media interfaces: each once a DS byte, over the same ports.

    Those that no flow uses are there too, for a flow may come to name them while we run. The first
    has the interface's name and the byte of its first flow; a port that one has bound is passed
    over by the others.
    """
    places: list[MediaPlace] = []
    for interface in border.media_interfaces:
        classes = interface_classes(border, interface.name) or [MediaRule().voice_qos]
        for number, traffic_class in enumerate(classes):
            name = interface.name if not number else place_name(interface.name, traffic_class)
            places.append(
                MediaPlace(
                    name,
                    interface.ip,
                    *interface.port_range,
                    traffic_class=traffic_class,
                    shown=border.shown(interface.ip),
                )
            )
    return places


def interface_classes(border: Border, interface: str) -> list[int]:
    """The DS bytes that the flows of a media interface ask for, the first flow's voice first."""
    groups = border.resolved_groups()
    flows: tuple[SubscriberFlow | ServerFlow, ...] = border.subscriber_flows + border.server_flows
    rules = [
        one.media
        for flow in flows
        if interface in (flow.media_interface, getattr(flow, "secondary_media_interface", None))
        for one in groups[flow.end_point_policy_group]
    ]
    return list(dict.fromkeys(byte for rule in rules for byte in (rule.voice_qos, rule.video_qos)))


def media_rules(border: Border) -> list[MediaRule]:
    """The media rules of every flow."""
    groups = border.resolved_groups()
    flows: tuple[SubscriberFlow | ServerFlow, ...] = border.subscriber_flows + border.server_flows
    return [one.media for flow in flows for one in groups[flow.end_point_policy_group]]


def media_timeout(border: Border) -> float:
    """The shortest of the flows' media timeouts; each call has its own."""
    timeouts = (rule.media_timeout_seconds for rule in media_rules(border))
    return float(min(timeouts, default=MediaRule().media_timeout_seconds))


async def run_office_media(context: RoleContext) -> None:
    """Serve the office's media engine until cancelled."""
    settings = MediaSettings(timeout_seconds=OFFICE_TIMEOUT)
    await _run(context, office_places(context.deployment), settings)


def office_places(deployment: Deployment) -> list[MediaPlace]:
    """The office's media interface: its address and RTP port range."""
    office = deployment.office
    if office is None:
        raise ValueError("this deployment has no office")
    return [MediaPlace(MEDIA_INTERFACE, office.ip, *office.registrar.rtp_port_range)]


async def _run(context: RoleContext, places: list[MediaPlace], settings: MediaSettings) -> None:
    """`settings`: what does not follow from the place where the process runs."""
    path = context.media_path
    state = secret_directory(context.run_dir, context.role)
    instance = instance_name(path)
    clear_dead(state)
    clear_dead_pins(instance)
    settings = replace(
        settings,
        instance=instance,
        state=state,
        base=context.base,
    )
    serving = asyncio.ensure_future(serve(path, places, settings))
    client = MediaClient(path, lambda _: None)
    client.start()
    try:
        connected = asyncio.ensure_future(client.wait_connected())
        await asyncio.wait({connected, serving}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            serving.result()

        def show(call: str = "") -> Awaitable[dict[str, object]]:
            return _show(client, places, call)

        async with context.control({"show": show}):
            await serving
    finally:
        serving.cancel()
        await client.stop()
        await asyncio.gather(serving, return_exceptions=True)


async def _show(client: MediaClient, places: list[MediaPlace], call: str) -> dict[str, object]:
    """The interfaces, and the counters of every stream of the first SHOWN sessions.

    `call`: only sessions in whose name that stands. Keys are in no counter.
    """
    sessions = await client.sessions()
    streams: list[dict[str, object]] = []
    diagnoses: dict[str, str] = {}
    for session in [one for one in sessions if call in one][:SHOWN]:
        reply = await client.perform(Query(session))
        streams += [_shown(session, one) for one in reply.stats]
        diagnoses[session] = summary(reply.stats)
    reason = await client.no_fast_path()
    return {
        "fast_path": "settled flows are the kernel's" if reason is None else f"none: {reason}",
        "interfaces": list(dict.fromkeys(map(_interface, places))),
        "sessions": len(sessions),
        "streams": streams,
        "diagnoses": diagnoses,
    }


def _interface(place: MediaPlace) -> str:
    """Its name and ports, the same for each of its DS bytes."""
    name = place.name.removesuffix(place_name("", place.traffic_class))
    return f"{name} {place.ip}:{place.first}-{place.last}"


def _shown(session: str, stats: StreamStats) -> dict[str, object]:
    """One port's counters, with the MOS of both directions (`farline.media.quality`)."""
    shown: dict[str, object] = {"session": session, **msgspec.to_builtins(stats)}
    if stats.quality is not None:
        legs = leg_quality(stats.quality)
        shown |= {"mos_received": legs.received, "mos_sent": legs.sent}
    return shown
