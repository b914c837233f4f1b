"""The event stream and what is made of it: JSON lines, pcap, ladders. No I/O here.

`codec` turns events into lines and back, `reader` filters and merges lines and finds calls, `pcap`
and `ladder` show messages. `events` is what the cores emit.
"""

from farline.trace.codec import Record, TraceFormatError, decode, encode_event

__all__ = ["Record", "TraceFormatError", "decode", "encode_event"]
