"""Which next hops a binding's requests may take, in their order, and by which server flow."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from farline.border import flow as flows
from farline.border.routing import stage as routing
from farline.sip import Transport
from farline.sip.routing import is_numeric

if TYPE_CHECKING:
    from collections.abc import Generator

    from farline.border.context import Context
    from farline.border.exchange import Verdict
    from farline.border.plan import Candidate
    from farline.border.registrations.binding import Binding
    from farline.config import NextHop, RoutingProfile, ServerFlow
    from farline.sip.dns import Found, Question
    from farline.sip.locate import Located


class NextHops:
    """The stages routing and server flow, for ways that are looked for."""

    def __init__(self, context: Context, used: Counter[Candidate]) -> None:
        """`used`: bindings whose way leads to a next hop."""
        self._context = context
        self._used = used
        self._turns: Counter[tuple[str, str, str]] = Counter()
        """How often each rule of a profile was asked: profile, URI group, time of day."""

    def select(self, binding: Binding) -> Verdict[RoutingProfile | None]:
        """The rule of the routing profile that fits now."""
        context = self._context
        name, wall = binding.subscriber.routing_profile, context.wall(context.now)
        return routing.select(context.plan, name, binding.aor, wall)

    def candidates(
        self, binding: Binding, routes: tuple[str, ...]
    ) -> Generator[Question, Found, tuple[Candidate, ...]]:
        """The next hops for a binding, the best first. `routes`: Route values of the request."""
        context = self._context
        selected = self.select(binding)
        profile = selected.value
        if binding.upstream is not None:
            binding.upstream.rule = profile
        if profile is None:
            context.decided("routing-rule", "nowhere", selected.because, selected.form)
            return ()
        if len(context.plan.routing[profile.name]) > 1:
            order = context.plan.routing[profile.name].index(profile) + 1
            context.decided("routing-rule", f"rule {order}", selected.because, selected.form)
        key = (profile.name, profile.uri_group, profile.time_of_day)
        located = yield from self._locate(profile)
        standing = routing.Standing(
            context.health.why_down,
            self._used,
            self._turns[key],
            context.chance,
            () if profile.ignore_route_header else routes,
        )
        self._turns[key] += 1
        verdict = routing.decide(context.plan, profile, standing, located)
        value = ", ".join(map(str, verdict.value)) or "nowhere"
        context.decided("routing", value, verdict.because, verdict.form)
        return verdict.value

    def _locate(
        self, profile: RoutingProfile
    ) -> Generator[Question, Found, dict[NextHop, Located]]:
        """Where the names among the next hops lead."""
        context = self._context
        located: dict[NextHop, Located] = {}
        for hop in profile.next_hops:
            if not is_numeric(hop.address):
                search = routing.locator(context.plan, profile, hop, context.chance)
                srv = profile.load_balancing == "dns_srv"
                located[hop] = yield from search.run(naptr=profile.naptr, srv=srv)
        return located

    def leads(self, binding: Binding, candidate: Candidate) -> ServerFlow | None:
        """The server flow by which a binding may use a next hop; None: it may not."""
        server = self._server(binding, candidate)
        if server is None or not self._speaks(server, candidate):
            return None
        return server if self._secure_enough(binding, candidate) else None

    def registers(self, candidate: Candidate) -> bool:
        """Whether a REGISTER of a phone may go there."""
        server = self._context.plan.servers[candidate.server]
        if not server.registers_phones:
            form = f"{server.form}: {server.name}: Phone Registrations"
            why = f"phones do not register with {server.name}, which is a {server.server_type}"
            self._context.decided("server-type", f"not {candidate}", why, form)
        return server.registers_phones

    def _server(self, binding: Binding, candidate: Candidate) -> ServerFlow | None:
        context = self._context
        verdict = flows.decide_server(context.plan, binding.subscriber, candidate, binding.aor)
        value = verdict.value.name if verdict.value else "none"
        context.decided("server-flow", value, verdict.because, verdict.form)
        return verdict.value

    def _speaks(self, server: ServerFlow, candidate: Candidate) -> bool:
        """Whether the signaling interface has the IP version of the next hop."""
        own = self._context.plan.own.shown(server.signaling_interface, candidate.transport)
        alike = (":" in own.host) is (":" in candidate.remote.host)
        if not alike:
            why = f"{server.signaling_interface} is {own.host}: another IP version"
            self._context.decided("routing", f"not {candidate}", why, server.form)
        return alike

    def _secure_enough(self, binding: Binding, candidate: Candidate) -> bool:
        """Securable: a phone on TLS reaches the server over TLS or not at all."""
        advanced = self._context.plan.servers[candidate.server].advanced
        secured = binding.phone is not None and binding.phone.transport.secure
        if not advanced.securable or not secured or candidate.transport is Transport.TLS:
            return True
        form = f"{advanced.form}: Securable"
        why = f"{binding.aor} came over TLS and {candidate.server} is securable"
        self._context.decided("routing", f"not {candidate}", why, form)
        return False
