"""Cross-checks of the media engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.config.base import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farline.config.deployment import Border

PLACE = "border.media_engine"


def check_media_engine(border: Border) -> Iterator[Problem]:
    """Nodes and interfaces are there for rtpengine, and for nobody else."""
    engine = border.media_engine
    if engine.engine == "relay":
        for field in ("nodes", "interfaces"):
            if getattr(engine, field):
                text = "only rtpengine has them; the built-in relay is one process here"
                remedy = "remove them, or set engine: rtpengine"
                yield Problem(f"{PLACE}.{field}", text, remedy, engine.form)
        return
    if engine.fast_path != "auto":
        remedy = "remove it: rtpengine has a kernel module of its own (its --table)"
        text = "only the built-in relay has a fast path"
        yield Problem(f"{PLACE}.fast_path", text, remedy, engine.form)
    if not engine.nodes:
        remedy = "give at least one: {address: 127.0.0.1, port: 2223}"
        yield Problem(f"{PLACE}.nodes", "rtpengine without a node", remedy, engine.form)
    places = [(node.address, node.port) for node in engine.nodes]
    for index, (node, place) in enumerate(zip(engine.nodes, places, strict=True)):
        if place in places[:index]:
            text = f"{place[0]}:{place[1]} is there twice"
            yield Problem(f"{PLACE}.nodes[{index}]", text, "remove one", node.form)
    yield from _interfaces(border)
    if engine.recording_directory:
        remedy = "remove it; rtpengine writes its own recordings (--recording-dir)"
        text = "only the built-in relay writes WAV files"
        yield Problem(f"{PLACE}.recording_directory", text, remedy, engine.form)
    yield from _groups(border)


def _groups(border: Border) -> Iterator[Problem]:
    """What policy groups in use ask for, and rtpengine is not asked for here."""
    engine = border.media_engine
    resolved = border.resolved_groups()
    used = {flow.end_point_policy_group for flow in border.subscriber_flows}
    used |= {flow.end_point_policy_group for flow in border.server_flows}
    for group in border.policy_groups:
        if group.name not in used:
            continue
        if any(rules.media.encryption != "off" for rules in resolved[group.name]):
            text = f"policy group {group.name!r} encrypts media, which is not built with rtpengine"
            yield Problem(f"{PLACE}.engine", text, "set engine: relay", engine.form)
        if any(rules.media.hold_music for rules in resolved[group.name]):
            text = f"policy group {group.name!r} has Hold Music, which is not built with rtpengine"
            yield Problem(f"{PLACE}.engine", text, "set engine: relay", engine.form)
        if any(rules.recording.recording_profile for rules in resolved[group.name]):
            text = f"policy group {group.name!r} has a Recording Profile, which needs our relay"
            yield Problem(f"{PLACE}.engine", text, "set engine: relay", engine.form)
        if any(rules.recording.record_to_file for rules in resolved[group.name]):
            text = f"policy group {group.name!r} records calls, which is not built with rtpengine"
            remedy = "set engine: relay, or Recording to none"
            yield Problem(f"{PLACE}.engine", text, remedy, engine.form)


def _interfaces(border: Border) -> Iterator[Problem]:
    known = {interface.name for interface in border.media_interfaces}
    seen: set[str] = set()
    for index, entry in enumerate(border.media_engine.interfaces):
        place = f"{PLACE}.interfaces[{index}].media_interface"
        if entry.media_interface not in known:
            text = f"no such media interface {entry.media_interface!r}"
            remedy = f"there is: {', '.join(sorted(known)) or 'none'}"
            yield Problem(place, text, remedy, entry.form)
        if entry.media_interface in seen:
            text = f"{entry.media_interface!r} is there twice"
            yield Problem(place, text, "remove one", entry.form)
        seen.add(entry.media_interface)
