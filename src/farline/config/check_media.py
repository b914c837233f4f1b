"""Cross-checks of the media engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.config.base import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farline.config.deployment import Border
    from farline.config.policy_groups import Rules

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
        remedy = "remove it; each node has its own (rtpengine --recording-dir)"
        text = "only the built-in relay writes WAV files"
        yield Problem(f"{PLACE}.recording_directory", text, remedy, engine.form)
    yield from _groups(border)
    yield from _digits(border)


def dials(border: Border) -> bool:
    """Whether the engine may have to put digits of signaling into streams (DTMF Support)."""
    return any(support == "rfc_4733" for _, support in _dtmf_support(border))


def _dtmf_support(border: Border) -> Iterator[tuple[int, str]]:
    """What each server profile with a flow understands of digits."""
    support = {profile.name: profile.dtmf_support for profile in border.interworking}
    used = {flow.server_profile for flow in border.server_flows}
    for index, server in enumerate(border.server_profiles):
        if server.name in used and server.advanced.interworking_profile in support:
            yield index, support[server.advanced.interworking_profile]


def _digits(border: Border) -> Iterator[Problem]:
    """Digits of the stream that are to become INFO: rtpengine tells nobody of them in ng."""
    for index, support in _dtmf_support(border):
        if support == "sip_info":
            place = f"border.server_profiles[{index}].advanced.interworking_profile"
            text = "DTMF Support sip_info needs telephone-events told, which ng has no message for"
            remedy = "set DTMF Support to rfc_4733 or none, or engine: relay"
            yield Problem(place, text, remedy, border.media_engine.form)


def _unserved(rules: Rules) -> Iterator[tuple[str, str]]:
    """What a policy asks of the engine that rtpengine is not asked for, and why not."""
    if rules.media.encryption != "off":
        yield "encrypts media", "Farline agrees on keys for its own relay only; Encryption off"
    if rules.media.hold_music:
        why = "its playback talks over what the holder sends, and reads a file of each node"
        yield "has Hold Music", f"{why}; leave it empty"
    if rules.recording.recording_profile:
        yield "has a Recording Profile", "copies for SIPREC come from our own relay; leave it empty"


def _groups(border: Border) -> Iterator[Problem]:
    """What policy groups in use ask for, and rtpengine cannot or is not asked to do."""
    engine = border.media_engine
    resolved = border.resolved_groups()
    used = {flow.end_point_policy_group for flow in border.subscriber_flows}
    used |= {flow.end_point_policy_group for flow in border.server_flows}
    for group in border.policy_groups:
        rules = resolved[group.name] if group.name in used else ()
        for asks, why in dict.fromkeys(found for one in rules for found in _unserved(one)):
            text = f"policy group {group.name!r} {asks}, which is not built with rtpengine"
            yield Problem(f"{PLACE}.engine", text, f"{why}, or set engine: relay", engine.form)


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
