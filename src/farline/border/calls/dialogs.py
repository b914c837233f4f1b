"""What the border writes down of a dialog: its session, the ends, the media session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from farline.border.calls.anchor import Anchored
from farline.border.calls.session import End, Names, Session
from farline.border.calls.targets import routes_behind, target_of
from farline.border.exchange import Side
from farline.border.policy import admitting
from farline.border.topology.line import is_line_of
from farline.config.matching import ANY
from farline.config.subnets import literal
from farline.media.engine import Side as MediaSide
from farline.trace.events import CallChanged, MediaSeen, Trace

if TYPE_CHECKING:
    from collections.abc import Callable

    from farline.border.context import Context
    from farline.border.passage import Passage
    from farline.border.registrations.binding import Binding
    from farline.border.topology.line import Line
    from farline.config import Rules, ServerFlow
    from farline.sip import Flow, Message

SUBSCRIPTION_SECONDS = 3600.0
"""Life of a subscription that states none (RFC 6665 leaves it to the package)."""

SLACK_SECONDS = 64.0
"""What a subscription's record outlives it, for its last NOTIFY."""


def open_session(context: Context, passage: Passage, out: Message, *, is_call: bool) -> Session:
    """A session for a first request that is about to go out as `out`."""
    request, sender, binding = passage.request, passage.sender, passage.binding
    seen, shown = (
        Names(one.get("From") or "", one.get("To") or "", passage.masked, one.call_id)
        for one in (request, out)
    )
    call_id = context.plan.call_ids.canonical(request.call_id)
    session = Session(
        key=(binding.subid, call_id, request.from_tag),
        call_id=call_id,
        binding=binding,
        initiator=sender,
        is_call=is_call,
        group=binding.subscriber.end_point_policy_group,
        server_group=passage.line.server.end_point_policy_group,
        caller=End(target_of(request), routes_behind(request, _ours(passage)), request.cseq),
        names={sender: seen, sender.other: shown},
        started_at=context.now,
    )
    context.sessions.add(session)
    passage.session = session
    if is_call:
        detail = f"{binding.aor}, from {sender}"
        context.put(Trace(CallChanged(session.call_id, "started", detail)))
    return session


def open_anchor(context: Context, session: Session, upstream: Flow, passage: Passage) -> None:
    """The media session of a call, with the addresses that its signaling comes from now.

    `upstream`: the flow to the side that did not send the request.
    """
    binding, sender = session.binding, passage.sender
    line, phone = binding.line, upstream if sender is Side.INSIDE else binding.phone
    if line is None or phone is None:
        return
    office = upstream.remote.host if sender is Side.OUTSIDE else line.hop.host
    outer, inner = passage.rules(Side.OUTSIDE), passage.rules(Side.INSIDE)
    outside = _outside(context, binding, phone.remote.host, outer)
    first, second = _inner_interfaces(context, line.server, office)
    inside = _media_side("inside", first, office, inner, events=_gets_events(context, line.server))
    known = session.anchored
    if known is not None:
        if known.open:  # a call stays where its ports are
            inside = replace(inside, interface=known.inside.interface)
        known.outside, known.inside = outside, inside
    else:
        known = session.anchored = Anchored(context.ids.token(), outside, inside, _origins(line))
        _say_anchored(context, session, known, line)
    known.spare = replace(inside, interface=second) if second else None
    works = context.plan.interworking[line.server.server_profile].profile
    known.hold, known.fax = works.hold_support, works.t38_support
    known.hushed = frozenset() if works.send_hold else frozenset({Side.INSIDE})
    if binding.peer is not None:
        theirs = context.plan.interworking[binding.peer.server_profile].profile
        known.outer_hold, known.fax = theirs.hold_support, known.fax and theirs.t38_support
        if not theirs.send_hold:
            known.hushed |= {Side.OUTSIDE}
    known.policies = admitting.media_policies(context, session, passage)


def _outside(context: Context, binding: Binding, host: str, rules: Rules) -> MediaSide:
    """The phone's leg, or that of the server which began a way between servers."""
    if binding.peer is None:
        subscriber = binding.subscriber
        subnet = subscriber.source_subnet
        reach = () if subnet == ANY else (subnet,)
        side = _media_side("outside", subscriber.media_interface, host, rules)
        return replace(side, reach=reach)
    interface = _inner_interfaces(context, binding.peer, host)[0]
    events = _gets_events(context, binding.peer)
    return _media_side("outside", interface, host, rules, events=events)


