"""The login in the guide's order, as a straight line without I/O.

    dns -> im-info -> xmpp -> mybuddy -> sip-info -> register

`login` is a generator: it yields an `Ask`, is sent the reply, and yields `Passed` when a step is
done. `run` drives it with whatever performs asks: sockets in `farline.runtime.phones.mobile`, a
table of replies in tests. Nothing is registered with SIP before instant messaging is up, as the
guide says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, cast

from farline.config import Secret
from farline.mobile.asks import AwaitBuddy, ConnectIm, Fetch, RegisterSip, Resolve
from farline.mobile.info import ImInfo, InfoError, SipInfo, read_im_info, read_sip_info
from farline.mobile.steps import Door, Step, StepError
from farline.mobile.text import printable
from farline.sip.transport import Address, Transport

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from farline.mobile.asks import Ask, Fetched
    from farline.mobile.clientlog import ClientLog
    from farline.sip.ids import Ids

T = TypeVar("T")

REST = "/sipxconfig/rest/my"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a user enters in the client's settings, and how this machine reaches the world."""

    server: str
    """Name or address, as in the guide's settings."""
    port: int
    username: str
    password: Secret
    transport: Transport = Transport.TCP
    verify: bool = True
    """Whether certificates are verified (the guide's client did not)."""
    sip_port: int | None = None
    """Another SIP port than sip-info's public one (a border on unusual ports)."""
    xmpp_port: int | None = None
    """Another XMPP port than im-info's, for the same reason."""
    xmpp_password: Secret | None = None
    """Where it differs from `password`."""
    sip_password: Secret | None = None


@dataclass(frozen=True, slots=True)
class Passed:
    """A step is done."""

    name: str
    detail: str


@dataclass(frozen=True, slots=True)
class Login:
    """What a whole login found out."""

    address: str
    im: ImInfo
    sip: SipInfo
    sip_server: Address
    jid: str
    lease: int


def login(
    settings: Settings, resource: str, log: ClientLog
) -> Generator[Ask | Passed, object, Login]:
    """The steps. `resource`: see `im_resource`. Raises StepError."""
    log(
        f"IN SETTINGS - Server: {settings.server} --- Port: {settings.port} --- "
        f"Username: {settings.username}"
    )
    address = cast("str", (yield Resolve(settings.server)))
    yield Passed("dns", f"{settings.server} is {address}")
    im = yield from _im_info(settings, address, log)
    jid = yield from _im(settings, im, address, resource, log)
    sip = yield from _sip_info(settings, address, log)
    server = Address(address, settings.sip_port or _sip_port(sip, settings.transport))
    password = settings.sip_password or _issued(settings, sip.sip_password)
    log.registering(sip.domain, address, server.port, sip.extension)
    ask = RegisterSip(
        sip.domain,
        sip.extension,
        sip.realm,
        server,
        settings.transport,
        password,
        sip.voice_qos,
        sip.signalling_qos,
    )
    lease = cast("int", (yield ask))
    log("SparkService: RegistrationDelegate: didRegisterWithServer")
    yield Passed(
        "register", f"{sip.extension} at {server} over {settings.transport}, lease {lease} s"
    )
    return Login(address, im, sip, server, jid, lease)


def _im_info(
    settings: Settings, address: str, log: ClientLog
) -> Generator[Ask | Passed, object, ImInfo]:
    ask = Fetch("im-info", settings.server, address, settings.port, f"{REST}/im-info")
    log.asking_im(
        settings.server, settings.port, ask.url, settings.username, verified=settings.verify
    )
    reply = cast("Fetched", (yield ask))
    im = _read(reply, read_im_info)
    log.im_info(im, settings.server, settings.port)
    yield Passed("im-info", f"IM ID {im.im_id}, My Buddy {im.my_buddy_id}{_by(reply)}")
    return im


