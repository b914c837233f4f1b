"""Putting our addresses into a description: o=, c=, m= ports and a=rtcp; nothing else changes.

Where we end encryption, the profile and the keys of an m= section are ours too. The core does it
(rust/sdp); here stands what it is to write.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from farline._core import rewrite_sdp
from farline.sdp.transport import Transport, session_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farline.sdp.crypto import Crypto
    from farline.sdp.description import Description, Media


class MediaPorts(NamedTuple):
    """Our ports for one m= line."""

    rtp: int
    rtcp: int


class MediaSecurity(NamedTuple):
    """What one m= section is to say of encryption."""

    secure: bool
    """The profile: RTP/SAVP(F), else RTP/AVP(F)."""
    crypto: tuple[Crypto, ...] = ()
    """Its a=crypto lines."""
    transport: Transport | None = None
    """How its packets travel, where one of the two legs is a browser's: in place of all that the
    description says of that, the profile above too."""
    feedback: bool | None = None
    """The F of the profile (RFC 4585, RFC 5124); None: as the description has it."""


def rewrite(
    description: Description,
    address: str,
    ports: Sequence[MediaPorts | None],
    security: Sequence[MediaSecurity | None] = (),
) -> bytes:
    """The description as if its media were at `address`.

    `ports` has an entry for each m= line; None (or a port 0 in the description) writes port 0.
    The null address of a held stream stays, and so does every line that names no address of these
    kinds: codecs, directions, a=candidate. `security` (empty, or as long) changes the m= sections
    for which it has an entry. Raises ValueError when `ports` has another length.
    """
    media = description.media
    if len(ports) != len(media):
        raise ValueError(f"{len(media)} m= lines and {len(ports)} ports")
    ours = [_ports(one, given) for one, given in zip(media, ports, strict=True)]
    if not any(security):
        return rewrite_sdp(description.data, address, ours)
    written = [_written(one, keys) for one, keys in zip(media, security, strict=True)]
    replaced = [one.transport for one in security if one is not None and one.transport is not None]
    session = session_values(replaced) if replaced else []
    return rewrite_sdp(description.data, address, ours, written, session)


def _ports(media: Media, given: MediaPorts | None) -> tuple[int, int]:
    """An a=rtcp that named the RTP port (RFC 8858 section 3) names ours."""
    if given is None or media.rejected:
        return 0, 0
    muxed = media.rtcp is not None and media.rtcp.port == media.port
    return (given.rtp, given.rtp) if muxed else given


def _written(
    media: Media, keys: MediaSecurity | None
) -> tuple[tuple[bool, bool | None], tuple[bytes, bool] | None, list[bytes]] | None:
    """What the core is told of one section."""
    if keys is None:
        return None
    crypto = [one.to_bytes() for one in keys.crypto]
    form = (keys.secure, keys.feedback)
    if keys.transport is None:
        return form, None, crypto
    null_stays = media.null_address and not media.rejected
    profile = (keys.transport.profile, null_stays)
    return form, profile, [*keys.transport.lines, *crypto]
