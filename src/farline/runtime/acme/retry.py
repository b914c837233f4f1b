"""How long an authority that refuses is left alone: kept in a file a profile, over restarts.

Authorities lock out who asks too often (the public ones for a week): a role that is started again
and again must not press one.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from farline.config import TlsServerProfile


@dataclass(frozen=True, slots=True)
class Retry:
    """What is kept after a failed order."""

    failures: int
    failed: str
    """Why."""
    not_before: float
    """The next try, seconds since 1970."""
    form: str
    """What was ordered: another form is tried at once."""

    @property
    def at(self) -> datetime:
        """The next try."""
        return datetime.fromtimestamp(self.not_before, UTC)


class RetryFile:
    """The file of one profile."""

    def __init__(self, directory: Path, profile: TlsServerProfile) -> None:
        """`directory`: where the accounts lie too."""
        name = hashlib.sha256(profile.name.encode()).hexdigest()[:16]
        self._path = directory / f"{name}.retry"
        said = profile.acme.model_dump_json() if profile.acme is not None else ""
        self._form = hashlib.sha256(said.encode()).hexdigest()

    def read(self) -> Retry | None:
        """What is kept; None where there is nothing, or of another form."""
        try:
            found = Retry(**json.loads(self._path.read_text(encoding="utf-8")))
            _ = found.at, found.failures + 1, found.failed + ""
        except (OSError, ValueError, TypeError, OverflowError):
            return None
        return found if found.form == self._form else None

    def write(self, failures: int, failed: str, not_before: datetime) -> None:
        """Keep it. Raises OSError."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        kept = Retry(failures, failed, not_before.timestamp(), self._form)
        draft = self._path.with_suffix(".new")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(asdict(kept), file)
        draft.replace(self._path)

    def forget(self) -> None:
        """An order was served."""
        self._path.unlink(missing_ok=True)
