"""The way of one request to the far side: which flow or next hop, and which one after it failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from farline.border.exchange import Side
from farline.border.plan import Candidate
from farline.border.routing import presence
from farline.border.routing import stage as routing
from farline.border.routing.health import DOWN_SECONDS
from farline.border.steps import Connect, Reach, Wake
from farline.sip import Flow, Uri, WireError, enum, headers
from farline.sip.routing import MAX_ROUTES
from farline.sip.transaction import Cause

if TYPE_CHECKING:
    from collections.abc import Generator

    from farline.border.calls.session import End, Found, Session
    from farline.border.context import Context
    from farline.border.registrations.binding import Binding
    from farline.border.steps import Step
    from farline.border.topology.line import Line
    from farline.config import RoutingProfile
    from farline.sip import Message
    from farline.sip.dns import Found as DnsFound
    from farline.sip.dns import Question

# Members of an enumeration are slow to reach by their class, and these are reached a lot.
_OUTSIDE = Side.OUTSIDE
_INSIDE = Side.INSIDE


FLOW_FAILED = frozenset({408, 430})
"""Answers after which the phone's other flow is tried (RFC 5626 section 7)."""

FAILOVER_SECONDS = 4.0
"""How long a next hop may say nothing while there is another one: an eighth of Timer B."""

MAX_ATTEMPTS = 4
"""Next hops, or connections to one, that a request is tried on."""


