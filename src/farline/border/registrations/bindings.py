"""All bindings in one table: found by subid, key, address of record, and the flow of the phone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farline.border.registrations.binding import CONTACT_KEY, INSTANCE_KEY, Binding, are_one_device

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farline.border.registrations.binding import BindingKey
    from farline.border.routing.peers import PeerFlow
    from farline.config import SubscriberFlow
    from farline.sip import Flow
    from farline.sip.ids import Ids

PENDING_SECONDS = 40.0
"""Life of a binding whose REGISTER is not answered with 200: a transaction and some."""

SUBID_BITS = 48
"""Size of `subid_ipcs`: not to be guessed, and taken only from the server side anyway."""


@dataclass(frozen=True, slots=True)
class BindingLimits:
    """Table sizes."""

    total: int = 200_000
    pending: int = 20_000
    per_user: int = 10


class BindingTable:
    """All bindings, found by subid, by key and by the phone's flow."""

    def __init__(self, ids: Ids, limits: BindingLimits) -> None:
        self._ids = ids
        self._limits = limits
        self._by_subid: dict[str, Binding] = {}
        self._by_key: dict[BindingKey, Binding] = {}
        self._by_flow: dict[Flow, dict[str, Binding]] = {}
        self._hosts: Counter[str] = Counter()
        self._of_aor: dict[tuple[str, str], tuple[str, ...]] = {}
        self.pending = 0

    def __len__(self) -> int:
        return len(self._by_subid)

    def __iter__(self) -> Iterator[Binding]:
        return iter(tuple(self._by_subid.values()))

    def by_subid(self, subid: str) -> Binding | None:
        """The binding of a URI of ours."""
        return self._by_subid.get(subid)

    def by_key(self, key: BindingKey) -> Binding | None:
        """The binding that a contact means."""
        return self._by_key.get(key)

    def registered_on(self, flow: Flow) -> dict[str, Binding]:
        """The registered bindings of a phone's flow by user; empty for a stranger."""
        return self._by_flow.get(flow) or {}

    def any_from(self, host: str) -> bool:
        """Whether a phone is registered from an address."""
        return host in self._hosts

    def of_aor(self, user: str, domain: str) -> list[Binding]:
        """Every binding of an address of record."""
        return [self._by_subid[subid] for subid in self._of_aor.get((user, domain.lower()), ())]

    def other_flows(self, binding: Binding) -> list[Binding]:
        """The other bindings of the same device that can be reached (RFC 5626: other reg-ids)."""
        if len(binding.key) != INSTANCE_KEY:
            return []
        return [
            other
            for other in self.of_aor(binding.user, binding.domain)
            if other is not binding
            and other.phone is not None
            and other.registered
            and are_one_device(binding, other)
        ]

    def lose(self, binding: Binding) -> None:
        """The phone's own lease is over: it is not reached until it registers again."""
        self._leave_flow(binding)
        binding.phone = None

    def full(self, user: str, domain: str, host: str) -> str | None:
        """Why no further binding of somebody at `host` fits; None when one does.

        What others only tried to register does not count: it would keep the phone itself out.
        """
        if len(self._by_subid) >= self._limits.total:
            return f"{self._limits.total} bindings"
        if self.pending >= self._limits.pending:
            return f"{self._limits.pending} registrations under way"
        most = self._limits.per_user
        if len(self._of_aor.get((user, domain.lower()), ())) >= most and most <= sum(
            one.registered or (one.phone is not None and one.phone.remote.host == host)
            for one in self.of_aor(user, domain)
        ):
            return f"{most} bindings of {user}@{domain}"
        return None

    def add(
        self,
        key: BindingKey,
        *,
        user: str,
        domain: str,
        subscriber: SubscriberFlow,
        contact: str,
        phone: Flow,
        now: float,
    ) -> Binding:
        """A pending binding with a fresh subid."""
        subid = self._fresh()
        binding = Binding(
            subid, key, user, domain, subscriber, contact, phone, now + PENDING_SECONDS
        )
        self._by_subid[subid] = binding
        self._by_key[key] = binding
        aor = (user, domain.lower())
        self._of_aor[aor] = (*self._of_aor.get(aor, ()), subid)
        self.pending += 1
        return binding

    def crowded(self) -> str:
        """Why no further way between servers fits; "" when one does."""
        return f"{len(self)} bindings" if len(self) >= self._limits.total else ""

    def add_way(
        self,
        key: BindingKey,
        *,
        user: str,
        domain: str,
        peer: PeerFlow,
        contact: str,
        phone: Flow,
        now: float,
        expires_at: float,
    ) -> Binding:
        """A way between servers; nobody finds it by its user, which may be a phone's too."""
        subid = self._fresh()
        binding = Binding(
            subid, key, user, domain, peer, contact, phone, expires_at, registered=True,
            last_registered=now, phone_until=expires_at, peer=peer.server,
        )  # fmt: skip
        self.take_way(binding)
        return binding

    def take_way(self, binding: Binding) -> None:
        """Let a way be found by its token and its key."""
        self._by_subid[binding.subid] = binding
        self._by_key[binding.key] = binding

    def _fresh(self) -> str:
        subid = str(self._ids.number(SUBID_BITS))
        while subid in self._by_subid:
            subid = str(self._ids.number(SUBID_BITS))
        return subid

    def register(self, binding: Binding, flow: Flow, contact: str, expires_at: float) -> None:
        """The office accepted a REGISTER that came on `flow`."""
        if not binding.registered:
            binding.registered = True
            self.pending -= 1
        if binding.phone != flow:
            self._leave_flow(binding)
        binding.phone = binding.last_flow = flow
        binding.contact = contact
        binding.expires_at = binding.phone_until = expires_at
        there = self._by_flow.get(flow)
        if there is None:
            there = self._by_flow[flow] = {}
            self._hosts[flow.remote.host] += 1
        there[binding.user] = binding

    def restore(self, binding: Binding) -> None:
        """Take in a registered binding of the process before this one."""
        self._by_subid[binding.subid] = binding
        self._by_key[binding.key] = binding
        aor = (binding.user, binding.domain.lower())
        self._of_aor[aor] = (*self._of_aor.get(aor, ()), binding.subid)
        if binding.phone is not None:
            self._by_flow.setdefault(binding.phone, {})[binding.user] = binding

    def flow_lost(self, flow: Flow) -> list[Binding]:
        """The phone's connection is gone: its bindings are unreachable until it registers again."""
        lost = list(self._by_flow.get(flow, {}).values())
        self._forget_flow(flow)
        for binding in lost:
            for mine in self.of_aor(binding.user, binding.domain):
                if mine.phone == flow:  # its own, or an older one that follows it
                    mine.phone = None
        return lost

    def followers(self, binding: Binding, flow: Flow) -> list[Binding]:
        """Older bindings with dialogs of the phone that has registered `binding` on `flow`.

        A phone without instance that comes back over another connection may bear another Contact:
        to the office another phone. Its calls go on where the same user comes from the same host.
        """
        mine = self.of_aor(binding.user, binding.domain)
        if len(mine) < 2:
            return []
        return [
            old
            for old in mine
            if old is not binding
            and old.sessions
            and old.registered
            and old.phone in (None, flow)
            and len(old.key) == len(binding.key) == CONTACT_KEY
            and old.last_flow is not None
            and old.last_flow.remote.host == flow.remote.host
        ]

    def remove(self, binding: Binding) -> None:
        """Forget a binding; removing it twice does nothing."""
        if self._by_subid.pop(binding.subid, None) is None:
            return
        if self._by_key.get(binding.key) is binding:
            del self._by_key[binding.key]
        if binding.is_way:
            return
        aor = (binding.user, binding.domain.lower())
        mine = tuple(subid for subid in self._of_aor.pop(aor) if subid != binding.subid)
        if mine:
            self._of_aor[aor] = mine
        if not binding.registered:
            self.pending -= 1
        self._leave_flow(binding)

    def _leave_flow(self, binding: Binding) -> None:
        if binding.phone is None:
            return
        there = self._by_flow.get(binding.phone)
        if there is not None and there.get(binding.user) is binding:
            del there[binding.user]
            if not there:
                self._forget_flow(binding.phone)

    def _forget_flow(self, flow: Flow) -> None:
        if self._by_flow.pop(flow, None) is None:
            return
        host = flow.remote.host
        self._hosts[host] -= 1
        if not self._hosts[host]:
            del self._hosts[host]
