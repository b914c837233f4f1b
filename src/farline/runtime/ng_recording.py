"""Does an rtpengine node record? Its answers to `record call` tell: they name the file, or do not.

A node without --recording-dir takes the request, answers `ok` and writes nothing. So does one with
--recording-method=proc where its kernel module is missing; with it, it records and names no file.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from farline.config import Problem
from farline.media.engine import Delete, Offer
from farline.media.ng.message import text
from farline.media.reports import CallRecorded
from farline.runtime.ng_node import NgNode, NodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from farline.config import Border
    from farline.media.ng.bencode import Encodable
    from farline.media.ng.client import NgPlaces, NgRequest
    from farline.media.ng.message import Document
    from farline.sip.ids import Ids

log = logging.getLogger(__name__)

WHY = "it names no file: it runs without --recording-dir, or with another method than pcap"
REMEDY = "start it with --recording-dir=DIRECTORY --recording-method=pcap"
_SDP = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
    b"m=audio 9 RTP/AVP 8\r\na=inactive\r\n"
)
"""An offer of nobody (RFC 5737): nothing is sent to it."""


def records_calls(border: Border) -> bool:
    """Whether a policy group in use records to files."""
    groups = border.resolved_groups()
    names = {one.end_point_policy_group for one in border.subscriber_flows + border.server_flows}
    return any(rules.recording.record_to_file for name in names for rules in groups[name])


def file_of(document: Document) -> str:
    """The file that an answer to `record call` names; "" for none."""
    files = document.get("recordings")
    return text(files[0]) if isinstance(files, list) and files else ""


async def records(node: NgNode, places: NgPlaces, ids: Ids) -> bool:
    """Ask a node by a call of nobody, which it forgets at once. Raises NodeError.

    Where it records, an empty file is left behind.
    """
    call = {"call-id": f"farline-probe-{ids.token()}", "from-tag": "probe"}
    names = list(dict.fromkeys(places.names.values()))
    offer: dict[str, Encodable] = {"command": "offer", **call, "sdp": _SDP}
    offer |= {"record call": "yes", "ICE": "remove"}
    if names:
        offer["direction"] = [names[0], names[-1]]
    answer = await node.ask(offer)
    if text(answer.get("result")) != "ok":
        raise NodeError(f"rtpengine {node}: {text(answer.get('error-reason'))[:200]}")
    await node.ask({"command": "delete", **call, "delete delay": 0})
    return bool(file_of(answer))


class RecordingWatch:
    """Which nodes record, as they were seen; whoever does not is reported."""

    def __init__(
        self, places: NgPlaces, ids: Ids, report: Callable[[CallRecorded], None], *, wanted: bool
    ) -> None:
        """`wanted`: policies record, so nodes that come up are asked."""
        self._places = places
        self._ids = ids
        self._report = report
        self._wanted = wanted
        self._known: dict[NgNode, bool | None] = {}
        """Of nodes that are up; None: it is being asked."""
        self._told: set[str] = set()
        """Sessions whose recording was told."""
        self._tasks: set[asyncio.Task[None]] = set()

    def noticed(self, nodes: Sequence[NgNode]) -> None:
        """Nodes went up or down: one that was away may have been started otherwise."""
        for node in nodes:
            if not node.up:
                self._known.pop(node, None)
            elif self._wanted and node not in self._known:
                self._known[node] = None
                task = asyncio.get_running_loop().create_task(self._ask(node))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    def answered(self, node: NgNode, request: NgRequest, document: Document) -> None:
        """A node has taken a request: whether it records what it was asked to, once a session."""
        name = request.session
        if isinstance(request, Delete):
            self._told.discard(name)
        if not isinstance(request, Offer) or name in self._told:
            return
        if not (request.sender.record or request.receiver.record):
            return
        self._told.add(name)
        file = file_of(document)
        self._known[node] = bool(file)
        if file:
            self._report(CallRecorded(name, "began", file))
        else:
            self._report(CallRecorded(name, "failed", f"rtpengine {node}", why=WHY))

    def shown(self, node: NgNode) -> str:
        """For people: what is known of a node's recording; "" for nothing."""
        known = self._known.get(node)
        return "" if known is None else "records" if known else "records nothing"

    async def stop(self) -> None:
        """Ask nobody any more."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _ask(self, node: NgNode) -> None:
        try:
            found = await records(node, self._places, self._ids)
        except NodeError as error:
            log.warning("whether it records is not known: %s", error)
            return
        self._known[node] = found
        if not found:
            log.warning("rtpengine %s records nothing: %s; %s", node, WHY, REMEDY)
            self._report(CallRecorded("", "failed", f"rtpengine {node}", why=WHY))


async def check_nodes(border: Border, places: NgPlaces, ids: Ids) -> list[Problem]:
    """A warning for each rtpengine node that does not answer, or is to record and does not."""
    engine = border.media_engine
    found: list[Problem] = []
    for index, form in enumerate(engine.nodes if engine.engine == "rtpengine" else ()):
        node = NgNode(form.address, form.port, form.weight, ids, lambda _node: None)
        why, remedy = "", "is it up, and does it listen there (--listen-ng)?"
        try:
            await node.ask({"command": "ping"})
            if records_calls(border) and not await records(node, places, ids):
                why, remedy = f"rtpengine {node} records nothing: {WHY}", REMEDY
        except NodeError as error:
            why = str(error)
        finally:
            await node.stop()
        if why:
            place = f"border.media_engine.nodes[{index}]"
            found.append(Problem(place, why, remedy, form.form, severity="warning"))
    return found
