"""Who may call, in whose name, and at which connection a phone is rung."""

from farline.sip import Address, Transport
from farline.testing.office import SDP, with_sdp


def test_a_phone_behind_nat_is_rung_over_its_own_connection(bench, ruel):
    phone = bench.phone("3003", Address("10.10.10.30", 51000))
    phone.contact = "sip:3003@192.168.1.50:5060;transport=tcp"
    phone.register("dora-pw")
    ruel.invite("3003")
    phone.take("INVITE sip:3003@192.168.1.50:5060")
    assert phone.last_flow == phone.flow


def test_udp(bench, ruel):
    phone = bench.phone("3003", Address("10.10.10.30", 5060), transport=Transport.UDP)
    phone.register("dora-pw")
    ruel.invite("3003")
    invite = phone.take("INVITE")
    assert invite.get("Contact") == '"Ruel" <sip:3001@10.10.10.13:5060;transport=udp>'
    bench.wait(0.6)
    assert phone.take("INVITE").to_bytes() == invite.to_bytes()


def test_who_is_not_registered_here_is_challenged(bench, dora):
    stranger = bench.phone("3001", Address("10.10.10.66", 5060))
    stranger.invite("3003")
    stranger.take("SIP/2.0 401")
    dora.nothing()


def test_another_connection_of_the_border_with_the_registered_contact(bench, ruel, dora):
    other = bench.connect(ruel, Address("10.10.10.7", 50123))
    ruel.send(with_sdp(ruel.request("INVITE", "3003"), SDP), other)
    dora.take("INVITE")


def test_a_registered_contact_from_another_host_is_not_enough(bench, ruel, dora):
    thief = bench.phone("3001", Address("10.10.10.66", 5060))
    thief.contact = ruel.contact
    thief.invite("3003")
    thief.take("SIP/2.0 401")
    dora.nothing()


def test_calling_as_somebody_else(bench, ruel, dora):
    forged = with_sdp(ruel.request("INVITE", "3003"), SDP)
    forged.set("From", "<sip:3003@ipo1xp.ipolab.com>;tag=forged")
    ruel.send(forged)
    challenge = ruel.take("SIP/2.0 401")
    from farline.sip.digest_client import DigestClient

    login = DigestClient("3001", "ruel-pw", bench.ids).retry(forged, challenge)
    login.prepend("Via", "SIP/2.0/TCP 10.10.10.7:5060;branch=z9hG4bK-forged")
    ruel.send(login)
    ruel.take("SIP/2.0 403")
    dora.nothing()


def test_a_password_is_enough(bench, dora):
    from farline.sip.digest_client import DigestClient

    phone = bench.phone("3001", Address("10.10.10.66", 5060))
    invite = phone.invite("3003")
    login = DigestClient("Ruel", "ruel-pw", bench.ids).retry(invite, phone.take("SIP/2.0 401"))
    login.prepend("Via", "SIP/2.0/TCP 10.10.10.66:5060;branch=z9hG4bK-login")
    phone.send(login)
    dora.take("INVITE")


def test_max_forwards_used_up(bench, ruel, dora):
    ruel.invite("3003", headers=[("Max-Forwards", "0")])
    ruel.take("SIP/2.0 483")
    dora.nothing()


def test_own_extension_without_another_phone_is_busy(bench, ruel):
    ruel.invite("3001")
    ruel.take("SIP/2.0 486")


def test_names_can_be_dialled(bench, ruel, dora):
    ruel.invite("dORA")
    dora.take("INVITE")


def test_a_phone_on_tls_is_rung_over_its_own_connection(bench, ruel):
    phone = bench.phone("3003", Address("10.10.10.30", 40000), transport=Transport.TLS)
    phone.contact = "sip:3003@10.10.10.30:5061;transport=tls"
    phone.register("dora-pw")
    ruel.invite("3003")
    invite = phone.take("INVITE")
    assert phone.last_flow == phone.flow
    assert invite.get("Contact") == '"Ruel" <sip:3001@10.10.10.13:5061;transport=tls>'
    bench.hang(phone.flow)
    ruel.take("SIP/2.0 480")
