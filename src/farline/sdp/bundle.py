"""Several m= sections on one transport: a=group:BUNDLE and what goes with it (RFC 9143)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farline.sdp.description import Description, Media

MID_EXTENSION: Final = b"urn:ietf:params:rtp-hdrext:sdes:mid"
"""The header extension that says in a packet whose it is (section 15)."""
MAX_MID: Final = 16
"""Longest a=mid that has a place in it, in bytes: RFC 8285's one-byte form."""

_OF_TRANSPORT: Final = frozenset(
    b"fingerprint setup tls-id ice-ufrag ice-pwd ice-options candidate rtcp-mux".split()
)


def bundle_group(description: Description) -> tuple[int, ...]:
    """The m= sections of the first BUNDLE group that are alive, the tagged one first.

    Only sections with a transport that we end (DTLS-SRTP) count. A second group is not taken (an
    answerer may refuse one, section 7.3.1; browsers make one): its sections have ports of their
    own, and those that are there within it only are rejected.
    """
    for value in description.media[0].shared if description.media else ():
        words = value.split()
        if words[:1] == [b"group:BUNDLE"]:
            by_mid: dict[bytes, int] = {}
            for media in description.media:
                if media.mid:
                    by_mid.setdefault(media.mid, media.index)
            known = dict.fromkeys(by_mid[word] for word in words[1:] if word in by_mid)
            named = [description.media[index] for index in known]
            return tuple(one.index for one in named if one.is_rtp and one.is_secure and _alive(one))
    return ()


def unfolded(description: Description) -> Description:
    """The description with what the tagged section of a BUNDLE group says for all (section 7.1.3).

    A section that is there only within the bundle (a=bundle-only, port 0) is alive, as long as its
    payload types mean the same in the others: else it cannot be there at all (section 9.1).
    """
    group = bundle_group(description)
    tagged = description.media[group[0]] if group else None
    if tagged is None or tagged.rejected or not tagged.fingerprints:
        return description
    media = list(description.media)
    fitting = without_clashes([media[index] for index in group])
    for index in group[1:]:
        if index in fitting or not media[index].rejected:
            media[index] = _like(media[index], tagged)
    return replace(description, media=tuple(media))


def only_bundled(media: Media, tagged: Media) -> bool:
    """Whether a section of an unfolded description is there only by another's port."""
    lent = b"bundle-only" in media.attributes and media.port == tagged.port
    return lent and media.index != tagged.index


def without_clashes(media: Sequence[Media]) -> tuple[int, ...]:
    """Those of the sections that may share a transport: no payload type means two things."""
    meant: dict[int, tuple[str, int, int, str]] = {}
    fitting = []
    for one in media:
        own = {
            form.payload_type: (form.name.lower(), form.clock, form.channels, form.parameters)
            for form in one.formats
        }
        if all(meant.get(number, meaning) == meaning for number, meaning in own.items()):
            meant |= own
            fitting.append(one.index)
    return tuple(fitting)


def _alive(media: Media) -> bool:
    return not media.rejected or b"bundle-only" in media.attributes


def _like(media: Media, tagged: Media) -> Media:
    """A section with the port and the transport of the tagged one, where it says nothing itself."""
    own = {one.partition(b":")[0] for one in media.attributes}
    lent = tuple(
        one
        for one in tagged.attributes
        if (name := one.partition(b":")[0]) in _OF_TRANSPORT and name not in own
    )
    return replace(
        media,
        line=replace(media.line, port=media.port or tagged.port),
        connection=media.connection or tagged.connection,
        attributes=(*media.attributes, *lent),
        rtcp_mux=media.rtcp_mux or tagged.rtcp_mux,
    )
