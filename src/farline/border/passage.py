"""One request on its way through: what is written into it and into its answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from farline.border.calls.targets import with_tag
from farline.border.exchange import Refusal, Side
from farline.border.interworking import scripts
from farline.border.policy import signaling as signaling_policy
from farline.border.policy.leg_rules import legs_of
from farline.border.reaching import Reaching
from farline.border.topology import audit
from farline.border.topology.stage import (
    inward_request,
    inward_response,
    outward_request,
    outward_response,
)
from farline.sip import WireError

if TYPE_CHECKING:
    from collections.abc import Generator

    from farline.border.calls.session import End, Session
    from farline.border.exchange import Verdict
    from farline.border.interworking.stage import Interworking
    from farline.border.policy.leg_rules import Legs
    from farline.border.steps import RunScript
    from farline.border.topology.line import Line
    from farline.config import Rules
    from farline.config.interworking import InterworkingProfile
    from farline.sip import Message
    from farline.sip.transaction import Manner

# Members of an enumeration are slow to reach by their class, and these are reached a lot.
_OUTSIDE = Side.OUTSIDE
_INSIDE = Side.INSIDE


class Passage(Reaching):
    """One request of `sender` through the line of a binding, and the answers to it."""

    masked = False
    """From or To name an inside address, and the phone reads something else."""

    answered_challenges = 0
    """How often the border answered for the sender (`credentials`)."""

    _outside: Rules | None = None
    _inside: Rules | None = None
    """The policy sets of the legs, once they are known."""

    _legs: Legs | None = None

    @property
    def legs(self) -> Legs:
        """What the configuration says of both legs. Raises WireError(503) without an upstream."""
        known = self._legs
        if known is None:
            known = self._legs = legs_of(self.context.plan, self.binding, self.line)
        return known

    @property
    def counted(self) -> End | None:
        """The sender's end of the dialog, of which requests of ours are counted."""
        if self.near is not None or self.session is None:
            return self.near
        return self.session.caller if self.session.initiator is self.sender else None

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
        return not self.legs.free and 0 in self._ruled_statuses(response)

    def disbelieved(self, response: Message) -> Verdict[Refusal] | None:
        """Why a success of the server is not passed on: the security rule wants a challenge."""
        if self.sender is _INSIDE:
            return None
        if self.request.method != "REGISTER" and self.binding.registered:
            return None
        if self.binding.line is not None and self.legs.free:
            return None
        return signaling_policy.unchallenged(self.rules(_OUTSIDE), self.request, response)

    def _ruled_statuses(self, response: Message) -> list[int | None]:
        ways = ((self.sender.other, "inbound"), (self.sender, "outbound"))
        return [
            signaling_policy.ruled_status(rules, response, way)
            for side, way in ways
            if (rules := self.rules(side)).controls_responses
        ]

    @property
    def works(self) -> Interworking:
        """The interworking of the server. Raises WireError(503) when there is no way yet."""
        return self.legs.works

    @property
    def outer_works(self) -> Interworking | None:
        """The interworking of the server that a way between servers begins at."""
        return self.legs.outer_works

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
        inner, outer = self.legs.works, self.legs.outer_works
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
        context, request, line = self.context, self.request, self.line
        legs = self._legs = legs_of(context.plan, self.binding, line)
        if self.sender is _OUTSIDE:
            contact, hider = self.binding.contact, context.hider
            out = inward_request(context.plan, line, request, self.far, contact, hider)
            if self.enumerated:
                out.uri = self.enumerated
            if self.far is None and self.binding.service_routes:
                out.set_all("Route", list(self.binding.service_routes))
        else:
            contact = self.binding.contact
            out = outward_request(self._phone_line(), context.hider, request, self.far, contact)
            if self.binding.path and (self.far is None or not self.far.target):
                out.set_all("Route", list(self.binding.path))
        audit.removed(context, request, out)
        if self.session is not None and self.session.names[_OUTSIDE].masked:
            self._unmask(out, self.session)
        if not legs.free:
            self._police(out)
        if not legs.alike:
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
        audit.removed(self.context, response, out)
        if not self.legs.alike:
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
        if self.binding.line is None or self.legs.free:
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


def _count_up(out: Message, near: End, request: Message) -> None:
    """Give the far side the CSeq number that comes after those of our own requests."""
    out.set("CSeq", f"{near.shifted(request.cseq)} {request.method}")
    words = (request.get("RAck") or "").split()
    if len(words) == 3 and words[1].isascii() and words[1].isdigit() and len(words[1]) <= 10:
        out.set("RAck", f"{words[0]} {near.shifted(int(words[1]))} {words[2]}")
