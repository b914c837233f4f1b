"""What of a transfer under way must outlive the process: whom the border would leave hanging."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from farline.border.survival import records
from farline.border.survival.keeper import session_key
from farline.border.survival.records import Record

if TYPE_CHECKING:
    from farline.border.calls.legs import Leg
    from farline.border.calls.session import Session
    from farline.border.context import Context
    from farline.border.registrations.binding import Binding
    from farline.border.transfers.referrer import Referrer
    from farline.sip.transaction import ClientTransaction

TRANSFER = "transfer"
"""The noun. The key is that of the call that is transferred."""


class Stage(StrEnum):
    """How far it has come."""

    CALLING = "calling"
    JOINING = "joining"
    """The target has answered; one of the two has been offered the other's media."""
    DONE = "done"
    """All that is left is the end of the one who referred."""


class TransferRecord(Record, frozen=True, kw_only=True):
    """One transfer."""

    session: tuple[str, str, str]
    referrer: str
    """Its side of the call."""
    event: str
    quiet: bool
    left: bool
    stage: Stage
    invite: bytes = b""
    """The INVITE to the target, as it was sent last."""
    interface: str = ""
    hop: tuple[str, str, str, int] = ("", "", "", 0)
    """Where it was sent: server profile, transport, address."""
    there: tuple[str, str, str] | None = None
    """The call in which the target is."""
    known: bool = False
    """It was a call of two before the transfer (Replaces)."""


class TransferKeeper:
    """Writes a transfer down at each step."""

    def __init__(self, context: Context, session: Session, referrer: Referrer) -> None:
        self._context = context
        self._session = session
        self._referrer = referrer
        self._stage = Stage.CALLING
        self._invite, self._interface = b"", ""
        self._hop = ("", "", "", 0)
        self._there: tuple[str, str, str] | None = None
        self._known = False
        self._over = False

    def calls(self, client: ClientTransaction, binding: Binding) -> None:
        """An INVITE was sent to the target."""
        flow = client.flow
        candidate = binding.upstream.candidate if binding.upstream is not None else None
        self._invite, self._interface = client.request.to_bytes(), flow.interface
        if candidate is not None:
            remote = candidate.remote if flow.token else flow.remote
            kind = flow.transport.value
            self._hop = (candidate.server, kind, remote.host, remote.port)
        self.write()

    def stage(self, stage: Stage, there: Leg | None = None, *, known: bool = False) -> None:
        """It has come this far; `there`: the target's end."""
        self._stage = stage
        if there is not None:
            self._there, self._known = there.session.key, known
        self.write()

    def write(self) -> None:
        """Put down how it stands."""
        if self._over:
            return
        record = TransferRecord(
            version=records.VERSION,
            session=self._session.key,
            referrer=self._referrer.side.value,
            event=self._referrer.event,
            quiet=self._referrer.quiet,
            left=self._referrer.left,
            stage=self._stage,
            invite=self._invite if self._stage is Stage.CALLING else b"",
            interface=self._interface,
            hop=self._hop,
            there=self._there,
            known=self._known,
        )
        self._keep(records.encode(record))

    def end(self) -> None:
        """Nobody hangs any more."""
        self._over = True
        self._keep(None)

    def _keep(self, value: bytes | None) -> None:
        self._context.keeper.keep(TRANSFER, session_key(self._session.key), value)
