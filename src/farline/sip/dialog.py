"""Dialogs (RFC 3261 section 12) for user agents; the border keeps none.

dialog = Dialog.as_uac(invite, response)     from a 101-299 to our request
dialog = Dialog.as_uas(invite, response)     from our 101-299 to a peer's request
bye = dialog.request("BYE")                  in-dialog request, without Via
status = dialog.accept(request)              an in-dialog request: None, or the status to answer
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from farline._core import Message, NameAddr, WireError

if TYPE_CHECKING:
    from collections.abc import Iterable

TARGET_REFRESH = frozenset({"INVITE", "UPDATE", "SUBSCRIBE", "NOTIFY", "REFER"})
"""Methods whose Contact renews the remote target (RFC 3261 12.2, RFC 3311, RFC 6665)."""

MAX_CSEQ = 2**31 - 1


class DialogState(StrEnum):
    """Early until a 2xx (RFC 3261 section 12)."""

    EARLY = "early"
    CONFIRMED = "confirmed"
    TERMINATED = "terminated"


class Dialog:
    """The state that two user agents share about a call or a subscription."""

    __slots__ = (
        "call_id",
        "invite_cseq",
        "local",
        "local_seq",
        "local_tag",
        "remote",
        "remote_seq",
        "remote_tag",
        "remote_target",
        "route_set",
        "state",
    )

    def __init__(self, call_id: str, local: str, remote: str, tags: tuple[str, str]) -> None:
        """`local` and `remote` are From/To values with their tags; `tags` are (local, remote)."""
        self.call_id = call_id
        self.local = local
        self.remote = remote
        self.local_tag, self.remote_tag = tags
        self.local_seq = 0
        """Number of our last request; 0 when we sent none."""

        self.remote_seq = -1
        """Number of the peer's last request, -1 when there was none (section 12.2.2)."""

        self.invite_cseq = 0
        """Number of our last INVITE, which its ACK repeats."""

        self.route_set: list[str] = []
        """Route values in the order in which a request bears them."""

        self.remote_target = ""
        """URI of the peer's Contact."""

        self.state = DialogState.EARLY

    @property
    def key(self) -> tuple[str, str, str]:
        """Call-ID, local tag, remote tag."""
        return self.call_id, self.local_tag, self.remote_tag

    @staticmethod
    def as_uac(request: Message, response: Message) -> Dialog:
        """Section 12.1.2. Raises WireError(400) when the response has no tag or no Contact."""
        if not response.to_tag:
            raise WireError(400, "response without To tag", "To")
        tags = (request.from_tag, response.to_tag)
        dialog = Dialog(request.call_id, request.get("From") or "", response.get("To") or "", tags)
        dialog.local_seq = request.cseq
        dialog.invite_cseq = request.cseq
        dialog.route_set = response.values("Record-Route")[::-1]
        dialog.remote_target = _target(response)
        dialog.state = _state(response.status)
        return dialog

    @staticmethod
    def as_uas(request: Message, response: Message) -> Dialog:
        """Section 12.1.1. Raises WireError(400) when the request has no Contact."""
        tags = (response.to_tag, request.from_tag)
        dialog = Dialog(request.call_id, response.get("To") or "", request.get("From") or "", tags)
        dialog.remote_seq = request.cseq
        dialog.route_set = request.values("Record-Route")
        dialog.remote_target = _target(request)
        dialog.state = _state(response.status)
        return dialog

    def request(self, method: str, headers: Iterable[tuple[str, str]] = ()) -> Message:
        """A request inside the dialog with the next CSeq (section 12.2.1.1), without Via.

        `headers` come last; give Contact there for a target refresh, and set `body` afterwards.
        """
        self.local_seq = max(1, self.local_seq + 1)
        if method == "INVITE":
            self.invite_cseq = self.local_seq
        return self._build(method, self.local_seq, headers)

    def ack(self, headers: Iterable[tuple[str, str]] = ()) -> Message:
        """The ACK to a 2xx of our last INVITE (section 13.2.2.4), for `send_stateless`."""
        return self._build("ACK", self.invite_cseq, headers)

    def accept(self, request: Message) -> int | None:
        """Take an in-dialog request (section 12.2.2); the status to refuse it with, or None.

        500 for a CSeq lower than the last one. ACK and CANCEL repeat a number and change nothing.
        """
        if request.method in ("ACK", "CANCEL"):
            return None
        if request.cseq <= self.remote_seq or request.cseq > MAX_CSEQ:
            return 500
        self.remote_seq = request.cseq
        self._refresh(request, request.method)
        if request.method == "BYE":
            self.state = DialogState.TERMINATED
        return None

    def note_response(self, response: Message) -> None:
        """Take a response to our in-dialog request or a later one to the first INVITE.

        A 2xx confirms, and renews target and, for the first one, the route set (section 13.2.2.4).
        481 and 408, and any final answer to BYE, end the dialog (section 12.2.1.2).
        """
        status = response.status
        if 200 <= status < 300:
            if self.state is DialogState.EARLY and response.method == "INVITE":
                self.state = DialogState.CONFIRMED
                self.route_set = response.values("Record-Route")[::-1]
            self._refresh(response, response.method)
        if status in (408, 481) or (response.method == "BYE" and status >= 200):
            self.state = DialogState.TERMINATED

    def confirm(self) -> None:
        """Our 2xx to the first INVITE has been sent (UAS)."""
        if self.state is DialogState.EARLY:
            self.state = DialogState.CONFIRMED

    def end(self) -> None:
        """The dialog is over (BYE sent, early dialog refused)."""
        self.state = DialogState.TERMINATED

    def _refresh(self, message: Message, method: str) -> None:
        if method in TARGET_REFRESH and message.get("Contact") is not None:
            self.remote_target = _target(message)

    def _build(self, method: str, cseq: int, headers: Iterable[tuple[str, str]]) -> Message:
        uri, routes = self._route()
        message = Message.request(method, uri)
        for route in routes:
            message.add("Route", route)
        message.add("Max-Forwards", "70")
        message.add("From", self.local)
        message.add("To", self.remote)
        message.add("Call-ID", self.call_id)
        message.add("CSeq", f"{cseq} {method}")
        for name, value in headers:
            message.add(name, value)
        message.body = b""
        return message

    def _route(self) -> tuple[str, list[str]]:
        """Request-URI and Route: loose, or as a strict router wants them (section 12.2.1.1)."""
        if not self.route_set:
            return self.remote_target, []
        first = NameAddr.parse(self.route_set[0]).uri
        if first.param("lr") is not None:
            return self.remote_target, self.route_set
        return str(first), [*self.route_set[1:], f"<{self.remote_target}>"]


def _state(status: int) -> DialogState:
    return DialogState.CONFIRMED if status >= 200 else DialogState.EARLY


def _target(message: Message) -> str:
    """The URI of the one Contact."""
    values = message.values("Contact")
    if not values:
        raise WireError(400, "no Contact", "Contact")
    return str(NameAddr.parse(values[0]).uri)
