"""A phone with sockets: `farline.mobile.phone.PhoneCore` on a `SipDriver`, calls with audio.

What happens is told as plain dictionaries (`on_event`), the form in which the commands print it:
{"event": "registration" | "call" | "audio" | "digit" | "text", ...}.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from farline.mobile.audio import AudioSession
from farline.mobile.commands import (
    CallNews,
    CallState,
    Dial,
    HangUp,
    Hold,
    MediaEnded,
    MediaFailed,
    MediaNews,
    MediaReady,
    NeedMedia,
    Ponged,
    Register,
    Registered,
    RegistrationNews,
    Resume,
    TextReceived,
    Unregister,
)
from farline.mobile.phone import PhoneCore
from farline.mobile.steps import Door, StepError
from farline.mobile.wav import write_wav
from farline.runtime import clock
from farline.runtime.ids import RealIds
from farline.runtime.phones.audio import CallAudio
from farline.runtime.sip import Listener, SipDriver
from farline.sip.transport import Address, Transport

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from farline.mobile.line import Account
    from farline.sip.transport import Flow
    from farline.trace.events import Event

REGISTER_TIMEOUT = 35.0
"""Seconds until a first registration must stand: longer than Timer F (32 s)."""

UNREGISTER_TIMEOUT = 3.0


@dataclass(frozen=True)
class PhoneOptions:
    """What a phone does besides SIP."""

    local_ip: str
    speech: NDArray[np.int16]
    """Played once in every call, from its answer on."""
    record: Path | None = None
    """Where the first call's recording goes; later ones get `-2`, `-3` ... before the suffix."""
    tls: ssl.SSLContext | None = None
    voice_qos: int | None = None
    signalling_qos: int = 0
    trace: Callable[[Event], None] | None = None


