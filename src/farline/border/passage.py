"""One request on its way through: where it goes, what is written into it and its answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from farline.border import routing, scripts, signaling_policy
from farline.border.exchange import Refusal, Side
from farline.border.health import DOWN_SECONDS
from farline.border.plan import Candidate
from farline.border.steps import Connect, Reach, Wake
from farline.border.topology import (
    inward_request,
    inward_response,
    outward_request,
    outward_response,
)
from farline.config import SubscriberFlow
from farline.config.flows import split_host
from farline.sip import Address, Flow, Transport, Uri, WireError, enum, headers
from farline.sip.routing import MAX_ROUTES, is_numeric
from farline.sip.transaction import Cause

if TYPE_CHECKING:
    from collections.abc import Generator

    from farline.border.binding import Binding
    from farline.border.context import Context
    from farline.border.exchange import Verdict
    from farline.border.interworking import Interworking
    from farline.border.line import Line
    from farline.border.session import End, Found, Session
    from farline.border.steps import RunScript, Step
    from farline.config import RoutingProfile, Rules
    from farline.config.interworking import InterworkingProfile
    from farline.sip import Message
    from farline.sip.dns import Found as DnsFound
    from farline.sip.dns import Question
    from farline.sip.transaction import Manner

# Members of an enumeration are slow to reach by their class, and these are reached a lot.
_OUTSIDE = Side.OUTSIDE
_INSIDE = Side.INSIDE

_NOTHING: frozenset[Candidate] = frozenset()

FLOW_FAILED = frozenset({408, 430})
"""Answers after which the phone's other flow is tried (RFC 5626 section 7)."""

FAILOVER_SECONDS = 4.0
"""How long a next hop may say nothing while there is another one: an eighth of Timer B."""

MAX_ATTEMPTS = 4
"""Next hops, or connections to one, that a request is tried on."""


