"""What the portal tells: im-info and sip-info, as typed values out of hostile XML.

The formats are Farline's own (the guide shows only what its client made of them): an answer is at
most 64 kB of UTF-8, has no DTD and no entity of its own, and every value is checked.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from ipaddress import ip_address

from farline.mobile.text import printable

MAX_BODY = 65_536
"""Bytes of an answer; a full one is under 2 kB."""

_JID = re.compile(r"[^\s@/\"&'<>:]{1,255}@[A-Za-z0-9.:\[\]-]{1,255}")
_EXTENSION = re.compile(r"[0-9*#]{1,15}")
_HOST = re.compile(r"[A-Za-z0-9.:\[\]_-]{1,255}")


class InfoError(ValueError):
    """An answer that cannot be used; the text says which element and why."""


@dataclass(frozen=True, slots=True)
class ImInfo:
    """im-info: where and as whom to log in for instant messaging."""

    im_id: str
    """Bare JID."""
    my_buddy_id: str
    domain: str
    host: str
    port: int
    im_password: str | None
    """A short-lived token where the portal issues one, else None: the user's own password."""
    resiliency: bool
    primary_host: str
    secondary_host: str

    def __repr__(self) -> str:
        return f"ImInfo({self.im_id}, {self.my_buddy_id}, {self.host}:{self.port})"


@dataclass(frozen=True, slots=True)
class Place:
    """An address and its SIP ports; the address 0.0.0.0 means unset."""

    address: str
    tcp_port: int
    udp_port: int
    tls_port: int


@dataclass(frozen=True, slots=True)
class SipInfo:
    """sip-info: as whom to register. QoS values are whole DS bytes (184 = EF)."""

    identity: str
    """extension@domain"""
    extension: str
    display_name: str
    realm: str
    sip_password: str | None
    private: Place
    public: Place
    signalling_qos: int
    voice_qos: int
    video_qos: int
    voip_mode: str
    srtp: str

    def __repr__(self) -> str:
        return f"SipInfo({self.identity}, {self.private}, {self.public})"

    @property
    def domain(self) -> str:
        """The SIP domain."""
        return self.identity.partition("@")[2]

    @property
    def voip_active(self) -> bool:
        """Whether calls are allowed."""
        return self.voip_mode == "always"


def read_im_info(body: bytes) -> ImInfo:
    """Raises InfoError."""
    root = _root(body, "im-info")
    im_id = _matching(root, "im-id", _JID)
    domain = im_id.partition("@")[2]
    supported = root.find("resiliency")
    resiliency = supported is not None and supported.get("supported") == "true"
    return ImInfo(
        im_id=im_id,
        my_buddy_id=_matching(root, "my-buddy-id", _JID),
        domain=_matching(root, "server/domain", _HOST, domain),
        host=_matching(root, "server/host", _HOST, domain),
        port=_number(root, "server/port", 1, 65535, 5222),
        im_password=_text(root, "im-password", "") or None,
        resiliency=resiliency,
        primary_host=_host_attribute(root, "resiliency/primary"),
        secondary_host=_host_attribute(root, "resiliency/secondary"),
    )


def read_sip_info(body: bytes) -> SipInfo:
    """Raises InfoError."""
    root = _root(body, "sip-info")
    identity = _matching(root, "identity", _JID)
    return SipInfo(
        identity=identity,
        extension=_matching(root, "extension", _EXTENSION, identity.partition("@")[0]),
        display_name=printable(_text(root, "display-name", ""), 64),
        realm=printable(_text(root, "realm", ""), 128),
        sip_password=_text(root, "sip-password", "") or None,
        private=_place(root, "private"),
        public=_place(root, "public"),
        signalling_qos=_number(root, "signalling-qos", 0, 255, 0),
        voice_qos=_number(root, "voice-qos", 0, 255, 0),
        video_qos=_number(root, "video-qos", 0, 255, 0),
        voip_mode=_matching(root, "voip-mode", re.compile("always|never"), "always"),
        srtp=_matching(root, "srtp", re.compile("disabled|enforced|best-effort"), "disabled"),
    )


def _root(body: bytes, name: str) -> ET.Element:
    if len(body) > MAX_BODY:
        raise InfoError(f"the answer is longer than {MAX_BODY} bytes")
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise InfoError("the answer is not UTF-8") from None
    if re.search(r"<!(?!--)", text):
        raise InfoError("the answer holds a document type declaration")
    try:
        root = ET.fromstring(text)  # noqa: S314 (bounded, UTF-8, no DTD: nothing can expand)
    except ET.ParseError as error:
        raise InfoError(f"the answer is not XML: {error}") from None
    if root.tag != name:
        raise InfoError(f"the answer is <{printable(root.tag, 40)}>, not <{name}>")
    return root


def _text(root: ET.Element, path: str, default: str | None = None) -> str:
    element = root.find(path)
    text = (element.text or "").strip() if element is not None else ""
    if text:
        return text
    if default is None:
        raise InfoError(f"<{path}> is missing or empty")
    return default


def _matching(
    root: ET.Element, path: str, pattern: re.Pattern[str], default: str | None = None
) -> str:
    text = _text(root, path, default)
    if not pattern.fullmatch(text):
        raise InfoError(f"<{path}> cannot be used: {printable(text, 60)}")
    return text


def _number(root: ET.Element, path: str, low: int, high: int, default: int) -> int:
    text = _text(root, path, str(default))
    if not re.fullmatch("[0-9]{1,5}", text) or not low <= int(text) <= high:
        raise InfoError(f"<{path}> is not a number from {low} to {high}: {printable(text, 20)}")
    return int(text)


def _host_attribute(root: ET.Element, path: str) -> str:
    element = root.find(path)
    host = element.get("host", "") if element is not None else ""
    if host and not _HOST.fullmatch(host):
        raise InfoError(f"<{path}> has no usable host")
    return host


def _place(root: ET.Element, kind: str) -> Place:
    text = _text(root, f"{kind}-address", "0.0.0.0")  # noqa: S104 (the guide's "unset")
    try:
        address = str(ip_address(text))
    except ValueError:
        raise InfoError(f"<{kind}-address> is no IP address: {printable(text, 60)}") from None
    return Place(
        address,
        _number(root, f"{kind}-tcp-port", 1, 65535, 5060),
        _number(root, f"{kind}-udp-port", 1, 65535, 5060),
        _number(root, f"{kind}-tls-port", 1, 65535, 5061),
    )
