"""im-info and sip-info: one tree for each, printed as XML or as its JSON twin.

The root elements, the order of the fields and their values are those of the guide's client log;
the children's names are ours (portal.md 1.3), for the log does not show them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING
from xml.etree import ElementTree

if TYPE_CHECKING:
    from farline.config.portal import Portal
    from farline.portal.accounts import Account

Value = str | int | bool | None | Mapping[str, "Value"]
Document = Mapping[str, Value]
"""Fields by name, in order; a name with @ is an attribute in XML."""
VERSION = 1


def im_info(portal: Portal, account: Account) -> Document:
    """What the client needs for instant messaging. No password: it logs in with the user's own."""
    messaging = portal.im_presence
    return {
        "im-id": f"{account.node}@{messaging.domain}",
        "my-buddy-id": f"{messaging.mybuddy}@{messaging.domain}",
        "im-password": None,
        "server": {
            "domain": messaging.domain,
            "host": portal.server_name,
            "port": messaging.port,
            "starttls": "required",
        },
        "resiliency": {"@supported": False},
    }


def sip_info(portal: Portal, account: Account) -> Document:
    """What the client needs for SIP. QoS values are whole DS bytes; 0.0.0.0 means unset."""
    info = portal.sip_info
    return {
        "identity": f"{account.extension}@{info.domain}",
        "extension": account.extension,
        "display-name": account.display_name,
        "realm": info.realm,
        "sip-password": None,
        "private-address": info.private_address,
        "private-tcp-port": info.private_tcp_port,
        "private-udp-port": info.private_udp_port,
        "private-tls-port": info.private_tls_port,
        "public-address": info.public_address,
        "public-tcp-port": info.public_tcp_port,
        "public-udp-port": info.public_udp_port,
        "public-tls-port": info.public_tls_port,
        "signalling-qos": info.signalling_qos,
        "voice-qos": info.voice_qos,
        "video-qos": info.video_qos,
        "voip-mode": info.voip_mode,
        "srtp": "disabled",
    }


def as_xml(name: str, document: Document) -> bytes:
    """`<NAME version="1">` with an element a field, UTF-8."""
    root = ElementTree.Element(name, version=str(VERSION))
    _fill(root, document)
    ElementTree.indent(root)
    text: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def as_json(name: str, document: Document) -> bytes:
    """`{NAME: {"version": 1, ...}}`, UTF-8."""
    tree = {name: {"version": VERSION, **_plain(document)}}
    return json.dumps(tree, ensure_ascii=False, indent=2).encode() + b"\n"


def wants_json(accept: str) -> bool:
    """Whether an Accept header prefers JSON to XML; XML where it does not care."""
    weights: dict[str, float] = {}
    for entry in accept.split(",")[:32]:
        media_type, *parameters = (part.strip().lower() for part in entry.split(";"))
        weight = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    weight = float(parameter[2:])
                except ValueError:
                    weight = 0.0
        weights[media_type] = weight
    json_weight = weights.get("application/json", 0.0)
    return json_weight > max(weights.get("application/xml", 0.0), weights.get("text/xml", 0.0))


def _fill(element: ElementTree.Element, fields: Mapping[str, Value]) -> None:
    for name, value in fields.items():
        if name.startswith("@"):
            element.set(name[1:], _text(value))
            continue
        child = ElementTree.SubElement(element, name)
        if isinstance(value, Mapping):
            _fill(child, value)
        elif value is not None:
            child.text = _text(value)


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _plain(fields: Mapping[str, Value]) -> dict[str, Value]:
    return {
        name.removeprefix("@"): _plain(value) if isinstance(value, Mapping) else value
        for name, value in fields.items()
    }