def _inner_interfaces(context: Context, flow: ServerFlow, office: str) -> tuple[str, str]:
    """The media interface of a server flow and the other one; "" when it has one only.

    The first of the two is that of the office's IP family, where only one is.
    """
    other = flow.secondary_media_interface
    if other is None:
        return flow.media_interface, ""
    version = _version(office)
    first, second = (
        _version(context.plan.media[name].ip) for name in (flow.media_interface, other)
    )
    if version and first != version and second == version:
        return other, flow.media_interface
    return flow.media_interface, other


def _version(host: str) -> int:
    """4 or 6, 0 for a name."""
    address = literal(host)
    return address.version if address is not None else 0


def _gets_events(context: Context, flow: ServerFlow) -> bool:
    """Whether the server is to get telephone-events; it may want INFO instead."""
    profile = context.plan.interworking[flow.server_profile].profile
    return profile.dtmf_support != "sip_info"


def _media_side(
    name: str, interface: str, source: str, rules: Rules, *, events: bool = True
) -> MediaSide:
    """One leg as the media engine is told of it."""
    rule = rules.media
    classes = (("audio", rule.voice_qos), ("video", rule.video_qos))
    latches = source if rules.border.nat else ""
    record, music, more = rules.recording.record_to_file, rule.hold_music, rule.audio.transcoding
    timeout = rule.media_timeout_seconds
    return MediaSide(
        name, interface, latches, rule.encryption, classes, events, record, music, more, timeout
    )


def _say_anchored(context: Context, session: Session, anchored: Anchored, line: Line) -> None:
    context.sessions.note_media(anchored.media, session)
    interfaces = f"{anchored.outside.interface} and {anchored.inside.interface}"
    where = f"{interfaces}, media session {anchored.media}"
    context.put(Trace(MediaSeen(session.call_id, "anchored", where)))
    profile = line.server.topology_hiding_profile or "the guide's defaults"
    context.decided("topology", profile, f"the office reads {line.inside_route}", line.server.form)


def _origins(line: Line) -> dict[Side, str]:
    """What o= of SDP says to each side to which the topology hiding profile hides it."""
    outer = line.peer_hiding if line.outside_token else line.hiding
    kind = "server" if line.outside_token else "endpoint"
    said = {
        side: hiding.origin(to)
        for side, hiding, to in (
            (Side.INSIDE, line.hiding, "server"), (Side.OUTSIDE, outer, kind),
        )
        if hiding is not None
    }  # fmt: skip
    return {side: address for side, address in said.items() if address is not None}


def learn_answer(session: Session, passage: Passage, response: Message) -> None:
    """Note the called end from a 18x or 2xx; in a later transaction its new Contact."""
    if passage.near is not None and passage.far is not None:
        if response.status >= 200:
            refresh(passage.near, passage.request)
            target = target_of(response)
            passage.far.target = target or passage.far.target
            _hear_name(passage)
        return
    tag = response.to_tag
    if not tag:
        return
    # The list runs from the called end to us: turned round, the proxy nearest to us comes first.
    routes = routes_behind(response, _ours(passage))[::-1]
    session.learn_callee(tag, target_of(response), routes)


def _hear_name(passage: Passage) -> None:
    """A server may say that somebody else is at its end now (a transfer behind it)."""
    from_server = passage.sender is Side.INSIDE or passage.binding.is_way
    asserted = passage.request.get("P-Asserted-Identity")
    if from_server and asserted and passage.near is not None:
        passage.near.asserted = asserted


def refresh(end: End, request: Message) -> None:
    """A request that was accepted may move its sender (RFC 3261 section 12.2.1.2)."""
    target = target_of(request)
    if target:
        end.target = target


def confirm(session: Session, passage: Passage, response: Message, out: Message) -> None:
    """Note the accepted answer of a first INVITE, and who the called end is for each side."""
    if session.confirmed or passage.near is not None:
        return
    session.confirmed = response.to_tag
    session.names[passage.sender.other].callee = response.get("To") or ""
    session.names[passage.sender].callee = out.get("To") or ""


def lengthen(context: Context, session: Session, seconds: float | None) -> None:
    """Keep a subscription's record for `seconds` from now."""
    if session.is_call:
        return
    life = (SUBSCRIPTION_SECONDS if seconds is None else seconds) + SLACK_SECONDS
    expire_at(context, session, context.now + life)
    context.keeper.session(session)


def expire_at(context: Context, session: Session, at: float) -> None:
    """Forget a subscription at a time (monotonic seconds)."""
    if session.expiry is not None:
        session.expiry.stop()
    session.expires_at = at
    session.expiry = context.schedule.start(
        at,
        "subscription",
        lambda _: context.end_session(session, "ended", "the subscription ran out"),
    )


def _ours(passage: Passage) -> Callable[[str], bool]:
    line = passage.line
    return lambda value: is_line_of(line, value)
