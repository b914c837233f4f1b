"""Signaling manipulation scripts: when they run, and what of their work is taken.

They run elsewhere (`runtime.scripts`): the border asks with `Manipulate` and goes on with other
messages until `Manipulated` comes. A script that fails, is late, or touches what a transaction or
dialog is known by leaves the message as it was; that is counted and traced.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from farline.border.steps import RunScript
from farline.sip import Message, Uri, WireError

if TYPE_CHECKING:
    from collections.abc import Generator

    from farline.border.context import Context

Direction = Literal["from_phone", "to_server", "from_server", "to_phone"]
FORM = "Global Profiles > Signaling Manipulation"


@dataclass(frozen=True, slots=True)
class Manipulate:
    """Output: run this script on a message; the answer is `Manipulated`."""

    ticket: int
    script: str
    data: bytes
    direction: str


@dataclass(frozen=True, slots=True)
class Manipulated:
    """Input: what a script made of a message, or why it made nothing."""

    ticket: int
    data: bytes = b""
    error: str = ""


def run(
    context: Context, names: tuple[tuple[str, Direction], ...], message: Message
) -> Generator[RunScript, Any, Message]:
    """The message as the scripts, one after the other, leave it."""
    for name, direction in names:
        before = message.to_bytes()
        reply: Manipulated = yield RunScript(name, before, direction)
        if reply.error:
            _failed(context, name, reply.error)
        elif reply.data != before:
            changed = judge(message, reply.data)
            if isinstance(changed, str):
                _failed(context, name, changed)
            else:
                message = changed
                context.counters["script.changed"] += 1
                context.decided("script", name, f"changed {direction}", f"{FORM}: {name}")
    return message


def judge(before: Message, data: bytes) -> Message | str:
    """A script's result as a message, or why it cannot be one."""
    try:
        after = Message.parse(data)
    except WireError as error:
        return f"its result cannot be read: {error.where}: {error.reason}"
    for what, one, other in (
        ("the kind of message", _kind(before), _kind(after)),
        ("Call-ID", before.call_id, after.call_id),
        ("CSeq", before.get("CSeq"), after.get("CSeq")),
        ("the tag of From", before.from_tag, after.from_tag),
        ("the tag of To", before.to_tag, after.to_tag),
        ("Via", before.all("Via"), after.all("Via")),
    ):
        if one != other:
            return f"it changed {what}, by which the message is known"
    if after.is_request and after.uri != before.uri:
        try:
            Uri.parse(after.uri)
        except WireError as error:
            return f"its Request-URI cannot be read: {error.reason}"
    # Where a message ends on a connection is not the script's affair.
    after.body = data.partition(b"\r\n\r\n")[2]
    return after


def _kind(message: Message) -> tuple[bool, str, int]:
    return message.is_request, message.method, message.status


def _failed(context: Context, name: str, why: str) -> None:
    context.counters["script.failed"] += 1
    context.decided("script", "left as it was", f"{name}: {why}", f"{FORM}: {name}")
