"""The last good copy of the directory on disk, so that the portal serves while the office is down.

It holds keys, no passwords; the file has mode 600 and is replaced whole.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from farline.portal.accounts import Account
from farline.portal.scram import ScramKeys
from farline.store.whole_file import replace_file

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

FORM = 1


class SnapshotError(RuntimeError):
    """The copy cannot be used; the text says why. Nothing else is wrong then."""


def save(path: Path, accounts: Iterable[Account], taken_at: float) -> None:
    """Replace the copy. `taken_at` in seconds since 1970. Raises OSError."""
    entries = []
    for account in accounts:
        entry = asdict(account)
        entry["scram_sha1"] = str(account.scram_sha1)
        entry["scram_sha256"] = str(account.scram_sha256)
        entries.append(entry)
    text = json.dumps({"form": FORM, "taken_at": taken_at, "accounts": entries})
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_file(path, text.encode(), 0o600)


def load(path: Path) -> tuple[list[Account], float]:
    """The accounts and when they were taken. Raises SnapshotError, FileNotFoundError, OSError."""
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
        if tree["form"] != FORM:
            raise SnapshotError(f"{path}: form {tree['form']!r} is not known")
        accounts = [
            Account(
                **{
                    **entry,
                    "scram_sha1": ScramKeys.parse("sha1", entry["scram_sha1"]),
                    "scram_sha256": ScramKeys.parse("sha256", entry["scram_sha256"]),
                }
            )
            for entry in tree["accounts"]
        ]
        return accounts, float(tree["taken_at"])
    except (ValueError, KeyError, TypeError) as error:
        raise SnapshotError(f"{path} cannot be read: {error}") from error
