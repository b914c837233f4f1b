"""What of a recording at a server must outlive the process, and how the trace tells of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.border.recording.dialog import ServerDialog  # noqa: TC001 - msgspec reads annotations
from farline.border.recording.metadata import Metadata  # noqa: TC001 - as above
from farline.border.survival.records import Record
from farline.config.recording import RecordingRule

if TYPE_CHECKING:
    from farline.border.context import Context

RECORDING = "recording"
"""The noun. The key is the Call-ID of the dialog with the server."""


class RecordingRecord(Record, frozen=True, kw_only=True):
    """The recording session of one call."""

    call: str
    """Call-ID of the call, for the trace."""
    session: tuple[str, str, str]
    """The call's key."""
    profile: str
    media: str
    """The call's media session."""
    began: bool
    """The server has answered."""
    dialog: ServerDialog
    metadata: Metadata
    shown: bytes
    """The description that the server was offered last."""


def say(context: Context, call: str, what: str, detail: str) -> None:
    """Trace what became of a recording."""
    context.call = call
    context.decided("recording", what, detail, f"{RecordingRule.form}: Recording Profile")