class Phone:
    """See the module's text."""

    def __init__(
        self, account: Account, options: PhoneOptions, on_event: Callable[[dict[str, Any]], None]
    ) -> None:
        self._account = account
        self._options = options
        self._on_event = on_event
        self._ids = RealIds()
        self.core = PhoneCore(account, self._ids)
        udp = 0 if account.transport is Transport.UDP else None
        self._driver = SipDriver(
            self.core,
            [
                Listener(
                    account.interface,
                    options.local_ip,
                    udp_port=udp,
                    qos=options.signalling_qos,
                )
            ],
            tls_client=options.tls,
            trace=options.trace,
            on_output=self._output,
            on_pong=self._pong,
        )
        self._registration: asyncio.Future[int] | None = None
        self._gone = asyncio.Event()
        self._audio: dict[str, CallAudio] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._calls: dict[str, asyncio.Queue[CallNews]] = {}
        self._standing: dict[str, CallNews] = {}
        """The last news of each call that has not ended."""
        self._placed = 0
        self._recorded = 0

    # ---- what a user does ----

    async def register(self) -> int:
        """Register; the lease in seconds. Raises StepError with the server's reason."""
        loop = asyncio.get_running_loop()
        await self._driver.start()
        self._registration = loop.create_future()
        ports = self._driver.ports(self._account.interface)
        local = Address(self._options.local_ip, ports.get(Transport.UDP, 0))
        self._driver.handle(Register(local))
        try:
            async with asyncio.timeout(REGISTER_TIMEOUT):
                return await self._registration
        except TimeoutError:
            raise StepError(Door.SIP, f"no registration in {REGISTER_TIMEOUT:.0f} s") from None

    def dial(self, target: str) -> str:
        """Place a call; its name."""
        self._placed += 1
        name = f"out-{self._placed}"
        self._calls[name] = asyncio.Queue()
        self._driver.handle(Dial(name, target))
        return name

    async def wait(self, call: str, *states: CallState) -> CallNews:
        """The next news of a call that is one of `states`, or its end."""
        queue = self._calls.setdefault(call, asyncio.Queue())
        while True:
            news = await queue.get()
            if news.state in states or news.state is CallState.ENDED:
                return news

    def hang_up(self, call: str) -> None:
        """End a call."""
        self._driver.handle(HangUp(call))

    def hold(self, call: str, *, on: bool) -> None:
        """Hold or take back."""
        self._driver.handle(Hold(call) if on else Resume(call))

    def send_digits(self, call: str, keys: str) -> bool:
        """Press keys in a call; False when that is not possible now."""
        audio = self._audio.get(call)
        return audio is not None and audio.send_digits(keys)

    async def stop(self) -> None:
        """End the calls, remove the binding, close the ports."""
        self._driver.handle(Unregister())
        try:
            async with asyncio.timeout(UNREGISTER_TIMEOUT):
                await self._gone.wait()
        except TimeoutError:
            self._event({"event": "registration", "state": "abandoned", "detail": "no answer"})
        await self.abandon()

    async def abandon(self) -> None:
        """Close the ports without a word (the network is gone)."""
        for name in list(self._audio):
            self._close_audio(name)
        for news in list(self._standing.values()):
            ended = replace(news, state=CallState.ENDED, detail="the phone left", status=0)
            self._call_news(ended)
        await self._driver.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # ---- what the core says ----

    def _output(self, output: object) -> None:
        if isinstance(output, RegistrationNews):
            self._registration_news(output)
        elif isinstance(output, CallNews):
            self._call_news(output)
        elif isinstance(output, NeedMedia):
            task = asyncio.ensure_future(self._open_audio(output.call))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif isinstance(output, MediaNews):
            audio = self._audio.get(output.call)
            if audio is not None:
                audio.agree(output.plan)
        elif isinstance(output, MediaEnded):
            self._close_audio(output.call)
        elif isinstance(output, TextReceived):
            self._event({"event": "text", "sender": output.sender, "text": output.text})

    def _registration_news(self, news: RegistrationNews) -> None:
        event: dict[str, Any] = {
            "event": "registration",
            "state": news.state.value,
            "detail": news.detail,
        }
        if news.lease:
            event["lease"] = news.lease
        self._event(event)
        waiting = self._registration
        if news.state is Registered.UNREGISTERED:
            self._gone.set()
        if waiting is None or waiting.done():
            return
        if news.state is Registered.REGISTERED:
            waiting.set_result(news.lease)
        elif news.state in (Registered.REFUSED, Registered.LOST):
            wrong = news.state is Registered.REFUSED and news.status in (401, 407)
            waiting.set_exception(StepError(Door.SIP, news.detail, wrong_password=wrong))

    def _call_news(self, news: CallNews) -> None:
        if news.state is CallState.ENDED:
            self._standing.pop(news.call, None)
        else:
            self._standing[news.call] = news
        event: dict[str, Any] = {
            "event": "call",
            "call": news.call,
            "state": news.state.value,
            "detail": news.detail,
            "peer": news.peer,
            "call_id": news.call_id,
        }
        if news.status:
            event["status"] = news.status
        if news.state is CallState.ENDED:
            event["by_peer"] = news.by_peer
            event["reason"] = str(news.reason) if news.reason is not None else None
        self._event(event)
        self._calls.setdefault(news.call, asyncio.Queue()).put_nowait(news)

    def _pong(self, flow: Flow) -> None:
        self._driver.handle(Ponged(flow))

    def _event(self, event: dict[str, Any]) -> None:
        self._on_event(event)

    # ---- audio ----

    async def _open_audio(self, call: str) -> None:
        offset = clock.wall() - clock.monotonic()
        session = AudioSession(
            self._options.speech,
            ids=self._ids,
            cname=f"{self._account.extension}@{self._options.local_ip}",
            wall=lambda now: now + offset,
        )
        audio = CallAudio(session, lambda key: self._digit(call, key), self._options.voice_qos)
        self._audio[call] = audio
        try:
            address = await audio.open(self._options.local_ip)
        except OSError as error:
            self._audio.pop(call, None)
            self._driver.handle(MediaFailed(call, str(error)))
            return
        if call in self._audio:
            self._driver.handle(MediaReady(call, address))
        else:
            audio.close()  # the call ended meanwhile

    def _digit(self, call: str, key: str) -> None:
        self._event({"event": "digit", "call": call, "key": key})

    def _close_audio(self, call: str) -> None:
        audio = self._audio.pop(call, None)
        if audio is None:
            return
        report, recording = audio.close()
        if not report.codec:
            return  # offer and answer never came together: there was no audio to tell of
        event: dict[str, Any] = {"event": "audio", "call": call, **asdict(report)}
        path = self._options.record
        if path is not None:
            self._recorded += 1
            if self._recorded > 1:
                path = path.with_stem(f"{path.stem}-{self._recorded}")
            write_wav(path, recording)
            event["file"] = str(path)
        self._event(event)
