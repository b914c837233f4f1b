"""Interfaces and subnets in the server flows' form, by what they change on the wire."""

from farline.config import MediaInterface
from farline.media.engine import MediaReply, Offer
from farline.testing.border import BorderWorld, FakeEngine, changed
from farline.testing.border_phone import DOMAIN, OFFICE, Phone, offer


def world_of(border, **fields):
    return BorderWorld(changed(border, **fields))


def test_server_flow_by_remote_subnet(guide_border):
    """The subnet of the next hop chooses the flow; one that is elsewhere takes nothing."""
    (flow,) = guide_border.server_flows
    away = {"name": "away", "remote_subnet": "10.10.11.0/24", "media_interface": "Second"}
    here = {"name": "here", "remote_subnet": "10.10.10.0/28", "media_interface": "Second"}
    for first, interface in ((away, "IPORWA1Media"), (here, "Second")):
        world = world_of(
            guide_border,
            media_interfaces=(*guide_border.media_interfaces, SECOND),
            server_flows=(flow.model_copy(update=first), flow),
        )
        phone = Phone(world)
        phone.register()
        phone.call_office()
        assert world.engine.requests[-1].sender.interface == interface


def test_received_interface(guide_border, office_flow):
    """The server's requests have to come by the interface that the subscriber flow names."""
    world = world_of(guide_border, subscriber_flows={"received_interface": "IPORWA1Sig"})
    phone = Phone(world)
    phone.register()
    world.receive(phone.upstream, phone.office_request("MESSAGE"))
    assert world.take(phone.flow).method == "MESSAGE"
    world = world_of(guide_border, subscriber_flows={"received_interface": "IPORWB1Sig"})
    phone = Phone(world)
    request = phone.request("REGISTER", f"sip:{DOMAIN}", to=f"<sip:3001@{DOMAIN}>")
    world.receive(phone.flow, request)
    assert world.take(phone.flow).status == 100
    assert world.take(phone.flow).status == 503
    because = world.decisions("server-flow")[-1].because
    assert "Signaling Interface is IPORWA1Sig; SubsflowRW wants IPORWB1Sig" in because


def test_request_by_another_interface_than_the_received_one(guide_border):
    inner = guide_border.signaling_interfaces[0]
    other = inner.model_copy(update={"name": "A1b", "tcp_port": 5090, "udp_port": None})
    (flow,) = guide_border.server_flows
    second = flow.model_copy(update={"name": "second", "signaling_interface": "A1b"})
    world = world_of(
        guide_border,
        signaling_interfaces=(*guide_border.signaling_interfaces, other),
        server_flows=(flow, second),
        subscriber_flows={"received_interface": "IPORWA1Sig"},
    )
    phone = Phone(world)
    phone.register()
    stray = world.accept("A1b", OFFICE, 4104)
    world.receive(stray, phone.office_request("MESSAGE"))
    assert world.take(stray).status == 403
    (refusal,) = world.refusals()
    assert refusal.reason == "interface" and "A1b" in refusal.detail


def test_secondary_media_interface_when_the_first_is_exhausted(guide_border):
    world = world_of(
        guide_border,
        media_interfaces=(*guide_border.media_interfaces, SECOND),
        server_flows={"secondary_media_interface": "Second"},
    )
    world.engine = Exhausted(
        {item.name: item.ip for item in world.core._context.plan.media.values()}
    )
    phone = Phone(world)
    phone.register()
    phone.call_office()
    offers = [one for one in world.engine.requests if isinstance(one, Offer)]
    assert [one.receiver.interface for one in offers] == ["IPORWA1Media", "Second"]
    assert b"c=IN IP4 10.10.10.9" in phone.inner_invite.body
    # and it stays there
    again = phone.in_dialog("INVITE", body=offer(port=6000))
    world.receive(phone.flow, again)
    assert b"c=IN IP4 10.10.10.9" in world.take(phone.upstream).body


def test_secondary_media_interface_of_the_servers_family(guide_border):
    second = SECOND.model_copy(update={"ip": "fd00:a::9"})
    world = world_of(
        guide_border,
        media_interfaces=(*guide_border.media_interfaces, second),
        server_flows={"media_interface": "Second", "secondary_media_interface": "IPORWA1Media"},
    )
    phone = Phone(world)
    phone.register()
    phone.call_office()
    assert world.engine.requests[0].receiver.interface == "IPORWA1Media"


SECOND = MediaInterface(
    name="Second", network="IPOA1Internal", ip="10.10.10.9", port_range="35000-40000"
)


class Exhausted(FakeEngine):
    """An engine whose first inner interface has no port left."""

    def perform(self, request):
        reply = super().perform(request)
        if isinstance(request, Offer) and "IPORWA1Media" in (
            request.sender.interface, request.receiver.interface
        ):  # fmt: skip
            return MediaReply(error="ports of IPORWA1Media are used up", status=503)
        return reply


def test_the_server_of_a_next_hop_chooses_the_server_flow(guide_border):
    """Two servers at one address: the next hop says which one's flow and media interface."""
    (profile,) = guide_border.server_profiles
    (routing,) = guide_border.routing_profiles
    (flow,) = guide_border.server_flows
    other = flow.model_copy(
        update={"name": "other", "server_profile": "Other", "media_interface": "Second"}
    )
    hops = tuple(hop.model_copy(update={"server": "Other"}) for hop in routing.next_hops)
    world = world_of(
        guide_border,
        server_profiles=(profile, profile.model_copy(update={"name": "Other"})),
        server_flows=(flow, other),
        media_interfaces=(*guide_border.media_interfaces, SECOND),
        routing_profiles=(routing.model_copy(update={"next_hops": hops}),),
    )
    phone = Phone(world)
    phone.register()
    phone.call_office()
    assert world.engine.requests[-1].sender.interface == "Second"
    assert world.decisions("routing")[-1].value.startswith("Other 10.10.10.13:5060")
