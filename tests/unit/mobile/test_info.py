from __future__ import annotations

import pytest

from farline.mobile.info import InfoError, Place, read_im_info, read_sip_info

IM = """<im-info version="1">
  <im-id>ruel@ipo1xp.ipolab.com</im-id><my-buddy-id>mybuddy@ipo1xp.ipolab.com</my-buddy-id>
  <im-password/>
  <server><domain>ipo1xp.ipolab.com</domain><host>ipo1xp.ipolab.com</host><port>5222</port>
  <starttls>required</starttls></server>
  <resiliency supported="false"/></im-info>"""

SIP = """<?xml version="1.0" encoding="UTF-8"?><sip-info version="1">
  <identity>3001@ipo1xp.ipolab.com</identity> <extension>3001</extension>
  <display-name>Ruel</display-name> <realm>ipoffice</realm> <sip-password/>
  <private-address>10.10.10.13</private-address> <private-tcp-port>5060</private-tcp-port>
  <private-udp-port>5060</private-udp-port> <private-tls-port>5061</private-tls-port>
  <public-address>0.0.0.0</public-address> <public-tcp-port>5060</public-tcp-port>
  <public-udp-port>5060</public-udp-port> <public-tls-port>5061</public-tls-port>
  <signalling-qos>136</signalling-qos> <voice-qos>184</voice-qos> <video-qos>184</video-qos>
  <voip-mode>always</voip-mode> <srtp>disabled</srtp></sip-info>"""


def test_im_info():
    info = read_im_info(IM.encode())
    assert info.im_id == "ruel@ipo1xp.ipolab.com"
    assert info.my_buddy_id == "mybuddy@ipo1xp.ipolab.com"
    assert (info.host, info.port, info.domain) == (
        "ipo1xp.ipolab.com",
        5222,
        "ipo1xp.ipolab.com",
    )
    assert info.im_password is None
    assert not info.resiliency


def test_im_info_with_resiliency_and_token():
    text = IM.replace("<im-password/>", "<im-password>token</im-password>").replace(
        '<resiliency supported="false"/>',
        '<resiliency supported="true"><primary host="a.lab"/><secondary host="b.lab"/>'
        "</resiliency>",
    )
    info = read_im_info(text.encode())
    assert (info.im_password, info.resiliency) == ("token", True)
    assert (info.primary_host, info.secondary_host) == ("a.lab", "b.lab")
    assert "token" not in repr(info)


def test_sip_info_has_the_guides_values():
    info = read_sip_info(SIP.encode())
    assert (info.identity, info.extension, info.domain) == (
        "3001@ipo1xp.ipolab.com",
        "3001",
        "ipo1xp.ipolab.com",
    )
    assert info.private == Place("10.10.10.13", 5060, 5060, 5061)
    assert info.public == Place("0.0.0.0", 5060, 5060, 5061)
    assert (info.signalling_qos, info.voice_qos, info.video_qos) == (136, 184, 184)
    assert info.voip_active


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("<identity>3001@ipo1xp.ipolab.com</identity>", "", "identity"),
        ("<private-address>10.10.10.13<", "<private-address>10.10.10.999<", "private-address"),
        ("<public-tcp-port>5060<", "<public-tcp-port>0<", "public-tcp-port"),
        ("<public-tcp-port>5060<", "<public-tcp-port>66000<", "public-tcp-port"),
        ("<public-tcp-port>5060<", "<public-tcp-port>five<", "public-tcp-port"),
        ("<voice-qos>184<", "<voice-qos>300<", "voice-qos"),
        ("<extension>3001<", "<extension>3001;user=phone<", "extension"),
        ("always", "sometimes", "voip-mode"),
        ("</sip-info>", "", "not XML"),
        ("sip-info", "im-info", "not <sip-info>"),
        ("ipo1xp.ipolab.com<", "ipo1xp.ipolab.com&#10;X: y<", "identity"),
    ],
)
def test_values_that_cannot_be_used_are_named(old, new, says):
    assert old in SIP
    with pytest.raises(InfoError, match=says):
        read_sip_info(SIP.replace(old, new).encode())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe<\0s\0i\0p\0",
        b"<!DOCTYPE sip-info [<!ENTITY a 'b'>]><sip-info>&a;</sip-info>",
        b"<sip-info><!ENTITY x 'y'></sip-info>",
        b"<sip-info>" + b" " * 70_000 + b"</sip-info>",
        b"<sip-info>" * 4000,
        "<!DOCTYPE sip-info><sip-info/>".encode("utf-16"),
    ],
)
def test_hostile_bodies_are_refused(body):
    with pytest.raises(InfoError):
        read_sip_info(body)