class Passage:
    """The way of one request of `sender` through the line of a binding."""

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
        self.session: Session | None = found.session if found else None
        self.far: End | None = found.other if found else None
        self.near: End | None = found.sender if found else None
        self.status = 480 if sender is _INSIDE else 503
        """What the sender is told when there is no way."""

        self.masked = False
        """From or To name an inside address, and the phone reads something else."""

        self.answered_challenges = 0
        """How often the border answered for the sender (`credentials`)."""

        self._outside: Rules | None = None
        self._inside: Rules | None = None
        """The policy sets of the legs, once they are known."""

        self.enumerated = ""
        """The Request-URI that ENUM gave."""

        self.redirected = ""
        """The Request-URI that a redirection gave."""

        self._tried: set[Candidate] = set()
        self._candidate: Candidate | None = None
        """The next hop that `reach` led to."""

        self._attempts = 0
        self._flows: list[Flow] = []
        """The phone's flows that a request of the office was sent on."""

    @property
    def counted(self) -> End | None:
        """The sender's end of the dialog, of which requests of ours are counted."""
        if self.near is not None or self.session is None:
            return self.near
        return self.session.caller if self.session.initiator is self.sender else None

    @property
    def line(self) -> Line:
        """The binding's line. Raises WireError(503) when it never had an upstream."""
        if self.binding.line is None:
            raise WireError(503, "no upstream", "Route")
        return self.binding.line

    def rules(self, side: Side) -> Rules:
        """The policy set that holds for the leg of a side.

        Raises WireError(403) when no set holds now, WireError(503) without an upstream.
        """
        known = self._outside if side is _OUTSIDE else self._inside
        if known is not None:
            return known
        flow = self.binding.subscriber if side is _OUTSIDE else self.line.server
        verdict = self.context.rules_of(flow, in_dialog=bool(self.request.to_tag))
        rules = verdict.value
        if isinstance(rules, Refusal):
            raise WireError(rules.status, verdict.because, verdict.form)
        if side is _OUTSIDE:
            self._outside = rules
        else:
            self._inside = rules
        return rules

    def drops(self, response: Message) -> bool:
        """Whether a signaling rule holds a provisional answer back."""
        if response.status >= 200 or response.get("RSeq") is not None or self.binding.line is None:
            return False
        return 0 in self._ruled_statuses(response)

    def disbelieved(self, response: Message) -> Verdict[Refusal] | None:
        """Why a success of the server is not passed on: the security rule wants a challenge."""
        if self.sender is _INSIDE:
            return None
        if self.request.method != "REGISTER" and self.binding.registered:
            return None
        return signaling_policy.unchallenged(self.rules(_OUTSIDE), self.request, response)

    def _ruled_statuses(self, response: Message) -> list[int | None]:
        ways = ((self.sender.other, "inbound"), (self.sender, "outbound"))
        return [
            signaling_policy.ruled_status(rules, response, way)
            for side, way in ways
            if (rules := self.rules(side)).controls_responses
        ]

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
        avoid = frozenset(self._tried) if self._tried else _NOTHING
        flow: Flow | None = yield Reach(self.binding, avoid, routes, register)
        upstream = self.binding.upstream
        self._candidate = upstream.candidate if upstream is not None else None
        if upstream is not None and flow is None and (upstream.rule is None or upstream.barred):
            self.status = 403
        if flow is None or not self._guarded():
            return None
        address = self.binding.subscriber.presence_server_address
        if address is None or register or not _concerns_presence(self.request):
            return flow
        return (yield from self._reach_presence(address))

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
            self._flows.append(flow)
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
    def works(self) -> Interworking:
        """The interworking of the server. Raises WireError(503) when there is no way yet."""
        return self.context.plan.interworking[self.line.server.server_profile]

    @property
    def outer_works(self) -> Interworking | None:
        """The interworking of the server that a way between servers begins at."""
        peer = self.binding.peer
        return None if peer is None else self.context.plan.interworking[peer.server_profile]

    def refer_handling(self, request: Message) -> tuple[InterworkingProfile, str]:
        """What becomes of a REFER, and the profile that says it: the strictest of both sides."""
        found = [self.works.profile]
        if self.outer_works is not None:
            found.append(self.outer_works.profile)
        for profile in found:
            if profile.refer_handling == "refuse":
                return profile, "refuse"
        for profile in found:
            meant = self.context.plan.in_uri_group(profile.uri_group, request.get("Refer-To"))
            if profile.refer_handling == "handle" and meant:
                return profile, "handle"
        return found[0], "pass"

    @property
    def far_profile(self) -> InterworkingProfile | None:
        """The interworking profile of the server that the request goes to; None: to a phone."""
        if self.sender is _OUTSIDE:
            return self.works.profile
        outer = self.outer_works
        return None if outer is None else outer.profile

    @property
    def manner(self) -> Manner | None:
        """What the far server wants of requests otherwise; None: nothing, or it is a phone."""
        if self.sender is _OUTSIDE:
            return self.works.manner
        outer = self.outer_works
        return None if outer is None else outer.manner

    def _interwork(self, out: Message, towards: Side) -> None:
        """What the interworking profiles of both sides change."""
        inner, outer = self.works, self.outer_works
        if towards is _INSIDE:
            if outer is not None and not outer.plain:
                outer.from_server(out)
            if not inner.plain:
                inner.to_server(out)
            return
        if not inner.plain:
            inner.from_server(out)
        if outer is not None and not outer.plain:
            outer.to_server(out)

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
        if current.remote.host in value or routing.names(value, current):
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

    def _reach_presence(self, address: str) -> Generator[Connect, Any, Flow | None]:
        """The flow to the subscriber flow's presence server."""
        hop = self._candidate
        if hop is None or self._attempts > 1:
            return None
        place = Address(*split_host(address, hop.transport.default_port))
        server = Candidate(self.line.server.server_profile, hop.transport, place)
        because = f"{self.request.method} of {self.binding.aor}"
        form = f"{SubscriberFlow.form}: {self.binding.subscriber.name}: Presence Server Address"
        self.context.decided("routing", f"presence server {place}", because, form)
        self._candidate = None
        if hop.transport is Transport.UDP and not is_numeric(place.host):
            return None
        reply = yield Connect(
            self.line.server.signaling_interface, server, self.binding.subscriber.tls_client_profile
        )
        return reply if isinstance(reply, Flow) else None

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
        return self.works.profile.timers.trans_expire or FAILOVER_SECONDS

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
        self._tried.add(candidate)
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

    def manipulated(self, message: Message, towards: Side) -> Generator[RunScript, Any, Message]:
        """A message that is about to be sent, as the flows' scripts leave it."""
        if not self.context.plan.has_scripts:
            return message
        names: list[tuple[str, scripts.Direction]] = []
        server = self.line.server
        own = self.context.plan.servers[server.server_profile].advanced
        inner = server.signaling_manipulation_script or own.signaling_manipulation_script
        outer = self.binding.subscriber.signaling_manipulation_script
        if inner is not None:
            names.append((inner, "to_server" if towards is _INSIDE else "from_server"))
        if outer is not None:
            way: scripts.Direction = "from_phone" if towards is _INSIDE else "to_phone"
            if self.binding.is_way:
                way = "from_server" if towards is _INSIDE else "to_server"
            names.append((outer, way))
        if towards is _INSIDE:
            names.reverse()
        return (yield from scripts.run(self.context, tuple(names), message))

    def to_far(self) -> Message:
        """The request as the far side reads it. Raises WireError for what cannot be rewritten."""
        context, request = self.context, self.request
        if self.sender is _OUTSIDE:
            contact, hider = self.binding.contact, context.hider
            out = inward_request(context.plan, self.line, request, self.far, contact, hider)
            if self.enumerated:
                out.uri = self.enumerated
            if self.far is None and self.binding.service_routes:
                out.set_all("Route", list(self.binding.service_routes))
        else:
            contact = self.binding.contact
            out = outward_request(self._phone_line(), context.hider, request, self.far, contact)
            if self.binding.path and (self.far is None or not self.far.target):
                out.set_all("Route", list(self.binding.path))
        if self.session is not None and self.session.names[_OUTSIDE].masked:
            self._unmask(out, self.session)
        self._police(out)
        self._interwork(out, self.sender.other)
        if (end := self.counted) is not None and end.inserted:
            _count_up(out, end, request)
        if self.redirected:
            out.uri = self.redirected
        self.masked = out.get("From") != request.get("From") or out.get("To") != request.get("To")
        return out

    def _phone_line(self) -> Line:
        """The line, as it looks from the flow that the request goes out by."""
        if not self._flows or self._flows[-1] == self.binding.phone:
            return self.line
        for other in self.context.bindings.other_flows(self.binding):
            if other.phone == self._flows[-1] and other.line is not None:
                return self.line.seen_from(other.line)
        return self.line

    def to_near(self, response: Message) -> Message:
        """A response of the far side as the sender reads it."""
        if self.sender is _OUTSIDE:
            out = outward_response(self.line, self.context.hider, response, self.request)
        else:
            out = inward_response(self.line, response, self.request, self.context.hider)
        self._interwork(out, self.sender)
        if self.answered_challenges or ((end := self.counted) is not None and end.inserted):
            out.set("CSeq", f"{self.request.cseq} {self.request.method}")
        if self.masked:
            out.set("From", self.request.get("From") or "")
            out.set("To", with_tag(self.request.get("To") or "", response.to_tag))
        return self._policed_response(response, out)

    def _police(self, out: Message) -> None:
        """Hold a request to the rules of both legs. Raises WireError with the form that refuses."""
        near, far = self.rules(self.sender), self.rules(self.sender.other)
        if far.screens:
            refused = signaling_policy.screen(far, self.request, "outbound")
            if refused is not None:
                raise WireError(refused.value.status, refused.because, refused.form)
        method = out.method
        if near.changes or far.changes:
            signaling_policy.change_headers(near, out, "inbound", method)
            signaling_policy.change_headers(far, out, "outbound", method)
        if far.signaling.ucid and method == "INVITE" and not self.request.to_tag:
            self._add_ucid(far, out)

    def _add_ucid(self, rules: Rules, out: Message) -> None:
        if out.get("User-to-User") is None:
            context = self.context
            seconds = int(context.wall(context.now))
            value = signaling_policy.user_to_user(
                rules.signaling.ucid_node, context.next_ucid(), seconds
            )
            out.add("User-to-User", value)

    def _policed_response(self, response: Message, out: Message) -> Message:
        """An answer with what signaling rules make of its status and headers."""
        if self.binding.line is None:
            return out
        far, near = self.rules(self.sender.other), self.rules(self.sender)
        if far.controls_responses or near.controls_responses:
            for status in filter(None, self._ruled_statuses(response)):
                out = signaling_policy.with_status(out, status)
        if far.changes or near.changes:
            method = self.request.method
            signaling_policy.change_headers(far, out, "inbound", method)
            signaling_policy.change_headers(near, out, "outbound", method)
        return out

    def _unmask(self, out: Message, session: Session) -> None:
        """Give the far side the From and To by which it knows the dialog."""
        names = session.names[self.sender.other]
        one, other = names.caller, names.callee
        if self.sender is not session.initiator:
            one, other = other, one
        out.set("From", with_tag(one, self.request.from_tag))
        out.set("To", with_tag(other, self.request.to_tag))


def _concerns_presence(request: Message) -> bool:
    """PUBLISH, and SUBSCRIBE to presence and its templates (RFC 3903, 3856)."""
    if request.method == "PUBLISH":
        return True
    event = (request.get("Event") or "").partition(";")[0].strip().lower()
    return request.method == "SUBSCRIBE" and event.partition(".")[0] == "presence"


def _count_up(out: Message, near: End, request: Message) -> None:
    """Give the far side the CSeq number that comes after those of our own requests."""
    out.set("CSeq", f"{near.shifted(request.cseq)} {request.method}")
    words = (request.get("RAck") or "").split()
    if len(words) == 3 and words[1].isascii() and words[1].isdigit() and len(words[1]) <= 10:
        out.set("RAck", f"{words[0]} {near.shifted(int(words[1]))} {words[2]}")


def with_tag(name: str, tag: str) -> str:
    """A From or To with this tag instead of the one it has."""
    head, _, rest = name.partition(";tag=")
    after = rest.partition(";")
    tail = f";{after[2]}" if after[1] else ""
    return f"{head};tag={tag}{tail}" if tag else f"{head}{tail}"
