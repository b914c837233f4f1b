"""`farline explain`: what the border would do with a message, and why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from farline.border.explain.explainer import Explainer, Explanation, Step
from farline.border.explain.replay import Replay
from farline.border.explain.scratch import Scratch
from farline.border.topology.line import token_of
from farline.cli import offline
from farline.cli.failing import WRONG, ask, fail
from farline.runtime import clock
from farline.sip import Address, Flow, Message, Transport, WireError
from farline.trace.summary import printable

if TYPE_CHECKING:
    from farline.config import Border

REFUSED = 1
"""Exit status: a message was refused, so that scripts can ask."""


def explain(
    file: Annotated[Path, typer.Argument(help="A SIP message, or a pcap or pcapng file.")],
    config: Annotated[Path, typer.Option(help="The deployment file.")],
    at: Annotated[
        str | None, typer.Option(help="Signaling interface that the message arrives at.")
    ] = None,
    source: Annotated[
        str | None, typer.Option("--from", help="Who sends it, address:port.")
    ] = None,
    transport: Annotated[str, typer.Option(help="udp, tcp or tls.")] = "udp",
    registered: Annotated[
        list[str] | None,
        typer.Option(help="Take this AOR for registered; AOR=address:port for another phone."),
    ] = None,
    run_dir: Annotated[
        Path | None, typer.Option(help="Use the bindings of the border that runs there.")
    ] = None,
    message: Annotated[bool, typer.Option(help="Print the messages that would be sent.")] = False,
    secrets: Annotated[Path | None, typer.Option(help="Secrets file; none is needed.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Explain what every stage of the border decides about a message, and why.

    Each stage names the rule that matched and for every other the field that did not; then what
    would be sent where, or the refusal with form and field. Nothing is sent. In a capture the
    messages are explained in turn; --at and --from choose among them. Status 1: refused.

    Example: farline explain invite.sip --config farline.yaml --at B1 --from 203.0.113.5:5060
    """
    border = offline.read_border(config, secrets, as_json)
    data = offline.read_bytes(file)
    if offline.is_capture(data):
        found = list(_capture(file, data, border, at, source))
    else:
        if at is None or source is None:
            fail("a message needs --at INTERFACE and --from ADDRESS:PORT")
        bindings = _live(run_dir) if run_dir is not None else []
        given = offline.address(source), offline.transport(transport)
        found = [_message(border, data, at, *given, registered or [], bindings)]
    if as_json:
        offline.echo_json([_as_json(one) for one in found])
    else:
        for one in found:
            for line in _lines(one, whole=message):
                typer.echo(printable(line))
            typer.echo()
    if any(one.refusal is not None for one in found):
        raise typer.Exit(REFUSED)


def _message(
    border: Border,
    data: bytes,
    at: str,
    remote: Address,
    transport: Transport,
    registered: list[str],
    bindings: list[dict[str, Any]],
) -> Explanation:
    """One message, after the phones asked for were made registered."""
    explainer = Explainer(Scratch(border, clock.wall()))
    plan = explainer.scratch.plan
    interface = plan.interfaces.get(at)
    if interface is None:
        fail(f"no signaling interface {at!r}; there is: {', '.join(plan.interfaces)}")
    if interface.port(transport) is None:
        because = f"{at} has no {transport} port"
        return explainer.deaf(at, transport, remote, data, because)
    flow = explainer.scratch.flow(at, transport, remote)
    before: list[Step] = []
    try:
        for row in bindings:
            _adopt_live(explainer, row, data, remote, flow)
        for text in registered:
            aor, _, other = text.partition("=")
            phone = _phone(explainer, border, other, transport, flow)
            before.append(explainer.register(aor, phone, data))
    except ValueError as error:
        fail(str(error))
    found = explainer.explain(flow, data)
    steps = (found.steps[0], *before, *found.steps[1:])
    return Explanation(
        found.what, found.interface, found.transport, found.source, steps, found.sent, found.refusal
    )


