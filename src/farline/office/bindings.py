"""The bindings of all extensions (RFC 3261 section 10.3), and what a restart brings back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farline.sip import Transport, Uri, WireError
from farline.sip.transport import Address, Flow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from farline.store.registrations import Registration, RegistrationStore

MAX_CONTACTS = 10
"""Contacts of one extension at once."""


@dataclass(frozen=True, slots=True)
class Binding:
    """One contact of one extension, and the flow that it came by while that is known."""

    kept: Registration
    uri: Uri
    flow: Flow | None

    def same_contact(self, uri: Uri, instance: str, reg_id: str) -> bool:
        """Whether a REGISTER for these replaces this binding (RFC 3261 10.3, RFC 5626 6)."""
        if instance and reg_id and self.kept.instance == instance and self.kept.reg_id == reg_id:
            return True
        return self.uri.equivalent(uri)


class Bindings:
    """All bindings; changes are in the store before they count."""

    def __init__(self, store: RegistrationStore, local: Mapping[Transport, Address]) -> None:
        self._store = store
        self._local = local
        self._by_extension: dict[str, tuple[Binding, ...]] = {}

    def restore(self, known: Callable[[str], bool], wall: float) -> int:
        """Take back what the store has and is still valid; how many. Raises StoreError."""
        found = 0
        for kept in self._store.load():
            uri = _readable(kept.contact)
            if uri is None or kept.expires_at <= wall or not known(kept.extension):
                continue
            binding = Binding(kept, uri, self._flow(kept))
            self._by_extension[kept.extension] = (*self._of(kept.extension), binding)
            found += 1
        return found

    def _flow(self, kept: Registration) -> Flow | None:
        """A datagram flow is its addresses; a connection did not outlive the process."""
        local = self._local.get(Transport.UDP)
        if kept.transport != Transport.UDP or local is None:
            return None
        remote = Address(kept.source_host, kept.source_port)
        return Flow(0, kept.interface, Transport.UDP, local, remote)

    def of(self, extension: str, wall: float) -> list[Binding]:
        """The valid contacts of an extension, preferred ones (q) first."""
        valid = [one for one in self._of(extension) if one.kept.expires_at > wall]
        return sorted(valid, key=lambda one: -one.kept.q)

    def _of(self, extension: str) -> tuple[Binding, ...]:
        return self._by_extension.get(extension, ())

    def put(self, extension: str, bindings: Sequence[Binding]) -> None:
        """Put these in the place of the extension's. Raises StoreError, changing nothing."""
        self._store.save(extension, [one.kept for one in bindings])
        if bindings:
            self._by_extension[extension] = tuple(bindings)
        else:
            self._by_extension.pop(extension, None)

    def purge(self, wall: float) -> Iterable[Binding]:
        """Remove the expired ones, and name them. Raises StoreError."""
        gone = [one for one in self if one.kept.expires_at <= wall]
        for extension in {one.kept.extension for one in gone}:
            self.put(extension, self.of(extension, wall))
        return gone

    def __iter__(self) -> Iterator[Binding]:
        return (one for bindings in self._by_extension.values() for one in bindings)


def _readable(contact: str) -> Uri | None:
    try:
        return Uri.parse(contact)
    except WireError:
        return None
