"""Recording servers around a `BorderWorld`: their addresses, their answers, the engine's copies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from farline.config import EndPointPolicyGroup, ServerProfile
from farline.media.engine import MediaReply, Subscribe, SubscribeAnswer
from farline.sip import Address, responses
from farline.testing.border import BorderWorld, changed
from farline.testing.border_phone import Phone

if TYPE_CHECKING:
    from farline.config import Border
    from farline.media.engine import MediaRequest
    from farline.sip import Flow, Message
    from farline.testing.border import FakeEngine

SERVERS = [Address("10.10.10.20", 5060), Address("10.10.10.21", 5060)]
OFFERS = [
    b"v=0\r\no=- 1 %d IN IP4 10.10.10.7\r\ns=-\r\nc=IN IP4 10.10.10.7\r\nt=0 0\r\n"
    b"m=audio %d RTP/AVP 8 0\r\na=label:1\r\na=sendonly\r\n"
    b"m=audio 36100 RTP/AVP 8 0\r\na=label:2\r\na=sendonly\r\n" % (number, 36000 + 2 * number)
    for number in (1, 2, 3)
]
"""What the engine offers for a recording server: both sides' copies."""

ANSWER = b"v=0\r\no=- 9 9 IN IP4 10.10.10.20\r\ns=-\r\nm=audio 6000 RTP/AVP 8\r\n"


def recording_border(border: Border) -> Border:
    """The border of the guide, whose server flow records at `SERVERS`."""
    rule = {"name": "r", "recording_profile": "SRS"}
    addresses = [{"address": one.host, "port": 5060, "transport": "TCP"} for one in SERVERS]
    server = ServerProfile.model_validate(
        {"name": "SRS", "server_type": "recording", "addresses": addresses}
    )
    group = EndPointPolicyGroup.model_validate({"name": "mine", "sets": [{"recording": rule}]})
    (flow,) = border.server_flows
    told = flow.model_copy(update={"name": "ToSRS", "server_profile": "SRS"})
    return changed(
        border,
        end_point_policy_groups=(group,),
        subscriber_flows={"end_point_policy_group": "mine"},
        server_profiles=(*border.server_profiles, server),
        server_flows=(flow, told),
    )


class CopyingEngine:
    """The stand-in engine, which gives copies too."""

    def __init__(self, engine: FakeEngine) -> None:
        self._engine = engine
        self.offer = OFFERS[0]
        self.fail: MediaReply | None = None

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the engine has
        return getattr(self._engine, name)

    def perform(self, request: MediaRequest) -> MediaReply:
        """Answer one request."""
        if isinstance(request, Subscribe | SubscribeAnswer):
            self._engine.requests.append(request)
            if self.fail is not None:
                return self.fail
            return MediaReply(sdp=self.offer if isinstance(request, Subscribe) else None)
        return self._engine.perform(request)


def recorded_world(border: Border) -> tuple[BorderWorld, Phone]:
    """A world with recording servers, and a registered phone."""
    world = BorderWorld(recording_border(border))
    world.engine = CopyingEngine(world.engine)  # type: ignore[assignment]  # it has all it is asked
    phone = Phone(world)
    phone.register()
    return world, phone


def to_server(world: BorderWorld, number: int = 0) -> Flow:
    """The newest connection to a recording server. Raises StopIteration where there is none."""
    return next(one for one in reversed(world.opened) if one.remote == SERVERS[number])


def parts(message: Message) -> dict[str, tuple[dict[str, str], bytes]]:
    """The bodies of a multipart message by type, with their headers. Raises ValueError."""
    kind, _, boundary = (message.get("Content-Type") or "").partition(";boundary=")
    pieces = message.body.split(b"--" + boundary.encode())
    if kind != "multipart/mixed" or pieces[0] != b"" or pieces[-1].strip() != b"--":
        raise ValueError(f"no multipart body: {message.body!r}")
    found = {}
    for piece in pieces[1:-1]:
        head, _, body = piece.strip(b"\r\n").partition(b"\r\n\r\n")
        lines = dict(line.decode().split(": ", 1) for line in head.split(b"\r\n"))
        found[lines["Content-Type"]] = (lines, body)
    return found


def answer(world: BorderWorld, flow: Flow, invite: Message, status: int = 200) -> None:
    """The recording server answers an INVITE."""
    response = responses.make(invite, status, to_tag="srs")
    if status == 200:
        response.add("Contact", f"<sip:srs@{flow.remote};transport=tcp>")
        response.add("Content-Type", "application/sdp")
        response.body = ANSWER
    world.receive(flow, response)


def accept(world: BorderWorld, flow: Flow, invite: Message, status: int = 200) -> Message:
    """As `answer`; the ACK that comes back. Raises AssertionError for something else."""
    answer(world, flow, invite, status)
    ack = world.take(flow)
    if (ack.method, ack.cseq) != ("ACK", invite.cseq):
        raise AssertionError(f"{ack.method} {ack.cseq}, not the ACK of {invite.cseq}")
    return ack


def subscribed(world: BorderWorld) -> list[MediaRequest]:
    """What the engine was asked about copies so far."""
    kinds = Subscribe | SubscribeAnswer
    return [one for one in world.engine.requests if isinstance(one, kinds)]


def told(world: BorderWorld) -> list[tuple[str, str]]:
    """What the trace says of recordings, oldest first."""
    return [(one.value, one.because) for one in world.decisions("recording")]
