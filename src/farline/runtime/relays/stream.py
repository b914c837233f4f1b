"""An application relay: listener, limits, counters (`pair` moves the bytes)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from farline.border.relays.http import HttpInspector
from farline.border.relays.http_judge import HttpPolicy
from farline.border.relays.ledger import RelayLedger
from farline.border.relays.xmpp import XmppInspector
from farline.runtime.relays.pair import Pair
from farline.runtime.relays.turns import Turns
from farline.trace.events import Note, Refused

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from farline.border.relays.inspection import Inspector
    from farline.border.relays.ledger import Ending
    from farline.border.relays.plan import RelayPlan
    from farline.runtime.relays.remote import Ask
    from farline.trace.events import Event

BACKLOG = 512
HANDSHAKE_SECONDS = 10.0


class ByteRelay:
    """One relay: its listener and everybody connected through it."""

    def __init__(
        self,
        plan: RelayPlan,
        *,
        trace: Callable[[Event], None],
        server_tls: ssl.SSLContext | None = None,
        client_tls: ssl.SSLContext | None = None,
        ask: Ask | None = None,
        registered: Callable[[str], bool] | None = None,
    ) -> None:
        """`ask`: the resolver; `registered`: whether a phone is registered from an address."""
        self.plan = plan
        self.ask = ask
        self._registered = registered
        self.ledger = RelayLedger(plan)
        self.client_tls = client_tls
        self.loop = asyncio.get_running_loop()
        self.pairs: set[Pair] = set()
        self.turns = Turns(self.loop)
        self.server_tls = server_tls
        self._trace = trace
        self._server: asyncio.Server | None = None
        self._emptied = asyncio.Event()

    @property
    def port(self) -> int:
        """The port listened on (the plan's, or the one found for port 0)."""
        if self._server is None:
            return self.plan.listen[1]
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Listen. Raises OSError naming relay, address and port."""
        ip, port = self.plan.listen
        try:
            self._server = await self.loop.create_server(
                lambda: Pair(self).outside,
                ip,
                port,
                ssl=self.server_tls,
                backlog=BACKLOG,
                reuse_address=True,
                ssl_handshake_timeout=HANDSHAKE_SECONDS if self.server_tls else None,
            )
        except OSError as error:
            text = f"relay {self.plan.name!r} cannot listen on {ip}:{port}: {error.strerror}"
            raise OSError(error.errno, text) from error
        self._trace(Note("listening", f"relay {self.plan}", self.plan.name))

    def change(self, plan: RelayPlan, client_tls: ssl.SSLContext | None) -> None:
        """Go by another plan for the same address; connections keep what they began with."""
        self.plan = self.ledger.plan = plan
        self.client_tls = client_tls

    def close(self) -> None:
        """Listen no more; whoever is connected stays."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def stop(self) -> None:
        """Listen no more and break everything off."""
        self.close()
        for pair in tuple(self.pairs):
            pair.abort("stopped")
        await self.emptied()

    async def emptied(self) -> None:
        """Wait until nobody is connected."""
        while self.pairs:
            self._emptied.clear()
            await self._emptied.wait()

    def show(self) -> dict[str, object]:
        """Plan, occupancy and counters; bytes include those of open connections."""
        shown = self.ledger.show()
        up = sum(pair.outside.bytes_in for pair in self.pairs)
        down = sum(pair.inside.bytes_in for pair in self.pairs)
        counters = self.ledger.counters
        return {
            **shown,
            "bytes_up": counters.bytes_up + up,
            "bytes_down": counters.bytes_down + down,
        }

    def knows(self, source: str) -> bool:
        """Whether a phone is registered from an address, where Whitelist Flows asks for it."""
        if self.plan.whitelist is None:
            return True
        return self._registered is not None and self._registered(source)

    def inspector(self, source: str) -> Inspector | None:
        """What looks at a new connection's bytes; None: nothing does."""
        policy = self.plan.policy
        if policy is None:
            return None
        if isinstance(policy, HttpPolicy):
            return HttpInspector(policy, self.port, source, lambda: self.knows(source))
        return XmppInspector(policy)

    def denied(self, pair: Pair, reason: str, detail: str) -> None:
        """Count and trace what an inspector does not let through."""
        self.ledger.reasons[reason] += 1
        remote = f"{pair.source}:{pair.source_port}"
        self._trace(Refused(f"relay-{reason}", f"{self.plan.name}: {detail}", self.plan.name,
                            remote))  # fmt: skip

    def refused(self, pair: Pair, because: str) -> None:
        """Trace a connection that was not let in."""
        remote = f"{pair.source}:{pair.source_port}"
        self._trace(Refused("relay-limit", f"{self.plan.name}: {because}", self.plan.name, remote))

    def note(self, pair: Pair, what: str, detail: str) -> None:
        """Trace one step of a connection."""
        self._trace(Note(what, f"{pair.source}:{pair.source_port} {detail}", self.plan.name))

    def finished(self, pair: Pair, ending: Ending) -> None:
        """Both connections are gone."""
        self.pairs.discard(pair)
        up, down = pair.outside.bytes_in, pair.inside.bytes_in
        self.ledger.ended(pair.source, ending, up, down, known=pair.known)
        self.note(pair, "relay closed", f"{ending}, {up} bytes up, {down} bytes down")
        self._emptied.set()
