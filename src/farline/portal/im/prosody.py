"""Prosody as a child of the portal: started in the foreground, watched, and started again."""

from __future__ import annotations

import asyncio
import logging
import shutil
import signal
import socket
from typing import TYPE_CHECKING

from farline.portal.im import ImServerError
from farline.portal.im.prosody_files import accounts_text, config_text, groups_text
from farline.store.whole_file import replace_file
from farline.trace.events import Note

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from farline.portal.accounts import Accounts
    from farline.portal.im.prosody_files import ProsodyFiles, ProsodySettings
    from farline.portal.status import ComponentStatus
    from farline.trace.events import Event

log = logging.getLogger(__name__)

COMPONENT = "IM/Presence Server"
START_SECONDS = 20.0
STOP_SECONDS = 5.0
PROBE_SECONDS = 0.05
"""Between two looks whether a starting server answers."""
FIRST_RESTART, LAST_RESTART = 1.0, 30.0
STREAM_HEADER = (
    "<stream:stream to='{domain}' version='1.0' xmlns='jabber:client'"
    " xmlns:stream='http://etherx.jabber.org/streams'>"
)
STEADY_SECONDS = 60.0
"""Running this long makes the next restart quick again."""


class Prosody:
    """One Prosody process; implements `ImServer`."""

    def __init__(
        self,
        settings: ProsodySettings,
        files: ProsodyFiles,
        *,
        status: ComponentStatus,
        trace: Callable[[Event], None],
        binary: str = "prosody",
    ) -> None:
        self.restarts = 0
        self._settings = settings
        self._files = files
        self._status = status
        self._trace = trace
        self._binary = binary
        self._process: asyncio.subprocess.Process | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._ready = False
        self._unread = False
        """Lists or certificate changed while it could not be told."""

    @property
    def address(self) -> str:
        """Where clients connect."""
        return f"{self._settings.ip}:{self._settings.port}"

    async def start(self, accounts: Accounts) -> None:
        """Write its files, start it, and return when it answers."""
        command = self._command()
        self._check_address()
        self._status.report(COMPONENT, "Starting", f"Prosody on {self.address}")
        for directory in (self._files.data, self._files.certificates, self._files.log.parent):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(self._files.config, config_text(self._settings, self._files))
        self._write_chain()
        self._write_accounts(accounts)
        started = await self._spawn(command)
        try:
            await self._answering(started)
        except ImServerError:
            await self.stop()
            raise
        self._watcher = asyncio.create_task(self._watch(command))

    async def change_accounts(self, accounts: Accounts) -> None:
        """Rewrite the lists; Prosody reads them on SIGHUP."""
        self._write_accounts(accounts)
        self._unread = True
        self._tell()

    def renew_tls(self) -> None:
        """The files of its certificate are others: Prosody reads them on SIGHUP too."""
        self._write_chain()
        self._unread = True
        self._tell()

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL for one that does not go."""
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.gather(self._watcher, return_exceptions=True)
            self._watcher = None
        process = self._process
        if process is not None and process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), STOP_SECONDS)
            except TimeoutError:
                process.kill()
                await process.wait()
        self._process = None
        self._status.report(COMPONENT, "Unavailable", "Stopped")

    def show(self) -> dict[str, object]:
        """Process, address and restarts."""
        process = self._process
        running = process is not None and process.returncode is None
        pid = process.pid if process is not None and running else None
        return {
            "server": "prosody",
            "running": running,
            "pid": pid,
            "address": self.address,
            "domain": self._settings.domain,
            "restarts": self.restarts,
        }

    def _command(self) -> list[str]:
        binary = shutil.which(self._binary)
        if binary is None:
            raise ImServerError(
                f"{self._binary} is not installed, and instant messaging needs it; "
                "install the Debian package prosody (apt-get install prosody)"
            )
        command = [binary, "-F", "--config", str(self._files.config)]
        guard = shutil.which("setpriv")  # util-linux: Prosody ends with us, even if we are killed
        return [guard, "--pdeathsig", "TERM", *command] if guard else command

    def _check_address(self) -> None:
        """Prosody itself would go on without its port, so look first. Raises OSError."""
        settings = self._settings
        family = socket.AF_INET6 if ":" in settings.ip else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((settings.ip, settings.port))
            except OSError as error:
                text = f"{COMPONENT} cannot listen on {self.address}: {error.strerror}"
                raise OSError(error.errno, text) from error

    async def _spawn(self, command: list[str]) -> asyncio.subprocess.Process:
        with self._files.log.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self._files.directory,
                start_new_session=True,
            )
        return self._process

    async def _answering(self, process: asyncio.subprocess.Process) -> None:
        """Return when the port takes connections. Raises ImServerError."""
        try:
            async with asyncio.timeout(START_SECONDS):
                while process.returncode is None:
                    if await self._greets():
                        self._ready = True
                        self._tell()
                        self._status.report(COMPONENT, "Available", f"Prosody on {self.address}")
                        self._trace(Note("IM server", f"Prosody answers on {self.address}", "XMPP"))
                        return
                    await asyncio.sleep(PROBE_SECONDS)
        except TimeoutError:
            text = f"Prosody does not answer on {self.address} after {START_SECONDS:.0f} s"
        else:
            text = f"Prosody ended while starting, with status {process.returncode}"
        raise ImServerError(f"{text}; see {self._files.log}")

    async def _greets(self) -> bool:
        """Whether it answers a stream header: its port alone is open before it takes signals."""
        domain = self._settings.domain
        try:
            reader, writer = await asyncio.open_connection(self._settings.ip, self._settings.port)
        except OSError:
            return False
        try:
            writer.write(STREAM_HEADER.format(domain=domain).encode())
            return bool(await reader.read(64))
        except OSError:
            return False
        finally:
            writer.close()

    def _tell(self) -> None:
        """Have it read the lists again, once it can take the signal."""
        process = self._process
        if self._unread and self._ready and process is not None and process.returncode is None:
            self._unread = False
            process.send_signal(signal.SIGHUP)

    async def _watch(self, command: list[str]) -> None:
        """Start it again whenever it ends, more slowly each time it ends soon."""
        loop = asyncio.get_running_loop()
        delay = FIRST_RESTART
        began = loop.time()
        while self._process is not None:
            code = await self._process.wait()
            self._ready = False
            if loop.time() - began > STEADY_SECONDS:
                delay = FIRST_RESTART
            text = f"Prosody ended with status {code}, starting again in {delay:.0f} s"
            log.warning("%s; see %s", text, self._files.log)
            self._status.report(COMPONENT, "Unavailable", text)
            await asyncio.sleep(delay)
            delay = min(delay * 2, LAST_RESTART)
            self.restarts += 1
            began = loop.time()
            try:
                await self._answering(await self._spawn(command))
            except (ImServerError, OSError) as error:
                self._status.report(COMPONENT, "Unavailable", str(error))
                if self._process.returncode is None:  # it runs and says nothing
                    self._process.kill()

    def _write_chain(self) -> None:
        tls = self._settings.tls
        if tls.chain is not None:
            both = (tls.certificate.read_text("ascii"), tls.chain.read_text("ascii"))
            _write(self._files.chain, "\n".join(both))

    def _write_accounts(self, accounts: Accounts) -> None:
        settings = self._settings
        _write(self._files.accounts, accounts_text(accounts, settings.mybuddy))
        _write(self._files.groups, groups_text(accounts, settings.mybuddy, settings.domain))


def _write(path: Path, text: str) -> None:
    """Put a file that only we may read in the place of another."""
    replace_file(path, text.encode(), 0o600)