def _im(
    settings: Settings, im: ImInfo, address: str, resource: str, log: ClientLog
) -> Generator[Ask | Passed, object, str]:
    port = settings.xmpp_port or im.port
    log(f"Attempting to connect to XMPP at {im.host}:{port} with username {im.im_id}/{resource}")
    where = address
    if im.host.lower() != settings.server.lower():
        where = cast("str", (yield Resolve(im.host, "xmpp")))
    password = settings.xmpp_password or _issued(settings, im.im_password)
    jid = cast("str", (yield ConnectIm(im.im_id, resource, where, port, im.domain, password)))
    yield Passed("xmpp", f"logged in as {printable(jid)}")
    status = cast("str", (yield AwaitBuddy(im.my_buddy_id)))
    log("********* My Buddy connected *********")
    yield Passed("mybuddy", f"{im.my_buddy_id} is available: {printable(status)}")
    return jid


def _sip_info(
    settings: Settings, address: str, log: ClientLog
) -> Generator[Ask | Passed, object, SipInfo]:
    ask = Fetch("sip-info", settings.server, address, settings.port, f"{REST}/sip-info")
    log("VCRegistrationManager: fetchLoginCredentials")
    log(f"UCRestClient: fetchSipCredentialsFromOneXServer for URL: {ask.url}")
    sip = _read(cast("Fetched", (yield ask)), read_sip_info)
    log.sip_info(sip)
    if sip.srtp == "enforced":
        raise StepError(Door.REST, "sip-info demands encrypted audio (SRTP), which is not built in")
    if not sip.voip_active:
        # As the guide's client: the feature is off, and nothing is registered.
        raise StepError(Door.REST, "sip-info says that VoIP is switched off for this user")
    yield Passed(
        "sip-info",
        f"identity {sip.identity}, {settings.transport} port {_sip_port(sip, settings.transport)}",
    )
    return sip


def _read(reply: Fetched, reader: Callable[[bytes], T]) -> T:
    """Judge the status, then read. 403 is the portal's word that the user may not use it."""
    if reply.status == 401:
        raise StepError(
            Door.REST,
            "the portal refuses user name and password (401)",
            wrong_password=True,
        )
    if reply.status == 403:
        raise StepError(
            Door.REST, "the portal is switched off for this user (403: one-X Portal or Mobile VoIP)"
        )
    if reply.status == 429:
        raise StepError(Door.REST, "too many failed logins, try again in a minute (429)")
    if reply.status != 200:
        raise StepError(Door.REST, f"the portal answers {reply.status}")
    try:
        return reader(reply.body)
    except InfoError as error:
        raise StepError(Door.REST, str(error)) from None


def _by(reply: Fetched) -> str:
    return f" (by {reply.scheme})" if reply.scheme else ""


def _issued(settings: Settings, issued: str | None) -> Secret:
    """A password that the portal hands out, else the user's own."""
    return Secret(issued) if issued else settings.password


def _sip_port(sip: SipInfo, transport: Transport) -> int:
    """The public port: the client is outside, and calls the address that it resolved itself."""
    return {
        Transport.TCP: sip.public.tcp_port,
        Transport.UDP: sip.public.udp_port,
        Transport.TLS: sip.public.tls_port,
    }[transport]


def im_resource(ids: Ids) -> str:
    """The XMPP resource in the guide's form: `pauc-1.2-<16 hex>-#-<number>`."""
    return f"pauc-1.2-{ids.token(8).upper()}-#-{ids.number(16)}"


async def run(
    steps: Generator[Ask | Passed, object, Login],
    perform: Callable[[Ask], Awaitable[object]],
    monotonic: Callable[[], float],
    report: Callable[[Step], None],
) -> Login:
    """Drive a login: perform its asks, report each step as it ends. Raises StepError, reported."""
    name, began = "", monotonic()
    reply: object = None
    try:
        while True:
            said = steps.send(reply)
            reply = None
            if isinstance(said, Passed):
                report(Step(said.name, True, (monotonic() - began) * 1000.0, said.detail))
                name, began = "", monotonic()
                continue
            if not name:
                began = monotonic()
            name = said.step
            reply = await perform(said)
    except StopIteration as end:
        return cast("Login", end.value)
    except StepError as error:
        report(Step(name, False, (monotonic() - began) * 1000.0, str(error)))
        raise
