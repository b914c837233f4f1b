"""What a border's configuration says of rtpengine: nodes, interfaces, and what calls may want."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farline.config.check_media import dials
from farline.media.ng.client import NgPlaces
from farline.runtime.media import interface_classes, media_timeout
from farline.runtime.ng_recording import records_calls

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farline.config import Border, MediaNode


@dataclass(frozen=True, slots=True)
class NgSettings:
    """Of the whole client."""

    nodes: Sequence[MediaNode]
    places: NgPlaces
    timeout_seconds: float = 60.0
    """Without a packet for so long a session is reported whose sides say nothing of it; half of it
    passes from one look to the next."""
    ping_seconds: float = 2.0
    records: bool = False
    """Policies record calls: each node is asked whether it does."""


def ng_settings(border: Border) -> NgSettings:
    """What a border's configuration says."""
    engine = border.media_engine
    named = {entry.media_interface: entry.name for entry in engine.interfaces}
    classes = {one.name: interface_classes(border, one.name) for one in border.media_interfaces}
    places = NgPlaces(
        {one.name: named.get(one.name, one.name) for one in border.media_interfaces},
        {one.name: one.ip for one in border.media_interfaces},
        {name: asked[0] for name, asked in classes.items() if asked},
        dials(border),
    )
    timeout, records = media_timeout(border), records_calls(border)
    return NgSettings(engine.nodes, places, timeout, engine.ping_seconds, records)
