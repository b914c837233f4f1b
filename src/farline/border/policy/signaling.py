"""Signaling and security rules: which requests, answers and headers pass, and as what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline import sdp
from farline.border.exchange import Refusal, Verdict
from farline.config.policy_rules import UNLIMITED_BYTES
from farline.sip import Message, NameAddr, WireError, headers
from farline.sip.responses import registered_phrase

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from farline.config import Rules
    from farline.config.signaling_rules import HeaderControl

METHODS = frozenset(
    {"ACK", "BYE", "CANCEL", "INFO", "INVITE", "MESSAGE", "NOTIFY", "OPTIONS", "PRACK", "PUBLISH",
     "REFER", "REGISTER", "SUBSCRIBE", "UPDATE"}
)  # fmt: skip


def screen(rules: Rules, message: Message, direction: str) -> Verdict[Refusal] | None:
    """Why a request does not pass a flow; None when it does. `direction`: inbound or outbound."""
    if not rules.screens:
        return None
    if direction == "inbound":
        found = _secure(rules, message)
        if found is not None:
            return found
    signaling = rules.signaling
    for line in signaling.requests:
        if line.method in ("*", message.method) and line.direction in ("both", direction):
            if line.action == "block":
                text = f"{message.method} {direction} is blocked"
                place = rules.place("signaling", f"Requests: {line.method}")
                return Verdict(Refusal(line.response_code, "method"), text, place)
            break
    for header in _fitting(signaling.request_headers, message.method, direction):
        if header.action == "block" and message.get(header.header) is not None:
            text = f"{header.header} in {message.method} {direction} is blocked"
            place = rules.place("signaling", f"Request Headers: {header.header}")
            return Verdict(Refusal(header.response_code, "header"), text, place)
    im = rules.application.im
    if message.method == "MESSAGE" and not (im.inbound if direction == "inbound" else im.outbound):
        word = "In" if direction == "inbound" else "Out"
        place = rules.place("application", f"IM {word}")
        return Verdict(Refusal(403, "application"), f"IM {word} is off", place)
    return None


def change_headers(rules: Rules, out: Message, direction: str, method: str) -> None:
    """Remove and set headers of a request or an answer that passes a flow."""
    if not rules.changes:
        return
    if direction == "inbound":
        scrub(rules, out)
    controls = rules.signaling.request_headers
    if not out.is_request:
        controls = rules.signaling.response_headers
    for line in _fitting(controls, method, direction):
        if line.action in ("remove", "block"):  # what a block leaves is a success
            out.remove(line.header)
        elif line.action == "change":
            out.set(line.header, line.value)


def scrub(rules: Rules, out: Message) -> None:
    """Take out what the security rule scrubs."""
    for name in rules.security.scrub_headers:
        out.remove(name)
    if out.body and rules.security.scrub_bodies:
        kind = headers.media_type(out)
        if any(_is_kind(kind, wanted.lower()) for wanted in rules.security.scrub_bodies):
            out.body = b""


def ruled_status(rules: Rules, response: Message, direction: str) -> int | None:
    """What becomes of an answer's status; None: it passes as it is, 0: it is held back."""
    if not rules.controls_responses:
        return None
    status, method = str(response.status), response.method
    if status[0] == "2" or status == "100":
        return None
    provisional = response.status < 200
    for header in _fitting(rules.signaling.response_headers, method, direction):
        if header.action == "block" and response.get(header.header) is not None:
            return 0 if provisional else header.response_code
    for line in rules.signaling.responses:
        fits = line.codes in (status, f"{status[0]}xx") and line.method in ("*", method)
        if fits and line.direction in ("both", direction):
            if line.action == "block":
                return 0 if provisional else 500
            return line.new_code or None
    return None


def with_status(response: Message, status: int) -> Message:
    """The same answer with another status."""
    changed = Message.response(status, registered_phrase(status) or "Changed")
    for name, value in response.headers():
        changed.add(name, value)
    if response.body:
        kind = response.get("Content-Type")
        changed.body = response.body
        if kind is not None:
            changed.set("Content-Type", kind)
    return changed


def unchallenged(rules: Rules, request: Message, response: Message) -> Verdict[Refusal] | None:
    """Why a success is not believed: nobody has asked for a password."""
    if not rules.security.authentication or not 200 <= response.status < 300:
        return None
    if request.get("Authorization") or request.get("Proxy-Authorization"):
        return None
    text = f"{request.method} was answered {response.status} without credentials"
    return Verdict(Refusal(403, "authentication"), text, rules.place("security", "Authentication"))


def user_to_user(node: int, sequence: int, seconds: int) -> str:
    """User-to-User with a Universal Call ID: node, sequence, seconds since 1970 (8 bytes)."""
    return f"00FA08{node:04X}{sequence & 0xFFFF:04X}{seconds & 0xFFFFFFFF:08X};encoding=hex"


def _fitting(
    lines: Iterable[HeaderControl], method: str, direction: str
) -> Iterator[HeaderControl]:
    """Of each header the first line for a method and direction."""
    seen: set[str] = set()
    for line in lines:
        fits = line.method in ("*", method) and line.direction in ("both", direction)
        if fits and line.header.lower() not in seen:
            seen.add(line.header.lower())
            yield line


def _secure(rules: Rules, message: Message) -> Verdict[Refusal] | None:
    """The security rule's word on what the flow's peer has sent."""
    rule = rules.security
    if (
        rule.max_message_bytes < UNLIMITED_BYTES
        and len(message.to_bytes()) > rule.max_message_bytes
    ):
        text = f"more than {rule.max_message_bytes} bytes"
        place = rules.place("security", "DoS: Message Size")
        return Verdict(Refusal(413, "size"), text, place)
    for check in rule.compliance:
        refusal = _checked(check, message)
        if refusal is not None:
            status, text = refusal
            place = rules.place("security", f"Compliance: {check}")
            return Verdict(Refusal(status, "compliance"), text, place)
    return None


def _checked(check: str, message: Message) -> tuple[int, str] | None:
    if check == "known_methods" and message.method not in METHODS:
        return 405, f"{message.method} is a method of no RFC that we know"
    if check == "one_contact" and message.method != "REGISTER":
        return (400, "more than one Contact") if len(message.values("Contact")) > 1 else None
    if check == "printable_user":
        return _printable(message)
    if check == "content_type" and message.body and message.get("Content-Type") is None:
        return 415, "a body without Content-Type"
    kind = headers.media_type(message)
    if check == "sdp" and message.body and kind == "application/sdp":
        try:
            sdp.parse(message.body)
        except sdp.SdpError as error:
            return 488, f"SDP: {error}"
    return None


def _printable(message: Message) -> tuple[int, str] | None:
    for name in ("From", "To"):
        try:
            user = NameAddr.parse(message.get(name) or "").uri.user or ""
        except WireError:
            return 400, f"{name} cannot be read"
        if not user.isprintable():
            return 400, f"the user in {name} has control characters"
    return None


def _is_kind(kind: str, wanted: str) -> bool:
    if wanted.endswith("/*"):
        return kind.startswith(wanted[:-1])
    return kind == wanted
