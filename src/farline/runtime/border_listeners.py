"""Where a border's signaling interfaces listen, as its driver takes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.border.policy.marking import first_classes
from farline.runtime.sip_listen import Listener

if TYPE_CHECKING:
    from farline.config import Border
    from farline.runtime.tls.keeper import TlsKeeper


def border_listeners(border: Border, keeper: TlsKeeper) -> list[Listener]:
    """The listener of each signaling interface. Raises TlsError."""
    classes = first_classes(border)
    return [
        Listener(
            interface.name,
            interface.ip,
            udp_port=interface.udp_port,
            tcp_port=interface.tcp_port,
            tls_port=interface.tls_port,
            qos=classes.get(interface.name, 0),
            ws_port=interface.ws_port,
            wss_port=interface.wss_port,
            ws_origins=interface.ws_origins,
            tls=keeper.server(interface.tls_profile)
            if interface.tls_profile is not None and interface.uses_tls
            else None,
            shared_port=interface.shared_control_port,
            device=border.link(interface.network),
        )
        for interface in border.signaling_interfaces
    ]
