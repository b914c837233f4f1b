"""Operations: the requests on their way, each a generator that waits for what comes from without.

What a step asks for is known at once, or asked of somebody: the answer bears the ticket.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import msgspec

from farline.border.interworking.scripts import Manipulate, Manipulated
from farline.border.steps import (
    MAX_INBOX,
    NEXT,
    Ask,
    Connect,
    Dial,
    Next,
    Operation,
    Reach,
    RunScript,
    Wake,
)
from farline.media.diagnosis import at_the_end
from farline.media.engine import Answer, Media, MediaReply, Offer
from farline.sip import Transport
from farline.sip.dns import Question
from farline.sip.effects import Lookup, Open
from farline.trace.events import MediaSeen, Trace

if TYPE_CHECKING:
    from farline.border.context import Context
    from farline.border.steps import Steps

SCRIPT_SECONDS = 5.0
"""How long a script may take in all, its queue and the start of its process too."""

ENGINE_SECONDS = 5.0
"""How long the media engine may take for one request."""


class Operations:
    """Runs the operations of one border, and knows which of them waits for what."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._asking: dict[int, Operation] = {}
        self._settling: dict[int, str] = {}
        """Media sessions whose answer is on the way to the engine, by ticket."""

        self._shown: dict[int, str] = {}
        """Media interfaces of those who are to be shown a description, by ticket."""

        self.ending: dict[int, str] = {}
        """The calls whose last counters are on the way, by ticket; engines always answer."""

    def start(self, operation: Operation, steps: Steps) -> None:
        """Run an operation to the first thing that it waits for."""
        operation.steps = steps
        self._advance(operation, None)

    def deliver(self, operation: Operation, event: object) -> None:
        """Give an operation an event of its transactions."""
        if operation.steps is None:
            return
        if operation.waiting is NEXT:
            self._advance(operation, event)
        elif operation.inbox is None:
            operation.inbox = deque((event,), MAX_INBOX)
        else:
            operation.inbox.append(event)

    def resume(self, operation: Operation, value: object) -> None:
        """Give an operation what it asked for."""
        if operation.steps is not None:
            self._advance(operation, value)

    def media_done(self, ticket: int, reply: MediaReply) -> None:
        """The engine answered."""
        context = self._context
        call = self.ending.pop(ticket, None)
        if call is not None:
            context.out.append(Trace(MediaSeen(call, "at the end", at_the_end(reply.stats))))
        session = context.sessions.by_media(self._settling.pop(ticket, ""))
        recorder = session.recorder if session is not None else None
        self.hand_over(ticket, self._hidden(reply, self._shown.pop(ticket, "")))
        if recorder is not None:
            recorder.changed()

    def _hidden(self, reply: MediaReply, interface: str) -> MediaReply:
        """Take what is inside out of the lines that the engine leaves alone."""
        plan, media = self._context.plan, self._context.plan.media.get(interface)
        if reply.sdp is None or media is None:
            return reply
        host = plan.border.shown(media.ip)
        if host in plan.inside:
            return reply
        sdp = self._context.hider.clean_description(reply.sdp, host)
        return reply if sdp is reply.sdp else msgspec.structs.replace(reply, sdp=sdp)

    def script_done(self, reply: Manipulated) -> None:
        """A script's process answered, or did not."""
        self.hand_over(reply.ticket, reply)

    def hand_over(self, ticket: int, value: object) -> bool:
        """Give the operation that waits for a ticket what it asked for; False: nobody waits."""
        operation = self._asking.pop(ticket, None)
        if operation is None:
            return False
        self.resume(operation, value)
        return True

    def _advance(self, operation: Operation, value: object) -> None:
        """Run the generator until it has to wait."""
        steps, context = operation.steps, self._context
        context.call = operation.call
        while steps is not None:
            operation.waiting = None
            try:
                step = steps.send(value)
            except StopIteration:
                operation.steps = None
                operation.inbox = None
                return
            operation.waiting = step
            if isinstance(step, Next):
                if not operation.inbox:
                    return
                value = operation.inbox.popleft()
            elif isinstance(step, Reach):
                known, value = context.upstreams.reach(step, operation)
                if not known:
                    return
            elif isinstance(step, Connect):
                known, value = context.links.reach(step, operation)
                if not known:
                    return
            elif self._begin(operation, step):
                return
            else:
                value = None

    def _begin(self, operation: Operation, step: Wake | Dial | Question | RunScript | Ask) -> bool:
        """Let an operation wait for something from without; False: nothing will come."""
        if isinstance(step, Wake):
            return self._context.pushes.wait(step.binding, step.method, operation)
        if isinstance(step, Dial):
            self._dial(operation, step)
        elif isinstance(step, RunScript):
            self._run_script(operation, step)
        elif isinstance(step, Question):
            self._look_up(operation, step)
        else:
            self._ask(operation, step)
        return True

    def _dial(self, operation: Operation, step: Dial) -> None:
        ticket, candidate = self._context.ticket(), step.candidate
        self._asking[ticket] = operation
        name = profile = None
        if candidate.transport is Transport.TLS:
            name = candidate.name or candidate.remote.host
            profile = (
                step.tls_profile or self._context.plan.servers[candidate.server].tls_client_profile
            )
        remote, transport = candidate.remote, candidate.transport
        self._context.out.append(Open(ticket, step.interface, transport, remote, name, profile))

    def _look_up(self, operation: Operation, question: Question) -> None:
        ticket = self._context.ticket()
        self._asking[ticket] = operation
        self._context.out.append(Lookup(ticket, question))

    def _run_script(self, operation: Operation, step: RunScript) -> None:
        ticket = self._context.ticket()
        self._asking[ticket] = operation
        late = Manipulated(ticket, error="no answer from its process")
        self._context.schedule.start(
            self._context.now + SCRIPT_SECONDS, "script", lambda _: self.script_done(late)
        )
        self._context.out.append(Manipulate(ticket, step.script, step.data, step.direction))

    def _ask(self, operation: Operation, step: Ask) -> None:
        ticket = self._context.ticket()
        self._asking[ticket] = operation
        if isinstance(step.request, Answer):
            self._settling[ticket] = step.request.session
        if isinstance(step.request, Offer | Answer):
            self._shown[ticket] = step.request.receiver.interface
        late = MediaReply(error="the media engine does not answer", status=503)
        self._context.schedule.start(
            self._context.now + ENGINE_SECONDS,
            "media-engine",
            lambda _: self.media_done(ticket, late),
        )
        self._context.out.append(Media(ticket, step.request))
