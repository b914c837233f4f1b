"""Where a relay's server is: its address, or what the DNS says that it is, within bounds.

A name is looked up for each connection; the resolver's cache keeps answers for their TTL. An answer
outside Remote Networks is not connected to: whoever answers for the name could otherwise turn the
relay on any service that the border reaches (DNS rebinding).
"""

from __future__ import annotations

import asyncio
from ipaddress import ip_address
from typing import TYPE_CHECKING

from farline.sip.dns import Question

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from farline.border.relays.plan import RelayPlan
    from farline.sip.dns import Found

    Ask = Callable[[Question], Awaitable[Found]]

MAX_TRIES = 8
"""Addresses of a name that are tried for one connection."""


class OutsideError(OSError):
    """The DNS gave only addresses that the relay may not connect to."""


async def remote_addresses(plan: RelayPlan, ask: Ask | None) -> list[str]:
    """Addresses to try, in order. Raises OSError naming what is wrong."""
    host = plan.remote[0]
    if _literal(host):
        return [host]
    if ask is None:
        raise OSError(f"{host} is a name, and there is no resolver")
    kind = ip_address(plan.connect_ip).version
    found = await ask(Question(host.rstrip("."), "A" if kind == 4 else "AAAA"))
    answers = [str(one) for one in found.records]
    if not answers:
        raise OSError(f"{host}: {found.error}")
    inside = [one for one in answers if allowed(plan, one)]
    if not inside:
        raise OutsideError(f"{host} is {', '.join(answers[:4])}: not in Remote Networks")
    return inside[:MAX_TRIES]


def allowed(plan: RelayPlan, address: str) -> bool:
    """Whether an answer of the DNS may be connected to."""
    if not _literal(address):
        return False
    one = ip_address(address)
    if one.is_unspecified or one.is_multicast:
        return False
    return any(one.version == net.version and one in net for net in plan.remote_networks)


async def try_each(
    addresses: list[str], seconds: float, connect: Callable[[str], Awaitable[object]]
) -> str:
    """Connect to the first that answers; each gets its share of the time. Raises OSError."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    last: OSError = OSError("no address")
    for index, address in enumerate(addresses):
        share = max(0.0, until - loop.time()) / (len(addresses) - index)
        try:
            async with asyncio.timeout(share):
                await connect(address)
        except TimeoutError:
            last = OSError(f"{address}: no answer in {share:.1f} s")
        except OSError as error:
            last = error
        else:
            return address
    raise last


def _literal(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
