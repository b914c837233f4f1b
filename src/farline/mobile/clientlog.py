"""The client's log, in the form of the guide's: `2017/02/27 11:15:26:551 - [10271] - text`.

It says the same facts as the guide's client log: server, port, URL, IM ID, My Buddy ID, identity,
addresses and ports, QoS, SIP server and extension. No password and no SIP body ever goes in.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from farline.mobile.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo

    from farline.mobile.info import ImInfo, SipInfo

MAX_LINE = 500
"""Characters of one entry; a peer's text is cut there."""


class ClientLog:
    """Writes entries."""

    def __init__(
        self,
        write: Callable[[str], None],
        wall: Callable[[], float],
        process: int,
        zone: tzinfo | None = None,
    ) -> None:
        """`write` gets a line without its end; `zone` None is the machine's own."""
        self._write = write
        self._wall = wall
        self._process = process
        self._zone = zone

    def __call__(self, text: str) -> None:
        """One entry."""
        at = datetime.fromtimestamp(self._wall(), UTC).astimezone(self._zone)
        stamp = f"{at:%Y/%m/%d %H:%M:%S}:{at.microsecond // 1000:03d}"
        self._write(f"{stamp} - [{self._process}] - {printable(text, MAX_LINE)}")

    # ---- the guide's groups of entries ----

    def asking_im(self, server: str, port: int, url: str, username: str, *, verified: bool) -> None:
        """Before im-info."""
        self("UCConnectionManager: retrieveLoginCredentialsFromServer:")
        self(f"Current Server: {server}")
        self(f"Current Port: {port} URL: {port}/sipxconfig/rest/my/")
        self(f"Server Certificate Validation set to {'YES' if verified else 'NO'}")
        self(f"Attempting to retrieve IM credentials from {url} with username {username}")

    def im_info(self, info: ImInfo, server: str, port: int) -> None:
        """After im-info."""
        self("RESTRequest completion block response code: 200")
        self("*********Im-Info Response*******")
        self(f"IM ID: {info.im_id}")
        self(f"My Buddy ID: {info.my_buddy_id}")
        self(f"Saved Port: {port}")
        secondary = info.secondary_host or "(null)"
        if not info.resiliency:
            self("Does not support resiliency")
            self("Cleared Resiliency Servers")
        self(f"Primary Server: {info.primary_host or server} Secondary Server: {secondary}")
        self(f"Set username password for XMPP to {info.im_id}, and myBuddy is {info.my_buddy_id}")
        user, _, domain = info.im_id.partition("@")
        self(f"UCConnectionManager: JID Components: Domain: {domain}, userName: {user}")
        self("Retrieve Login Credentials Status: YES")

    def sip_info(self, info: SipInfo) -> None:
        """After sip-info."""
        self("RestClient on HttpRequest completed")
        self(
            f"VCRegistrationManager: checkVoipFeatureStatus: Voip mode is "
            f"{info.voip_mode.capitalize()}. Voip feature is "
            f"{'active' if info.voip_active else 'inactive'}"
        )
        self("SIP Settings obtained from 1X")
        self(f"Identity: {info.identity}")
        for name, place in (("Private", info.private), ("Public", info.public)):
            self(f"{name} Address: {place.address}")
            self(f"{name} TCP Port: {place.tcp_port}")
            self(f"{name} UDP Port: {place.udp_port}")
            self(f"{name} TLS Port: {place.tls_port}")
        self(f"Signalling Qos: {info.signalling_qos}")
        self(f"Voice Qos: {info.voice_qos}")
        self(f"Video Qos: {info.video_qos}")

    def registering(self, domain: str, server_ip: str, port: int, extension: str) -> None:
        """Before REGISTER."""
        self("VCAccountManager: store account")
        self("VCRegistrationManager: Proceeding for voip Registration")
        self(f"SIP Domain {domain}")
        self(f"SIP Server IP: {server_ip}")
        self(f"SIP Server Port: {port}")
        self(f"SIP Extension: {extension}")
        self("VCRegistrationManager: proceedWithRegistration connecting")

    def failed(self, door: str, why: str) -> None:
        """A step came to nothing."""
        self(f"Login failed at the {door} door: {why}")
