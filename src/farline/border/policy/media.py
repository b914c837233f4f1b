"""Media, application and border rules, as far as they concern a description."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from farline import sdp
from farline.sdp.narrow import Wanted, narrowed, without_ice

if TYPE_CHECKING:
    from farline.config import Rules
    from farline.config.policy_rules import Codecs


@dataclass(frozen=True, slots=True)
class MediaPolicy:
    """What two legs of a call let pass in one direction."""

    wanted: Wanted = field(default_factory=Wanted)
    shown: Wanted = field(default_factory=Wanted)
    """What may stay once the engine has added codecs to be transcoded."""
    ice_from_sender: bool = True
    ice_to_receiver: bool = True
    place: str = ""
    """The form that a refusal names."""


@dataclass(frozen=True, slots=True)
class Narrowed:
    """A description as it may pass. `refused`: nothing is left of it."""

    sdp: bytes
    said: tuple[str, ...] = ()
    refused: bool = False


def between(sender: Rules, receiver: Rules, refused: frozenset[str]) -> MediaPolicy:
    """The policy for descriptions of the sender's leg that go to the receiver's.

    Codecs are allowed where both legs allow them; the receiver's leg says what it prefers. Where a
    leg has codecs to be transcoded, the engine sees all that the sender's leg allows, and the
    receiver what its own leg allows.
    """
    out = set(refused)
    for name in ("bfcp", "fecc"):
        if not (getattr(sender.media, name) and getattr(receiver.media, name)):
            out.add(name)
    allowed, preferred, shown = {}, {}, {}
    for kind in ("audio", "video"):
        one: Codecs = getattr(sender.media, kind)
        other: Codecs = getattr(receiver.media, kind)
        lists = [_lower(codecs.allowed) for codecs in (one, other) if codecs.allowed]
        if kind == "audio" and (sender.media.audio.transcoding or receiver.media.audio.transcoding):
            allowed.update(_allowed(sender))
            shown.update(_allowed(receiver))
        elif lists:
            allowed[kind] = frozenset.intersection(*map(frozenset, lists))
        if other.preferred:
            preferred[kind] = _lower(other.preferred)
    strict = receiver if receiver.media.audio.allowed or receiver.media.video.allowed else sender
    return MediaPolicy(
        Wanted(allowed, preferred, frozenset(out)),
        Wanted(shown),
        sender.border.natting_by_ice,
        receiver.border.natting_by_ice,
        strict.place("media", "Allowed Codecs"),
    )


def _allowed(leg: Rules) -> dict[str, frozenset[str]]:
    """The codecs of audio on a leg, with those that may be added there; empty: all."""
    codecs = leg.media.audio
    names = {*_lower(codecs.allowed), *codecs.transcoding} if codecs.allowed else ()
    return {"audio": frozenset(names)} if names else {}


def narrow(policy: MediaPolicy, data: bytes) -> Narrowed:
    """The description without what may not pass. Raises SdpError."""
    ice = policy.ice_from_sender or (b"a=ice" not in data and b"a=candidate" not in data)
    if ice and not _to_look_at(policy.wanted, data):
        return Narrowed(data)
    description = sdp.parse(data)
    if not ice:
        description = sdp.parse(without_ice(description))
    return _narrowed(description, policy.wanted)


def narrow_shown(policy: MediaPolicy, data: bytes) -> Narrowed:
    """What the receiver is shown of the engine's description. Raises SdpError."""
    if policy.shown.everything:
        return Narrowed(data)
    return _narrowed(sdp.parse(data), policy.shown)


def _narrowed(description: sdp.Description, wanted: Wanted) -> Narrowed:
    shown, said = narrowed(description, wanted)
    lived = any(not media.rejected for media in description.media)
    refused = bool(said) and lived and all(one.rejected for one in sdp.parse(shown).media)
    return Narrowed(shown, tuple(said), refused)


def _to_look_at(wanted: Wanted, data: bytes) -> bool:
    """Whether a description can have something in it that is not wanted."""
    if wanted.allowed or wanted.preferred:
        return True
    kinds = {"bfcp": "application", "fecc": "application"}
    return any(f"m={kinds.get(one, one)}".encode() in data for one in wanted.refused)


def media_kinds(data: bytes | None) -> frozenset[str]:
    """The kinds of the live streams of a description; empty without a readable one."""
    if data is None:
        return frozenset()
    try:
        return frozenset(one.kind for one in sdp.parse(data).media if not one.rejected)
    except sdp.SdpError:
        return frozenset()


def _lower(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name.lower() for name in names)
