"""Registrations of a subscriber flow: leases, outbound flows, Path, pacing, push, outages."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from farline.config.base import Form

Seconds = Annotated[int, Field(ge=30, le=86_400)]


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _push_url(text: str | None) -> str | None:
    """Device tokens are worth protecting: HTTP only to this machine."""
    if text is None:
        return None
    parts = urlsplit(text)
    host = parts.hostname or ""
    if parts.scheme == "https" and host:
        return text
    if parts.scheme == "http" and _is_loopback(host):
        return text
    raise ValueError(f"{text!r}: write https://push.example.com/wake (http only to 127.0.0.1)")


class Registrations(Form):
    """What the border does with the registrations of a subscriber flow beyond passing them on."""

    form: ClassVar[str] = "Device Specific Settings > End Point Flows > Subscriber Flows"
    phone_lease: Seconds | Literal["auto"] | None = Field(None, title="Lease to the Phone")
    """Seconds that a phone gets, while the office gives a longer lease: refreshes in the first half
    of that one are answered here. auto: what the NAT before the phone holds, as measured. Absent:
    phones get the office's lease, and every refresh goes to the office."""
    office_lease: Seconds = Field(3600, title="Lease at the Office")
    """Seconds asked of the office where Lease to the Phone is set."""
    outbound: bool = Field(False, title="Outbound")
    """RFC 5626: phones that ask for it are told that both of their flows are used."""
    flow_timer: Annotated[int, Field(ge=0, le=3600)] = Field(120, title="Flow-Timer")
    """Seconds of silence before a phone of an outbound flow sends a keep-alive; 0: not said."""
    path: Literal["off", "supported", "always"] = Field("supported", title="Path")
    """Whether REGISTERs to the office bear a Path of the border (RFC 3327): when the phone supports
    it, always, or never."""
    registers_per_second: Annotated[int, Field(ge=0, le=100_000)] = Field(
        0, title="REGISTERs per Second"
    )
    """How many go to the office, on average; the others get 503 with Retry-After. 0: all."""
    register_burst: Annotated[int, Field(ge=1, le=100_000)] = Field(50, title="REGISTER Burst")
    """How many may go at once; a quarter of it is kept for phones that are known."""
    survivable_lease: Annotated[int, Field(ge=0, le=3600)] = Field(0, title="Survivable Lease")
    """Seconds that a known phone's refresh gets while no next hop answers; 0: it gets 503."""
    push_url: Annotated[str | None, AfterValidator(_push_url)] = Field(None, title="Push URL")
    """Told by POST when a request waits for a phone that sleeps (RFC 8599)."""
    push_seconds: Annotated[int, Field(ge=1, le=30)] = Field(10, title="Push Wait")
    """How long a request waits for the phone to register again; then it gets 480."""

    @model_validator(mode="after")
    def _short_is_shorter(self) -> Registrations:
        short = self.phone_lease
        if isinstance(short, int) and short * 2 > self.office_lease:
            raise ValueError(
                f"phone_lease {short} and office_lease {self.office_lease}: give the phone at most "
                "half of the office's lease"
            )
        return self
