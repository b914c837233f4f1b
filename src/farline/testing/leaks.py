"""A second look for inside addresses in what leaves outside, written without the border's audit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from farline.border.topology.inside import InsideAddresses
from farline.sip import Message

if TYPE_CHECKING:
    from farline.config import Border
    from farline.sip import Flow

_IP = re.compile(r"(?:\d{1,3}\.){3}\d{1,3}|[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}")


class LeakAudit:
    """Knows what is inside and who is outside, by the configuration."""

    def __init__(self, config: Border) -> None:
        self._inside = InsideAddresses(config)
        outsiders = {one.name for one in config.server_profiles if one.nature.is_outsider}
        self._outer = {flow.signaling_interface for flow in config.subscriber_flows}
        self._outer |= {
            flow.signaling_interface
            for flow in config.server_flows
            if flow.server_profile in outsiders
        }

    def look(self, flow: Flow, data: bytes) -> None:
        """No inside address in any byte that leaves outside, but for what the reader has said.

        Raises AssertionError.
        """
        if flow.interface not in self._outer:
            return
        message = Message.parse(data)
        if message.is_request:
            message.uri = "sip:phone@example.com"  # the phone's own Contact
        else:
            for name in ("Via", "From", "To", "Call-ID", "CSeq", "Record-Route"):
                message.remove(name)
        if message.method == "REGISTER":
            message.remove("Contact")
        if message.method == "MESSAGE" and "text/" in (message.get("Content-Type") or ""):
            message.body = b""
        for found in _IP.findall(message.to_bytes().decode("latin-1")):
            if found in self._inside:
                raise AssertionError(f"{found} is told to {flow.remote}: {data!r}")
