"""How the office names itself and the party at the other end, in the guide's forms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farline.office.stack import Stack
    from farline.sip import Flow


@dataclass(frozen=True, slots=True)
class Party:
    """Whom the phone of a leg sees at the other end."""

    extension: str
    display: str

    @property
    def quoted(self) -> str:
        """The display name as a quoted string."""
        return '"' + self.display.replace("\\", "\\\\").replace('"', '\\"') + '"'


def contact(stack: Stack, party: Party, flow: Flow) -> str:
    """Our Contact on a flow: `"Dora" <sip:3003@10.10.10.13:5060;transport=tcp>`."""
    here = stack.local.get(flow.transport, flow.local)
    uri = f"sip:{party.extension}@{here};transport={flow.transport.uri_param}"
    return f"{party.quoted} <{uri}>"


def asserted(stack: Stack, party: Party, flow: Flow) -> tuple[str, str]:
    """P-Asserted-Identity (RFC 3325): `"Dora" <sip:3003@10.10.10.13:5060>`."""
    here = stack.local.get(flow.transport, flow.local)
    return "P-Asserted-Identity", f"{party.quoted} <sip:{party.extension}@{here}>"
