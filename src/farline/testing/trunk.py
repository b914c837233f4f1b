"""The office and the provider of `examples/trunk.yaml`, with the border between them in memory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from farline.config import load_deployment
from farline.sip import Address, Message, Transport
from farline.testing.border import BorderWorld
from farline.testing.border_phone import offer
from farline.testing.border_server import Server, call

if TYPE_CHECKING:
    from farline.config import Border

TEXT = (Path(__file__).parents[3] / "examples" / "trunk.yaml").read_text(encoding="utf-8")
SECRETS = {"trunk": "geheim"}
OURS = "203.0.113.10"
NUMBER = f"sip:3003@{OURS}:5060"
"""The office's extension as the provider calls it."""

OUTSIDE_NUMBER = "sip:+4930123@10.10.10.7"
"""A number outside as the office calls it."""

TO_TRUNK = (
    "end_point_policy_group: avaya-def-low-enc\n      routing_profile: to-Office\n\n",
    "end_point_policy_group: avaya-def-low-enc\n      routing_profile: to-Provider\n\n",
)
"""A change: the phones' subscriber flow leads to the trunk."""


def trunk_border(*changes: tuple[str, str], secrets: dict[str, str] = SECRETS) -> Border:
    """The example's border with texts replaced. Raises ValueError for a text that is not there."""
    text = TEXT
    for old, new in changes:
        if old not in text:
            raise ValueError(f"the example has no {old!r}")
        text = text.replace(old, new)
    border = load_deployment(text, secrets).border
    if border is None:
        raise ValueError("the example has a border")
    return border


class TrunkSite:
    """A world with the trunk (UDP) and the office (TCP) of the example."""

    def __init__(self, *changes: tuple[str, str], border: Border | None = None) -> None:
        self.world = BorderWorld(border or trunk_border(*changes))
        self.trunk = self.server("TrunkSig", "203.0.113.2", "provider", "trunk.example.net")
        self.desk = self.server(
            "OfficeSig", "10.10.10.13", "3003", "office.example.com", Transport.TCP
        )

    def server(
        self,
        interface: str,
        host: str,
        user: str,
        domain: str,
        transport: Transport = Transport.UDP,
    ) -> Server:
        """Another server."""
        address = Address(host, 5060)
        return Server(self.world, interface, address, user=user, domain=domain, transport=transport)

    def inbound(self, body: bytes | None = None) -> tuple[Message, Message]:
        """The trunk calls the office: the INVITE as the office reads it, the 200 as the trunk."""
        told = offer("203.0.113.2") if body is None else body
        self.trunk.send(self.trunk.request("INVITE", NUMBER, body=told))
        self.trunk.take(status=100)
        self.desk.flow = self.world.opened[-1]
        arrived = self.desk.take("INVITE")
        self.desk.answer(arrived, 200, body=offer("10.10.10.13", 6000))
        ok = self.trunk.take(status=200)
        self.trunk.send(self.trunk.in_dialog("ACK", ok, cseq=1))
        self.desk.take("ACK")
        return arrived, ok

    def outbound(self, **headers: str) -> tuple[Message, Message]:
        """The office calls a number outside, over the trunk."""
        return call(self.desk, self.trunk, OUTSIDE_NUMBER, **headers)

    @property
    def calls(self) -> list[dict[str, Any]]:
        """The calls that the border shows."""
        shown: Any = self.world.core.show()["sessions"]
        return [one for one in shown if one["kind"] == "call"]
