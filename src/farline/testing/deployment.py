"""A whole deployment on loopback for tests, and phones of several makes to use it with.

It is `examples/guide.yaml` with more users (3101 and on), in a run directory of its own. `Site`
hands out users and addresses, so that tests which share a deployment do not share bindings.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from farline.lab.children import Children
from farline.lab.lab import DNS_PORT, Lab
from farline.lab.loopback import loopback_port
from farline.lab.phones import Phone, speech
from farline.lab.prepare import Prepared, prepare
from farline.mobile.judge import REQUIRED, Judgement, judge
from farline.mobile.player import FRAME_SECONDS, LEAD_IN_FRAMES
from farline.mobile.wav import RATE, read_wav, write_wav
from farline.runtime.control import call
from farline.sip.transport import Address

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence

    from numpy.typing import NDArray

    from farline.config import User

ROOT = Path(__file__).parents[3]
GUIDE = ROOT / "examples" / "guide.yaml"
BARESIP = ROOT / "tests" / "interop" / "baresip_phone.py"
CLI = (sys.executable, "-m", "farline.cli.main")
BARESIP_IP = "127.0.0.1"
"""The only address that baresip takes from the loopback interface: one that is configured on it."""
MORE_USERS = 80
MOBILE_USERS = 10
MOBILE = "profile: power_user, one_x_portal: true, mobile_voip: true"
SPEECH_SECONDS = 2.0
"""Enough to recognise: the shipped speech is longer than a test needs."""
LEAD_IN_SECONDS = 0.5
"""Silence before it: a foreign phone may open its ears some frames after it has answered."""
SPARE_SECONDS = 0.7
"""Silence after it: a busy machine may begin to play some time after the answer."""
TROUBLE = ("Traceback (most recent call last)", "was never retrieved", "panicked at")
"""What a defect leaves in a log."""


@dataclass(frozen=True, slots=True)
class SiteUser:
    """A user of the office, with an address outside and one in the office's network."""

    name: str
    extension: str
    password: str
    outside_ip: str
    desk_ip: str


class Site:
    """Where everything of a prepared deployment is."""

    def __init__(self, prepared: Prepared) -> None:
        self.prepared = prepared
        self.run_dir = prepared.run_dir
        self.deployment = prepared.deployment
        self.ca = prepared.ca.resolve()
        border, office, lab = prepared.deployment.border, prepared.deployment.office, self.form
        if border is None or office is None:
            raise ValueError("a site has a border and an office")
        self.office = office
        self.border_ip = border.signaling_interfaces[1].ip
        """B1: what phones outside see."""
        self.dns = Address(lab.outside_dns, loopback_port(DNS_PORT))
        self.domain = office.registrar.domain
        self.users = {
            entry.name: self._user(number, entry) for number, entry in enumerate(office.users, 1)
        }
        self._free = [user for user in self.users.values() if user.name.startswith("User")]
        self._lent = 0

    @property
    def form(self) -> Any:  # noqa: ANN401 - the lab's section, there in every example
        """The deployment's section lab."""
        return self.prepared.deployment.lab

    def close(self) -> None:
        """Give the addresses back."""
        if self.prepared.claim is not None:
            self.prepared.claim.close()

    def user(self, *, mobile: bool = False) -> SiteUser:
        """A user that no other test has; a `mobile` one may use `farline mobile`."""
        return self._free.pop(0 if mobile else -1)

    def stranger_ip(self) -> str:
        """An address outside that nobody has used."""
        self._lent += 1
        return str(IPv4Address(self.form.mobile.ip) + 120 + self._lent)

    async def show(self, role: str = "border") -> dict[str, Any]:
        """What `farline show` shows."""
        shown: dict[str, Any] = await call(self.run_dir / "control" / f"{role}.sock", "show")
        return shown

    def trouble(self) -> list[str]:
        """Signs of defects in the logs and traces of the run directory."""
        found = []
        for path in sorted((self.run_dir / "log").glob("*.log*")):
            text = path.read_text(encoding="utf-8", errors="replace")
            found += [f"{path.name}: {sign}" for sign in TROUBLE if sign in text]
        for path in sorted((self.run_dir / "trace").glob("*.jsonl*")):
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                if '"handler-failed"' in line:
                    found.append(f"{path.name}: {line}")
        return found

    def _user(self, number: int, entry: User) -> SiteUser:
        return SiteUser(
            entry.name,
            entry.extension,
            entry.password.reveal(),
            str(IPv4Address(self.form.mobile.ip) + number),
            str(IPv4Address(self.form.desk_phone.ip) + number),
        )


def prepare_site(directory: Path, *changes: tuple[str, str]) -> Site:
    """Write the deployment with more users into `directory`/run; `changes` replace texts of it.

    Raises ValueError when a text that is to be replaced is not there.
    """
    text = GUIDE.read_text(encoding="utf-8")
    extensions = range(3101, 3101 + MORE_USERS)
    users = "".join(
        f'    - {{name: User{number}, password: {{secret: user{number}}}, extension: "{number}",'
        f" {MOBILE if number < 3101 + MOBILE_USERS else 'profile: basic_user'}}}\n"
        for number in extensions
    )
    replacements = [
        ("  service_users:\n", f"{users}  service_users:\n"),
        ("ems:\n  ip: 127.0.0.1\n  port: 8090\n", ""),
        *changes,
    ]
    for old, new in replacements:
        if old not in text:
            raise ValueError(f"{GUIDE} has no {old!r}")
        text = text.replace(old, new)
    config = directory / "site.yaml"
    config.write_text(text, encoding="utf-8")
    return Site(prepare(config, directory / "run", loopback=True))


