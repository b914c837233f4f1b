"""Device Specific Settings > Shield: what the border does not even look at."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from farline.config.base import Form
from farline.config.subnets import network


def _subnet(text: str) -> str:
    if network(text) is None:
        raise ValueError(f"{text!r} is no address or subnet; write 192.0.2.1 or 192.0.2.0/24")
    return text


Subnet = Annotated[str, AfterValidator(_subnet)]
"""An address or a subnet."""

Country = Annotated[str, Field(pattern="^[A-Z]{2}$")]
Rate = Annotated[float, Field(gt=0, le=1_000_000)]


class Shield(Form):
    """Limits for strangers and phones, scanners, bans, lists, countries, quarantine.

    Credit is counted in requests: a request of somebody who is not registered costs one, a refused
    or unreadable one another, a registration that succeeds gives back.
    """

    form: ClassVar[str] = "Device Specific Settings > Shield"
    mode: Literal["enforce", "preview"] = Field("enforce", title="Mode")
    """preview: nobody is refused or banned; what would be is counted, traced and shown."""
    max_message: Annotated[int, Field(ge=4096, le=65_535)] = Field(
        32_768, title="Maximum Message Size"
    )
    """Bytes: several times the largest message of a phone."""
    address_credit: Rate = Field(1000.0, title="Credit per Address")
    """What an address may owe: a site whose phones all come back after a power cut."""
    address_credit_per_second: Rate = Field(20.0, title="Credit per Address and Second")
    device_credit: Rate = Field(60.0, title="Credit per Device")
    """What one address and port may owe."""
    device_credit_per_second: Rate = Field(2.0, title="Credit per Device and Second")
    phone_credit: Rate = Field(500.0, title="Credit per Registered Phone")
    """A registered phone pays with this for every request."""
    phone_credit_per_second: Rate = Field(20.0, title="Credit per Registered Phone and Second")
    interface_per_second: Rate = Field(2000.0, title="Strangers per Interface and Second")
    """Messages of strangers on one signaling interface; beyond it there is a flood."""
    aor_failures: Annotated[int, Field(ge=3, le=10_000)] = Field(
        30, title="Failed Credentials per Address of Record"
    )
    """From wherever they come; then only devices that are bound to it may try again for a while."""
    aor_seconds: Annotated[float, Field(ge=1, le=86_400)] = Field(
        300.0, title="Failed Credentials Forgotten After"
    )
    scanners: tuple[Annotated[str, Field(min_length=3, max_length=64)], ...] = Field(
        (), title="Further Scanners"
    )
    """Words in User-Agent, beside those that the border knows."""
    ban_after: Annotated[int, Field(ge=0, le=10_000)] = Field(20, title="Ban After")
    """Offences of one device (a scanner's name is as many at once); 0: nobody is banned."""
    ban_seconds: Annotated[float, Field(ge=1, le=86_400 * 30)] = Field(600.0, title="Ban Time")
    """Of the first ban; each further one is twice as long, up to a day."""
    ban_address_after: Annotated[int, Field(ge=2, le=65_535)] = Field(16, title="Ban Address After")
    """Banned devices of one address; never where a phone is registered from it."""
    allow: tuple[Subnet, ...] = Field((), title="Allow List")
    """Never limited or banned."""
    deny: tuple[Subnet, ...] = Field((), title="Deny List")
    country_database: Path | None = Field(None, title="Country Database")
    """A file in MaxMind's DB format (country or city); relative to the deployment file."""
    countries_allowed: tuple[Country, ...] = Field((), title="Countries Allowed")
    """ISO 3166 codes. Empty: all. Addresses of no country (private ones) are always let in."""
    countries_denied: tuple[Country, ...] = Field((), title="Countries Denied")
    quarantine: bool = Field(default=True, title="Quarantine")
    """A message that made a handler fail is kept with a capture; its like is dropped."""
