"""The System Monitor: every SIP message in the guide's form.

    1552622mS SIP Rx: TCP 10.10.10.7:43873 -> 10.10.10.13:5060
    REGISTER sip:ipo1xp.ipolab.com SIP/2.0
    ...

mS counts from the start of the office. What a peer sent is shown with control characters and
undecodable bytes escaped, and cannot look like a line of the monitor's own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from farline.trace.masking import mask

if TYPE_CHECKING:
    from farline.trace.events import MessageSeen

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_OWN_FORM = re.compile(r"^(?=\d+mS )", re.MULTILINE)


def monitor_entry(event: MessageSeen, at: float, *, started: float) -> str:
    """One message as text, with an empty line after it. `at` and `started`: seconds of one clock.

    The digest response is masked, as in the trace: with it a weak password can be guessed.
    """
    if event.direction == "in":
        word, source, target = "Rx", event.remote, event.local
    else:
        word, source, target = "Tx", event.local, event.remote
    text = mask(event.data).decode("utf-8", "backslashreplace").replace("\r\n", "\n")
    text = _CONTROL.sub(lambda match: f"\\x{ord(match.group()):02x}", text)
    text = _OWN_FORM.sub(" ", text)
    stamp = round((at - started) * 1000)
    return f"{stamp}mS SIP {word}: {event.transport} {source} -> {target}\n{text.rstrip()}\n"