class Phones:
    """Starts phones and other programs, and ends them."""

    def __init__(self, site: Site, directory: Path) -> None:
        self.site = site
        self.directory = directory
        self.children = Children({"FARLINE_PARENT": str(os.getpid())})
        self._number = 0

    def short_speech(self, who: str, times: int = 1) -> Path:
        """Some silence, then the first seconds of what "ruel" or "dora" says: a WAV file."""
        path = self.directory / f"{who}-{times}.wav"
        if not path.exists():
            write_wav(path, np.pad(spoken(who, times), (int(LEAD_IN_SECONDS * RATE), 0)))
        return path

    async def ours(self, name: str, argv: Sequence[str], recording: Path) -> Phone:
        """A command of ours that prints JSON lines; its errors go to a log of the run."""
        self._number += 1
        log = self.site.run_dir / "log" / f"{name}-{self._number}-{os.getpid()}.log"
        child = await self.children.start(name, [*CLI, *argv], log, read=True)
        return Phone(child, recording, lambda _event: None)

    async def foreign(self, name: str, argv: Sequence[str], recording: Path) -> Phone:
        """A foreign program that prints JSON lines; its errors are not the run's."""
        log = self.directory / f"{name}.log"
        child = await self.children.start(name, list(argv), log, read=True)
        return Phone(child, recording, lambda _event: None)

    async def farline(
        self, user: SiteUser, *options: str, outside: bool = False, transport: str = "udp"
    ) -> Phone:
        """`farline phone` at the office, or `outside` through the border."""
        ip = self.site.border_ip if outside else self.site.office.ip
        port = 5061 if transport == "tls" else 5060
        recording = self._recording(user)
        argv = ["phone", "--registrar", f"{ip}:{port}", "--domain", self.site.domain]
        argv += ["--extension", user.extension, "--name", user.name, "--transport", transport]
        argv += ["--local-ip", user.outside_ip if outside else user.desk_ip]
        argv += ["--ca", str(self.site.ca), *self._secret(user), "--json"]
        argv += ["--play", str(self.short_speech("dora")), "--record", str(recording), *options]
        return await self.ours(f"phone-{user.extension}", argv, recording)

    async def mobile(self, user: SiteUser, *options: str, transport: str = "tcp") -> Phone:
        """`farline mobile`: the whole login; `options` may tell another password."""
        mobile = self.site.form.mobile
        recording = self._recording(user)
        argv = ["mobile", "--server", mobile.server, "--port", str(mobile.port)]
        argv += ["--username", user.name, "--ca", str(self.site.ca), "--dns", str(self.site.dns)]
        argv += ["--local-ip", user.outside_ip, "--transport", transport, "--json"]
        argv += ["--play", str(self.short_speech("ruel")), "--record", str(recording), *options]
        if "--password-file" not in options:
            argv += self._secret(user)
        return await self.ours(f"mobile-{user.extension}", argv, recording)

    async def baresip(
        self, user: SiteUser, transport: str, *, outside: bool = True, **options: object
    ) -> Phone:
        """Baresip (the PyPI package) outside, or on a desk; `options` of baresip_phone.py."""
        proxy = self.site.border_ip if outside else self.site.office.ip
        recording = self._recording(user)
        told = {
            "transport": transport,
            "local_ip": BARESIP_IP,
            "ca": str(self.site.ca),
            "play": str(self.short_speech("ruel")),
            "record": str(recording),
            "user": user.extension,
            "domain": self.site.domain,
            "password": user.password,
            "proxy": f"{proxy}:{5061 if transport == 'tls' else 5060}",
            **options,
        }
        argv = [sys.executable, str(BARESIP), json.dumps(told)]
        return await self.foreign(f"baresip-{user.extension}", argv, recording)

    def _recording(self, user: SiteUser) -> Path:
        self._number += 1
        return self.directory / f"heard-{user.extension}-{self._number}.wav"

    def _secret(self, user: SiteUser) -> list[str]:
        prepared = self.site.prepared
        return ["--secrets", str(prepared.secrets.resolve()), prepared.secret_names[user.name]]


@contextmanager
def running(lab: Lab) -> Iterator[None]:
    """The lab in a loop and a thread of its own: tests have other loops."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="lab")
    thread.start()

    def run(work: Coroutine[Any, Any, object]) -> None:
        asyncio.run_coroutine_threadsafe(work, loop).result(120)

    try:
        run(lab.__aenter__())
        try:
            yield
        finally:
            run(lab.__aexit__(None, None, None))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@asynccontextmanager
async def phones(site: Site, directory: Path) -> AsyncIterator[Phones]:
    """Phones for the time of the block."""
    async with AsyncExitStack() as stack:
        made = Phones(site, directory)
        stack.push_async_callback(made.children.end)
        yield made


def heard(who: str, recording: Path, times: int = 1, required: float = REQUIRED) -> Judgement:
    """Whether what "ruel" or "dora" said (so many times) is in a recording, whole."""
    return judge(spoken(who, times), read_wav(recording), required=required)


def spoken(who: str, times: int = 1) -> NDArray[np.int16]:
    """What "ruel" or "dora" says, so many times."""
    return np.tile(read_wav(speech(who))[: int(SPEECH_SECONDS * RATE)], times)


def talk_seconds(times: int = 1) -> float:
    """How long a call with `farline phone` lasts in which both say all of that."""
    own_lead_in = LEAD_IN_FRAMES * FRAME_SECONDS
    return own_lead_in + LEAD_IN_SECONDS + times * SPEECH_SECONDS + SPARE_SECONDS


def event(kind: str, **fields: object) -> Callable[[dict[str, Any]], bool]:
    """For `Phone.until`: an event of that kind with those fields."""
    return lambda one: (
        one.get("event") == kind and all(one.get(name) == value for name, value in fields.items())
    )


REGISTERED = event("registration", state="registered")
