"""Every application relay of the border, and the way from one configuration to another.

A relay is known by where it listens. What else changes holds for new connections; a relay that is
no longer wanted listens no more and lasts until the last of its connections has ended.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeAlias

from farline.border.relays.plan import plan_relays
from farline.runtime.relays.datagrams import UdpRelay
from farline.runtime.relays.stream import ByteRelay

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Container

    from farline.border.relays.plan import RelayPlan
    from farline.border.relays.rtcp_actors import FarEnd
    from farline.config import Deployment
    from farline.runtime.relays.remote import Ask
    from farline.runtime.tls.keeper import TlsKeeper
    from farline.trace.events import Event

Relay: TypeAlias = ByteRelay | UdpRelay
Key: TypeAlias = tuple[bool, tuple[str, int], str | None]


class RelaySet:
    """The relays that run, and those that still have connections."""

    def __init__(
        self,
        tls: TlsKeeper,
        trace: Callable[[Event], None],
        *,
        ask: Ask | None = None,
        registered: Callable[[str], bool] | None = None,
        far_end: Callable[[str, int], FarEnd | None] | None = None,
    ) -> None:
        self._tls = tls
        self._trace = trace
        self._ask = ask
        self._registered = registered
        self._far_end = far_end
        self._running: dict[Key, Relay] = {}
        self._leaving: dict[Relay, asyncio.Task[None]] = {}

    @property
    def running(self) -> tuple[Relay, ...]:
        """Those that listen, in the order of the forms."""
        return tuple(self._running.values())

    async def adopt(self, deployment: Deployment) -> None:
        """Run the relays of a deployment, whose TLS profiles the keeper has.

        Raises OSError for an address that cannot be listened on and TlsError for a certificate that
        cannot be used; then everything is as before.
        """
        plans = {_key(plan): plan for plan in plan_relays(deployment)}
        await self._call_back(plans)
        clients = {
            key: self._tls.client(plan.remote_tls) if plan.remote_tls else None
            for key, plan in plans.items()
        }
        fresh = {
            key: self._made(plan, clients[key])
            for key, plan in plans.items()
            if key not in self._running
        }
        gone = {key: relay for key, relay in self._running.items() if key not in plans}
        for relay in gone.values():
            relay.close()
        started: list[Relay] = []
        try:
            for relay in fresh.values():
                await relay.start()
                started.append(relay)
        except OSError:
            await _stop(started)
            for relay in gone.values():
                await relay.start()
            raise
        for key, plan in plans.items():
            if key in self._running:
                self._running[key].change(plan, clients[key])
        self._running = {key: fresh.get(key) or self._running[key] for key in plans}
        for relay in gone.values():
            self._leaving[relay] = asyncio.ensure_future(self._leave(relay))

    async def stop(self) -> None:
        """Stop them all; whoever is connected is cut off."""
        await _stop([*self._running.values(), *self._leaving])
        await asyncio.gather(*self._leaving.values())

    def show(self) -> list[dict[str, object]]:
        """Plan, occupancy and counters of each; last those that end with their connections."""
        leaving = [{**relay.show(), "ends": True} for relay in self._leaving]
        return [relay.show() for relay in self._running.values()] + leaving

    def _made(self, plan: RelayPlan, client: ssl.SSLContext | None) -> Relay:
        if plan.udp:
            return UdpRelay(
                plan,
                trace=self._trace,
                ask=self._ask,
                registered=self._registered,
                far_end=self._far_end,
            )
        return ByteRelay(
            plan,
            trace=self._trace,
            server_tls=self._tls.server(plan.listen_tls) if plan.listen_tls else None,
            client_tls=client,
            ask=self._ask,
            registered=self._registered,
        )

    async def _call_back(self, wanted: Container[Key]) -> None:
        """Relays of datagrams hold their port until they are empty: they are wanted again."""
        for relay, leaving in list(self._leaving.items()):
            key = _key(relay.plan)
            if relay.plan.udp and key in wanted:
                leaving.cancel()
                del self._leaving[relay]
                await relay.start()
                self._running[key] = relay

    async def _leave(self, relay: Relay) -> None:
        await relay.emptied()
        await relay.stop()
        del self._leaving[relay]


def _key(plan: RelayPlan) -> Key:
    return plan.udp, plan.listen, plan.listen_tls


async def _stop(relays: list[Relay]) -> None:
    await asyncio.gather(*(relay.stop() for relay in relays))