class Reaching:
    """The way of one request of `sender` through the line of a binding."""

    enumerated = ""
    """The Request-URI that ENUM gave."""

    redirected = ""
    """The Request-URI that a redirection gave."""

    _tried: frozenset[Candidate] = frozenset()
    _candidate: Candidate | None = None
    """The next hop that `reach` led to."""

    _attempts = 0
    _flows: tuple[Flow, ...] = ()
    """The phone's flows that a request of the office was sent on."""

    def __init__(
        self,
        context: Context,
        binding: Binding,
        sender: Side,
        request: Message,
        found: Found | None,
    ) -> None:
        self.context = context
        self.binding = binding
        self.sender = sender
        self.request = request
        self.session: Session | None = None
        self.far: End | None = None
        self.near: End | None = None
        if found is not None:
            self.session, self.far, self.near = found.session, found.other, found.sender
        self.status = 480 if sender is _INSIDE else 503
        """What the sender is told when there is no way."""

    @property
    def line(self) -> Line:
        """The binding's line. Raises WireError(503) when it never had an upstream."""
        if self.binding.line is None:
            raise WireError(503, "no upstream", "Route")
        return self.binding.line

    def reach(self) -> Generator[Step, Any, Flow | None]:
        """The flow to the far side; None when there is none (then `status` says what to answer)."""
        flow = yield from self._reach()
        if flow is not None:
            self.context.marking.belongs(flow, self.binding.configured(self.sender.other))
        return flow

    def _reach(self) -> Generator[Step, Any, Flow | None]:
        self._attempts += 1
        if self._attempts > MAX_ATTEMPTS:
            return None
        if self.sender is _INSIDE:
            if self.binding.is_way:
                again = self._attempts > 1
                return None if again else (yield from self.context.ways.reach(self.binding))
            return (yield from self._reach_phone())
        register = self.request.method == "REGISTER"
        if self.far is None:
            if not register and not self.enumerated and self._profile.enum:
                yield from self._enumerate()
        elif self._attempts == 1 and (elsewhere := self._dialog_hop(self.far)) is not None:
            context, interface = self.context, self.line.server.signaling_interface
            context.decided("routing", str(elsewhere), "the dialog began there", self._profile.form)
            found = yield Connect(interface, elsewhere, self.binding.subscriber.tls_client_profile)
            if isinstance(found, Flow):
                self._candidate = elsewhere
                return found
        routes = tuple(self.request.values("Route")[:MAX_ROUTES]) if register else ()
        flow: Flow | None = yield Reach(self.binding, self._tried, routes, register)
        upstream = self.binding.upstream
        self._candidate = upstream.candidate if upstream is not None else None
        if upstream is not None and flow is None and (upstream.rule is None or upstream.barred):
            self.status = 403
        if flow is None or not self._guarded():
            return None
        if register or not presence.concerns(self.binding, self.request):
            return flow
        hop, self._candidate = self._candidate, None
        if hop is None or self._attempts > 1:
            return None
        return (yield from presence.reach(self.context, self.binding, self.line, hop))

    def _reach_phone(self) -> Generator[Wake, Any, Flow | None]:
        """The next flow of the phone (RFC 5626 section 7); a phone that sleeps is woken."""
        binding = self.binding
        flow = self._other_flow()
        if flow is None and not self._flows:
            self.status = 430 if binding.outbound else 480
            if binding.push and binding.subscriber.registrations.push_url is not None:
                self.status = 480
                flow = yield Wake(binding, self.request.method)
        if flow is not None:
            self._flows = (*self._flows, flow)
        return flow

    def _other_flow(self) -> Flow | None:
        """A flow of the phone that this request was not yet sent on."""
        for one in (self.binding, *self.context.bindings.other_flows(self.binding)):
            if one.phone is not None and one.phone not in self._flows:
                return one.phone
        return None

    @property
    def has_other_flow(self) -> bool:
        """Whether a request of the office can be sent on another flow of the phone."""
        inward = self.sender is _INSIDE and not self.binding.is_way
        return inward and self._other_flow() is not None

    @property
    def survivable(self) -> bool:
        """Whether the flow holds phones while no next hop answers."""
        return self.binding.subscriber.registrations.survivable_lease > 0

    def told(self) -> tuple[tuple[str, str], ...]:
        """What stands beside `status`: when to come again, while the office is down."""
        if self.status != 503 or self.sender is _INSIDE or not self.survivable:
            return ()
        return (("Retry-After", str(self.context.pacer.later(self.binding.subscriber))),)

    def _guarded(self) -> bool:
        """Whether the server's DoS protection lets one more request pass."""
        if self._candidate is None or self.far is not None:
            return True
        context = self.context
        verdict = context.guards.decide(context.plan.servers[self._candidate.server], context.now)
        if not verdict.value:
            context.decided("dos", "refused 503", verdict.because, verdict.form)
            context.counters["refused.server-dos"] += 1
            self.status = 503
        return verdict.value

    @property
    def _profile(self) -> RoutingProfile:
        return self.context.upstreams.rule(self.binding)

    def _dialog_hop(self, far: End) -> Candidate | None:
        """The next hop that a dialog leads to, where that is not the binding's way any more."""
        profile, upstream = self._profile, self.binding.upstream
        current = upstream.candidate if upstream is not None else None
        if profile.next_hop_in_dialog or current is None or len(profile.next_hops) < 2:
            return None
        value = far.routes[0] if far.routes else far.target
        if routing.names_host(value, current):
            return None
        for hop in profile.next_hops:
            if hop.fixed is not None:
                candidate = Candidate(hop.server, *hop.fixed)
                if routing.names(value, candidate):
                    return candidate
        return None

    def _enumerate(self) -> Generator[Question, DnsFound, None]:
        """ENUM: the SIP URI of the number in the Request-URI, once."""
        request, profile = self.request, self._profile
        try:
            number = enum.number_of(Uri.parse(request.uri).user)
        except WireError:
            return
        if not number:
            return
        found = yield from enum.look_up(number, profile.enum_suffix)
        self.enumerated = found.uri or request.uri
        form = f"{profile.form}: {profile.name}: ENUM"
        self.context.decided("routing", found.uri or "as it came", found.because, form)

    def lead_to(self, target: str) -> None:
        """Another Request-URI for the same server: that its next hop answered is no failure."""
        self.redirected = target
        self._attempts -= 1

    def patience(self) -> float | None:
        """Seconds without any answer after which another next hop is tried; None: there is none.

        A dialog stays where it is, unless the server is a group (FGDN): another does not know it.
        """
        if self.sender is _INSIDE:
            return FAILOVER_SECONDS if self.far is None and self.has_other_flow else None
        upstream = self.binding.upstream
        if upstream is None or self._candidate is None:
            return None
        if self.far is not None and not self._group(self._candidate):
            return None
        alone = not upstream.spare or all(other in self._tried for other in upstream.spare)
        if alone and not (self.survivable and self.far is None):
            return None
        return (
            self.context.plan.interworking[
                self.line.server.server_profile
            ].profile.timers.trans_expire
            or FAILOVER_SECONDS
        )

    def _group(self, candidate: Candidate) -> bool:
        return self.context.plan.servers[candidate.server].advanced.fgdn

    def answered(self) -> None:
        """The next hop said something."""
        health = self.context.health
        if health.troubled and self._candidate is not None and self.sender is _OUTSIDE:
            health.answered(self._candidate)

    def refused_by_hop(self, response: Message) -> bool:
        """Whether a response means that another next hop is to be tried (RFC 3263 section 4.3)."""
        if self.sender is _INSIDE:
            return response.status in FLOW_FAILED and self.has_other_flow
        if response.status != 503 or self._candidate is None or self.patience() is None:
            return False
        try:
            seconds = headers.retry_after(response)
        except WireError:
            seconds = None
        self._gone(self._candidate, "it answers 503", seconds or DOWN_SECONDS)
        return True

    def _gone(self, candidate: Candidate, reason: str, seconds: float = DOWN_SECONDS) -> None:
        self._tried |= {candidate}
        self.context.health.failed(candidate, reason, seconds)

    def failed(self, cause: Cause) -> None:
        """The flow that `reach` gave did not bring an answer."""
        if cause is Cause.TIMEOUT:
            self.status = 408
            if self.sender is _OUTSIDE and self.survivable:
                self.status = 503
            if self.sender is _OUTSIDE and self._candidate is not None:
                self._gone(self._candidate, f"{self.binding.aor}: no answer from it")
        elif self.sender is _OUTSIDE:
            self.status = 503
