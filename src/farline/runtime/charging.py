"""Writing the border's charging records down, without ever stopping the service."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from farline.border.policy.charging import Charged
from farline.store.charge_records import ChargeStore, JsonLinesCharges, SqliteCharges
from farline.store.sqlite import StoreError

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)


class Charges:
    """The files of a run directory; each is opened with its first record."""

    def __init__(self, run_dir: Path) -> None:
        self._places = {
            "jsonl": run_dir / "state" / "charges.jsonl",
            "sqlite": run_dir / "state" / "charges.sqlite",
        }
        self._stores: dict[str, ChargeStore] = {}
        self.lost = 0
        """Records that could not be written."""

    def take(self, output: object) -> None:
        """Write a record down; any other output is not for us."""
        if not isinstance(output, Charged):
            return
        try:
            self._store(output.format).add(output.record)
        except StoreError as error:
            self.lost += 1
            log.error("a charging record is lost (%d so far): %s", self.lost, error)

    def close(self) -> None:
        """Close what is open."""
        for store in self._stores.values():
            store.close()
        self._stores.clear()

    def _store(self, kind: str) -> ChargeStore:
        known = self._stores.get(kind)
        if known is None:
            path = self._places[kind]
            known = JsonLinesCharges(path) if kind == "jsonl" else SqliteCharges(path)
            self._stores[kind] = known
        return known
