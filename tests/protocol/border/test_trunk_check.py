"""Trunks and `farline check`, what explain says of them, and both interworking profiles."""

import pytest

from farline.border.explain.explainer import Explainer
from farline.border.explain.scratch import Scratch
from farline.config import load_with_warnings
from farline.media.reports import DigitDialled
from farline.sip import Address, Transport
from farline.testing.border_phone import offer
from farline.testing.trunk import NUMBER, SECRETS, TEXT, TO_TRUNK, TrunkSite, trunk_border


@pytest.fixture
def site():
    return TrunkSite()


def problems(*changes):
    text = TEXT
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    try:
        return [str(one) for one in load_with_warnings(text, SECRETS)[1]]
    except ValueError as error:
        return str(error).splitlines()


TRUNKS_OWN = ("media_interface: TrunkMedia\n      end_point_policy_group: avaya-def-low-enc\n"
              "      routing_profile: to-Office")  # fmt: skip


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ((TRUNKS_OWN, TRUNKS_OWN.replace("to-Office", "to-Provider")), "a loop: requests of"),
        ((TRUNKS_OWN, TRUNKS_OWN.replace("to-Office", "default")), "lead nowhere"),
        ((TRUNKS_OWN, TRUNKS_OWN.replace("to-Office", "to-Nowhere")), "no such routing profile"),
        (("203.0.113.3", "203.0.113.10"), "what is sent there comes back"),
        (("    - name: Trunk\n      server_profile: Provider", "    - name: Trunk\n"
          "      server_profile: Office"), "no server flow names 'Provider'"),
        (("- name: to-Office\n", "- name: default\n"), "means in a server flow"),
        (TO_TRUNK, "phones cannot register"),
    ],
)  # fmt: skip
def test_check(change, says):
    assert any(says in one for one in problems(change)), problems(change)


def test_the_example_is_right():
    assert problems() == []


def test_connections_to_servers_are_shared(site):
    site.inbound()
    opened = len(site.world.opened)
    site.trunk.send(site.trunk.request("INVITE", NUMBER, call="c2", body=offer("203.0.113.2")))
    site.trunk.take(status=100)
    assert site.desk.take("INVITE").call_id == "c2"
    assert len(site.world.opened) == opened


def test_explained():
    explainer = Explainer(Scratch(trunk_border()))
    flow = explainer.scratch.flow("TrunkSig", Transport.UDP, Address("203.0.113.2", 5060))
    invite = TrunkSite().trunk.request("INVITE", NUMBER, body=offer("203.0.113.2"))
    told = explainer.explain(flow, invite.to_bytes())
    steps = {step.stage: step for step in told.steps}
    assert steps["server-type"].value == "trunk"
    assert "Routing Profile only" in steps["server-type"].because
    assert steps["flow"].because.startswith("to another server by Routing Profile to-Office")
    assert [row.name for row in steps["server-flow"].candidates if row.taken] == ["OfficeForTrunk"]
    assert any(sent.interface == "OfficeSig" for sent in told.sent)


# ---- both interworking profiles ----


def with_profiles(trunk, office):
    """A site whose two servers have interworking profiles with these fields."""
    profiles = ("  routing_profiles:\n", "  interworking_profiles:\n"
                f"    - {{name: Theirs, {trunk}}}\n    - {{name: Ours, {office}}}\n\n"
                "  routing_profiles:\n")  # fmt: skip
    theirs = ("    # the provider's own domain\n", "\n"
              "      advanced: {interworking_profile: Theirs}\n")  # fmt: skip
    ours = ("      sip_domain: office.example.com\n", "      sip_domain: office.example.com\n"
            "      advanced: {interworking_profile: Ours}\n")  # fmt: skip
    return TrunkSite(profiles, theirs, ours)


def test_digits_between_servers_that_speak_differently():
    site = with_profiles("dtmf_support: sip_info", "dtmf_support: rfc_4733")
    arrived, ok = site.outbound()
    (one,) = site.calls
    info = site.trunk.in_dialog("INFO", arrived, cseq=1, body=b"5", Content_Type="application/dtmf")
    site.trunk.send(info)
    assert site.trunk.take().status == 200
    dialled = site.world.engine.requests[-1]
    assert (dialled.side, dialled.digit) == ("outside", "5")
    site.world.give(DigitDialled(one["media"], "outside", "7", 160))
    told = site.trunk.take("INFO")
    assert b"Signal=7" in told.body
    site.trunk.answer(told, 200)
    site.world.give(DigitDialled(one["media"], "inside", "8", 160))
    assert not site.world.unread(site.desk.flow)
    site.desk.send(site.desk.in_dialog("BYE", ok, cseq=2))
    assert site.trunk.take("BYE").cseq == told.cseq + 1


def test_hold_of_both_styles():
    site = with_profiles("hold_support: rfc2543", "hold_support: rfc3264")
    arrived, ok = site.outbound()
    held = offer("203.0.113.2").replace(b"c=IN IP4 203.0.113.2", b"c=IN IP4 0.0.0.0")
    site.trunk.send(site.trunk.in_dialog("INVITE", arrived, cseq=1, body=held))
    site.trunk.take(status=100)
    shown = site.desk.take("INVITE")
    assert b"a=sendonly" in shown.body
    site.desk.answer(shown, 200, body=offer("10.10.10.13", 6000, direction="recvonly"))
    final = site.trunk.take(status=200)
    site.trunk.send(site.trunk.in_dialog("ACK", final, cseq=1))
    site.desk.take("ACK")
    back = site.desk.in_dialog("INVITE", ok, cseq=5,
                               body=offer("10.10.10.13", 6000, direction="sendonly"))  # fmt: skip
    site.desk.send(back)
    site.desk.take(status=100)
    assert b"c=IN IP4 0.0.0.0" in site.trunk.take("INVITE").body
