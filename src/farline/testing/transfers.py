"""Transfers that the border carries out for the guide's office: what each of the three says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from farline.testing.border import BorderWorld
from farline.testing.border_phone import DOMAIN, Phone, offer

if TYPE_CHECKING:
    from collections.abc import Callable

    from farline.config import Border
    from farline.sip import Message

TARGET = f"<sip:3005@{DOMAIN}>"
"""Whom the office names in Refer-To."""

_BORDERS: dict[tuple[str, tuple[tuple[str, str], ...]], Border] = {}
"""By what was asked for: reading a deployment takes longer than a test."""


def make(
    load_border: Callable[..., Border],
    fields: str = "refer_handling: handle",
    *changes: tuple[str, str],
) -> BorderWorld:
    """A world whose office has an interworking profile with these fields."""
    if (fields, changes) not in _BORDERS:
        profile = f"  interworking_profiles:\n    - {{name: odd, {fields}}}\n\n"
        profile += "  # Global Policies > Routing"
        _BORDERS[fields, changes] = load_border(
            ("interworking_profile: avaya-ru", "interworking_profile: odd"),
            ("  # Global Policies > Routing", profile),
            *changes,
        )
    return BorderWorld(_BORDERS[fields, changes])


def calling_phone(world: BorderWorld) -> Phone:
    """A phone in a call with the office."""
    found = Phone(world)
    found.register()
    found.call_office()
    return found


def sipfrag(notify: Message) -> tuple[str, str]:
    """What a NOTIFY says: the status line and the state. Raises AssertionError for another one."""
    if notify.method != "NOTIFY" or not (notify.get("Event") or "").startswith("refer"):
        raise AssertionError(f"{notify.method} {notify.get('Event')}")
    state = notify.get("Subscription-State") or ""
    return notify.body.decode().split("\r\n")[0], state.split(";")[0]


def office_refers(phone: Phone, refer_to: str = TARGET, **headers: Any) -> Message:  # noqa: ANN401
    """The office asks that the phone be joined with somebody; the 202."""
    world = phone.world
    refer = phone.office_request("REFER", call="call-1", from_tag="office", to_tag="phone",
                                 cseq=5, Refer_To=refer_to, **headers)  # fmt: skip
    world.receive(phone.upstream, refer)
    accepted = world.take(phone.upstream)
    if accepted.status != 202:
        raise AssertionError(f"{accepted.status}, not 202")
    return accepted


def told(phone: Phone, status: int, state: str = "active") -> Message:
    """The next NOTIFY to the office, which is answered. Raises AssertionError for another one."""
    notify = phone.world.take(phone.upstream)
    line, subscription = sipfrag(notify)
    if (line.split()[1], subscription) != (str(status), state):
        raise AssertionError(f"{line}, {subscription}: not {status}, {state}")
    phone.office_answer(notify, 200)
    return notify


def joined(phone: Phone, **headers: str) -> tuple[Message, Message]:
    """A transfer by the office up to its end: the INVITE to the target, the re-INVITE."""
    world = phone.world
    office_refers(phone, Referred_By=f"<sip:3003@{DOMAIN}>", **headers)
    told(phone, 100)
    invite = world.take(phone.upstream)
    phone.office_answer(invite, 180, to_tag="target")
    told(phone, 180)
    phone.office_answer(invite, 200, to_tag="target", body=offer("10.10.10.40", 7000))
    ack = world.take(phone.upstream)
    again = world.take(phone.flow)
    if (ack.method, again.method) != ("ACK", "INVITE"):
        raise AssertionError(f"{ack.method} and {again.method}, not ACK and INVITE")
    phone.answer(again, 200, to_tag="phone", body=offer(phone.behind, 5000))
    if world.take(phone.flow).method != "ACK":
        raise AssertionError("no ACK for the re-INVITE")
    told(phone, 200, "terminated")
    return invite, again


def calls(world: BorderWorld) -> list[dict[str, Any]]:
    """The calls that the border shows."""
    shown: Any = world.core.show()["sessions"]
    return [one for one in shown if one["kind"] == "call"]


def target_says(
    phone: Phone,
    invite: Message,
    method: str,
    cseq: int = 9,
    body: bytes = b"",
    **headers: Any,  # noqa: ANN401
) -> Message:
    """A request of the target in its new call."""
    contact = invite.get("Contact") or ""
    message = phone.office_request(method, call=invite.call_id, from_tag="target",
                                   to_tag=invite.from_tag, cseq=cseq, body=body,
                                   **headers)  # fmt: skip
    message.uri = contact[contact.index("<") + 1 : contact.index(">")]
    message.set("From", f"{invite.get('To')};tag=target")
    message.set("To", invite.get("From") or "")
    phone.world.receive(phone.upstream, message)
    return message
