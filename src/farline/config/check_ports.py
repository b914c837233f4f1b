"""Who listens where in one deployment: ports that clash, and next hops that are ourselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from farline.config.base import Problem
from farline.config.subnets import literal
from farline.sip import Transport

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farline.config.base import Form
    from farline.config.deployment import Border, Deployment
    from farline.config.office import Office
    from farline.config.portal import Portal

Kind = Literal["UDP", "TCP"]


@dataclass(frozen=True, slots=True)
class Listener:
    """Ports of one address that somebody of this deployment takes: `first` to `last`."""

    ip: str
    kind: Kind
    first: int
    last: int
    owner: str
    """For people: "signaling interface 'IPORWB1Sig'"."""

    place: str
    form: str

    def clashes(self, other: Listener) -> bool:
        """Whether both want a port of one address."""
        return (
            self.kind == other.kind
            and _same_host(self.ip, other.ip)
            and self.first <= other.last
            and other.first <= self.last
        )

    def takes(self, host: str, port: int, kind: Kind) -> bool:
        """Whether what is sent there comes here."""
        return self.kind == kind and self.first <= port <= self.last and _same_host(self.ip, host)


def check_ports(deployment: Deployment) -> Iterator[Problem]:
    """Every port that two want, and every next hop and relay that leads back to us."""
    listeners = tuple(_listeners(deployment))
    for index, one in enumerate(listeners):
        for other in listeners[:index]:
            if one.clashes(other):
                yield _clash(one, other)
                break
    if deployment.border is not None:
        own = [one for one in listeners if one.place.startswith("border.")]
        yield from _next_hops(deployment.border, own)


def _clash(one: Listener, other: Listener) -> Problem:
    low, high = max(one.first, other.first), min(one.last, other.last)
    if one.first != one.last and other.first != other.last:
        text = f"ports {low}-{high} are also those of {other.owner}"
        remedy = "give each media interface of one address its own ports"
    else:
        text = f"{one.ip}:{low} ({one.kind}) is taken by {other.owner}"
        remedy = "choose another port"
    return Problem(one.place, text, remedy, one.form)


def _listeners(deployment: Deployment) -> Iterator[Listener]:
    if deployment.border is not None:
        yield from _of_border(deployment.border)
    if deployment.office is not None:
        yield from _of_office(deployment.office)
    if deployment.portal is not None:
        yield from _of_portal(deployment.portal)
    if deployment.ems is not None:
        ems = deployment.ems
        yield _tcp(ems.ip, ems.port, "the element manager", "ems.port", ems)
    asked: set[tuple[str, int]] = set()  # profiles may share it: they order one after the other
    for index, profile in enumerate(deployment.tls_server_profiles):
        form = profile.acme
        if form is not None and (form.challenge_ip, form.challenge_port) not in asked:
            asked.add((form.challenge_ip, form.challenge_port))
            place = f"tls_server_profiles[{index}].acme.challenge_port"
            owner = f"ACME of TLS profile {profile.name!r}"
            yield _tcp(form.challenge_ip, form.challenge_port, owner, place, form)


def _of_border(border: Border) -> Iterator[Listener]:
    for index, one in enumerate(border.signaling_interfaces):
        owner = f"signaling interface {one.name!r}"
        for transport in Transport:
            port = one.port(transport)
            if port is None:
                continue
            field = f"{transport.value.lower()}_port"
            place = f"border.signaling_interfaces[{index}].{field}"
            kind: Kind = "UDP" if transport is Transport.UDP else "TCP"
            yield Listener(one.ip, kind, port, port, owner, place, one.form)
        if one.shared_control_port is not None:
            place = f"border.signaling_interfaces[{index}].shared_control_port"
            yield _tcp(one.ip, one.shared_control_port, owner, place, one)
    for index, media in enumerate(border.media_interfaces):
        owner = f"media interface {media.name!r}"
        place = f"border.media_interfaces[{index}].port_range"
        yield Listener(media.ip, "UDP", *media.port_range, owner, place, media.form)
    for index, relay in enumerate(border.application_relays):
        place = f"border.application_relays[{index}].device.listen_port"
        device = relay.device
        ip, port, owner = device.listen_ip, device.listen_port, f"relay {relay.name!r}"
        kind = "UDP" if device.listen_transport == "UDP" else "TCP"
        yield Listener(ip, kind, port, port, owner, place, relay.form)


def _of_office(office: Office) -> Iterator[Listener]:
    registrar, ip = office.registrar, office.ip
    owner = "the office's registrar"
    if registrar.enabled:
        if registrar.udp_port is not None:
            port, place = registrar.udp_port, "office.registrar.udp_port"
            yield Listener(ip, "UDP", port, port, owner, place, registrar.form)
        if registrar.tcp_port is not None:
            yield _tcp(ip, registrar.tcp_port, owner, "office.registrar.tcp_port", registrar)
        if registrar.tls_port is not None:
            yield _tcp(ip, registrar.tls_port, owner, "office.registrar.tls_port", registrar)
    place = "office.registrar.rtp_port_range"
    yield Listener(
        ip, "UDP", *registrar.rtp_port_range, "the office's media", place, registrar.form
    )
    if office.directory is not None:
        directory = office.directory
        yield _tcp(ip, directory.port, "the office's directory", "office.directory.port", directory)


def _of_portal(portal: Portal) -> Iterator[Listener]:
    yield _tcp(portal.ip, portal.rest_port, "the portal's REST", "portal.rest_port", portal)
    if portal.communicator_port is not None:
        place = "portal.communicator_port"
        yield _tcp(portal.ip, portal.communicator_port, "the communicator port", place, portal)
    im = portal.im_presence
    yield _tcp(portal.ip, im.port, "the portal's IM server", "portal.im_presence.port", im)


def _tcp(ip: str, port: int, owner: str, place: str, form: Form) -> Listener:
    return Listener(ip, "TCP", port, port, owner, place, form.form)


def _next_hops(border: Border, own: list[Listener]) -> Iterator[Problem]:
    for index, profile in enumerate(border.routing_profiles):
        for within, _, hop in profile.all_hops:
            place = f"border.routing_profiles[{index}].{within}.address"
            if hop.fixed is not None:
                kind: Kind = "UDP" if hop.transport is Transport.UDP else "TCP"
                yield from _ourselves(own, *hop.fixed[1], kind, place, hop.form)
    for index, relay in enumerate(border.application_relays):
        place = f"border.application_relays[{index}].remote.address"
        remote = relay.remote
        kind = "UDP" if remote.transport == "UDP" else "TCP"
        yield from _ourselves(own, remote.address, remote.port, kind, place, relay.form)


def _ourselves(
    own: list[Listener], host: str, port: int, kind: Kind, place: str, form: str
) -> Iterator[Problem]:
    for one in own:
        if one.takes(host, port, kind):
            yield Problem(
                place,
                f"{host}:{port} ({kind}) is our own {one.owner}: what is sent there comes back",
                "give the address of the server inside",
                form,
            )
            return


def _same_host(one: str, other: str) -> bool:
    """Equal addresses; the unspecified one (0.0.0.0, ::) is every address of its version."""
    if one == other:
        return True
    first, second = literal(one), literal(other)
    if first is None or second is None or first.version != second.version:
        return False
    return first.is_unspecified or second.is_unspecified
