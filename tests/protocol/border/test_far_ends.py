"""Who is behind a media port of ours, as the relay of monitoring reports asks."""

from farline.sdp import parse
from farline.testing.border import BorderWorld
from farline.testing.border_phone import Phone


def shown(sdp):
    return parse(sdp).media[0].rtcp_address


def test_each_side_of_a_call_is_found_by_what_the_other_was_shown(guide_border):
    world = BorderWorld(guide_border)
    phone = Phone(world)
    phone.register()
    to_phone = shown(phone.call_office().body)
    to_office = shown(phone.inner_invite.body)
    office = world.core.far_end(*to_phone)
    assert office == (phone.office.host, 40_751, "10.10.10.7")
    mobile = world.core.far_end(*to_office)
    assert (mobile.address, mobile.local) == (phone.behind, "192.168.64.96")
    assert world.core.far_end("192.168.64.96", 5) is None


def test_it_is_forgotten_with_the_call(guide_border):
    world = BorderWorld(guide_border)
    phone = Phone(world)
    phone.register()
    to_phone = shown(phone.call_office().body)
    assert world.core.far_end(*to_phone) is not None
    world.receive(phone.flow, phone.in_dialog("BYE"))
    phone.office_answer(world.take(phone.upstream), 200)
    world.wait(2)
    world.take(phone.flow)
    Phone(world, user="3003", port=10058).register()  # something happens
    world.core.far_end("192.168.64.96", 5)
    assert world.core.far_end(*to_phone) is None