def _phone(
    explainer: Explainer, border: Border, other: str, transport: Transport, flow: Flow
) -> Flow:
    """The flow of a phone: the message's own, or at the first subscriber flow's interface."""
    if not other:
        if flow.interface not in explainer.scratch.plan.subscriber_flows:
            fail("this message comes from inside: write --registered AOR=address:port")
        return flow
    outside = next((one.signaling_interface for one in border.subscriber_flows), flow.interface)
    return explainer.scratch.flow(outside, transport, offline.address(other))


def _live(run_dir: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = ask(run_dir, "border", "show", status=WRONG)["bindings"]
    return [row for row in rows if row["registered"] and row["phone"]]


def _adopt_live(
    explainer: Explainer, row: dict[str, Any], data: bytes, remote: Address, flow: Flow
) -> None:
    """A binding of the running border, where the message can mean it."""
    try:
        message = Message.parse(data)
    except WireError:
        return
    plan = explainer.scratch.plan
    named = token_of(message) if message.is_request else ""
    if row["phone"] != str(remote) and row.get("subid") != named:
        return
    subscriber = next((f for f in plan.border.subscriber_flows if f.name == row["flow"]), None)
    if subscriber is None:
        fail(f"{row['aor']} registered by {row['flow']}, which this file has not")
    phone = explainer.scratch.flow(
        subscriber.signaling_interface, Transport(row["transport"]), offline.address(row["phone"])
    )
    mine = phone.remote == flow.remote and phone.interface == flow.interface
    explainer.adopt(subscriber, row["aor"], flow if mine else phone, row["contact"], message)


def _capture(
    path: Path, data: bytes, border: Border, at: str | None, source: str | None
) -> Iterator[Explanation]:
    """The messages of a capture that came to the border, in turn."""
    if at is not None and at not in {one.name for one in border.signaling_interfaces}:
        fail(f"no signaling interface {at!r}")
    wanted = offline.address(source) if source is not None else None
    replay = Replay(border)
    explainer = Explainer(replay.scratch)
    for happened in replay.steps(offline.read_recording(path, data, border)):
        recorded = happened.recorded
        if wanted is not None and recorded.remote != wanted:
            continue
        if happened.flow is not None and happened.outcome is not None:
            if at is None or happened.flow.interface == at:
                yield explainer.describe(happened.flow, happened.data, happened.outcome)
        elif at is None:
            yield explainer.deaf(
                "", recorded.transport, recorded.remote, happened.data, happened.why
            )


# ---- printing ----


def _lines(one: Explanation, *, whole: bool) -> Iterator[str]:
    yield f"{one.what} from {one.source} ({one.transport}) at {one.interface or 'nobody'}"
    for step in one.steps:
        form = f"  [{step.form}]" if step.form else ""
        yield f"  {step.stage}: {step.value}, because {step.because}{form}"
        for row in step.candidates:
            yield f"    {'*' if row.taken else '-'} {row.name}: {row.why}"
    if one.refusal is not None:
        status = str(one.refusal.status) if one.refusal.status else "no answer"
        where = f"; decided by {one.refusal.form}" if one.refusal.form else ""
        yield f"  refused ({status}): {one.refusal.because}{where}"
    for sent in one.sent:
        yield f"  sends {sent.what} to {sent.remote} ({sent.transport}) from {sent.interface}"
        if whole:
            for line in sent.data.decode("utf-8", "surrogateescape").splitlines():
                yield f"    | {line}"
    if not one.sent and one.refusal is None:
        yield "  nothing is sent"


def _as_json(one: Explanation) -> dict[str, object]:
    steps = [
        {
            "stage": step.stage,
            "value": step.value,
            "because": step.because,
            "form": step.form,
            "candidates": [
                {"name": row.name, "taken": row.taken, "why": row.why} for row in step.candidates
            ],
        }
        for step in one.steps
    ]
    sent = [
        {
            "interface": sent.interface,
            "transport": sent.transport,
            "remote": sent.remote,
            "what": sent.what,
            "message": sent.data.decode("utf-8", "backslashreplace"),
        }
        for sent in one.sent
    ]
    refusal = one.refusal and {
        "status": one.refusal.status,
        "reason": one.refusal.word,
        "because": one.refusal.because,
        "form": one.refusal.form,
    }
    head = {"what": one.what, "at": one.interface, "transport": one.transport, "from": one.source}
    return {**head, "steps": steps, "refused": refusal, "sent": sent}
