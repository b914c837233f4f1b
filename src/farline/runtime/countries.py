"""The country of an address, from a file in MaxMind's DB format."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import maxminddb

from farline.config import Shield
from farline.runtime.named_files import PUT, about, reason

if TYPE_CHECKING:
    from pathlib import Path

MAX_KNOWN = 10_000


class CountryError(OSError):
    """A database that cannot be used; the text names the form's field, the file and the remedy."""

    def __init__(self, path: Path, why: str, remedy: str) -> None:
        super().__init__(about(Shield, "country_database", path, why, remedy))
        self.why = why
        self.remedy = remedy


class Countries:
    """Looks addresses up; without a file no address has a country."""

    def __init__(self, path: Path | None = None) -> None:
        """Raises CountryError."""
        self._known: OrderedDict[str, str | None] = OrderedDict()
        self._reader = _open(path)

    def change(self, path: Path | None) -> None:
        """Use another file, or the same one anew. Raises CountryError, and keeps the old then."""
        reader = _open(path)
        old, self._reader = self._reader, reader
        self._known.clear()
        if old is not None:
            old.close()

    def __call__(self, host: str) -> str | None:
        """The ISO 3166 code, None where the file has none (private addresses)."""
        if self._reader is None:
            return None
        if host in self._known:
            self._known.move_to_end(host)
            return self._known[host]
        code = self._known[host] = self._look_up(self._reader, host)
        if len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)
        return code

    def _look_up(self, reader: maxminddb.Reader, host: str) -> str | None:
        try:
            found = reader.get(host)
        except (
            ValueError,
            maxminddb.InvalidDatabaseError,
        ):  # a name; an IPv6 address in an IPv4 file
            return None
        country = found.get("country") if isinstance(found, dict) else None
        code = country.get("iso_code") if isinstance(country, dict) else None
        return code if isinstance(code, str) else None


def _open(path: Path | None) -> maxminddb.Reader | None:
    if path is None:
        return None
    try:
        return maxminddb.open_database(path)
    except OSError as error:
        raise CountryError(path, reason(error), PUT) from error
    except maxminddb.InvalidDatabaseError:
        raise CountryError(path, "no database of MaxMind's DB format", PUT) from None
