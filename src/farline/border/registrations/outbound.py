"""RFC 5626, 3327 and 8599 in REGISTER: what a phone asks for, what the office and the phone read.

The border is where a phone's flows end: it keeps a binding for each `reg-id` of an instance, and
puts a Path of its own before the office. A Path that an edge proxy before the phone wrote is kept
with the binding, as the Route of requests to the phone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.border.exchange import Refusal, Verdict
from farline.sip import NameAddr
from farline.sip.routing import MAX_ROUTES

if TYPE_CHECKING:
    from farline.border.registrations.registration import Registration, Wanted
    from farline.border.topology.line import Line
    from farline.config import SubscriberFlow
    from farline.config.registrations import Registrations
    from farline.sip import Message, Uri

PUSH_PARAMS = ("pn-provider", "pn-prid", "pn-param")
"""RFC 8599 section 4."""

MAX_PUSH = 512
"""Characters of one push parameter: a device token has 64 to 200."""


def is_outbound(contact: NameAddr, request: Message) -> bool:
    """Whether a phone asks for RFC 5626: reg-id, instance, and outbound supported (section 4.2)."""
    named = bool(contact.param("reg-id")) and bool(contact.param("+sip.instance"))
    return named and (_says(request, "Supported") or _says(request, "Require"))


def _says(message: Message, name: str, option: str = "outbound") -> bool:
    values = message.values(name)
    return bool(values) and option in [value.strip().lower() for value in values]


def refused(
    flow: SubscriberFlow, request: Message, path: tuple[str, ...]
) -> Verdict[Refusal] | None:
    """439 when an edge proxy stands between, and does not keep the phone's flow (section 6)."""
    if not flow.registrations.outbound or len(request.values("Via")) < 2:
        return None
    if path and NameAddr.parse(path[-1]).uri.param("ob") is not None:
        return None
    text = "a proxy between the phone and us has no Path with ob"
    return Verdict(Refusal(439, "outbound"), text, f"{flow.form}: {flow.name}: Outbound")


def path_of(request: Message) -> tuple[str, ...]:
    """The Path that came with a REGISTER. Raises WireError for one that cannot be read."""
    values = tuple(request.values("Path")[:MAX_ROUTES])
    for value in values:
        NameAddr.parse(value)
    return values


def push_of(uri: Uri) -> tuple[tuple[str, str], ...]:
    """The push parameters of a Contact; empty without a provider and its id."""
    if not uri.param(PUSH_PARAMS[0]):
        return ()
    found = tuple((name, uri.param(name) or "") for name in PUSH_PARAMS)
    complete = all(value for _, value in found[:2])
    return found if complete and all(len(value) <= MAX_PUSH for _, value in found) else ()


def to_office(registration: Registration, line: Line, request: Message, out: Message) -> None:
    """Path and push parameters as the office reads them."""
    options = registration.binding.subscriber.registrations
    out.remove("Path")
    wanted = options.path == "always" or (
        options.path == "supported" and _says(request, "Supported", "path")
    )
    if wanted:
        ob = ";ob" if options.outbound and any(want.is_flow for want in registration.wanted) else ""
        out.set("Path", line.inside_route.replace(">", f"{ob}>"))
    if options.push_url is None and [want for want in registration.wanted if want.push]:
        out.set_all("Contact", _with_push(registration.wanted, out.values("Contact")))


def _with_push(wanted: tuple[Wanted, ...], values: list[str]) -> list[str]:
    """Without a push service here the next registrar may have one: it reads the parameters."""
    lines = []
    for want, value in zip(wanted, values, strict=False):
        contact = NameAddr.parse(value)
        uri = contact.uri
        for name, text in want.push:
            uri = uri.with_param(name, text) if text else uri
        lines.append(str(contact.with_uri(uri)))
    return lines


def to_phone(registration: Registration, request: Message, out: Message) -> None:
    """What the 200 says of flows, Path and push."""
    options = registration.binding.subscriber.registrations
    out.remove("Path")
    if not registration.wanted:
        return
    first = registration.wanted[0]
    if first.path and _says(request, "Supported", "path"):
        out.set_all("Path", list(first.path))
    if options.outbound:
        _say_outbound(options, out, any(want.is_flow for want in registration.wanted))
    if options.push_url is not None and first.push:
        out.add("Feature-Caps", f'*;+sip.pns="{_token(dict(first.push)["pn-provider"])}"')


def _say_outbound(options: Registrations, out: Message, flows: bool) -> None:
    out.remove("Flow-Timer")
    others = [value for value in out.values("Require") if value.strip().lower() != "outbound"]
    out.set_all("Require", [*others, "outbound"] if flows else others)
    if flows and options.flow_timer:
        out.set("Flow-Timer", str(options.flow_timer))


def _token(text: str) -> str:
    """What may stand between quotes in a Feature-Caps."""
    return "".join(one for one in text if one.isalnum() or one in "-._:")[:64]
