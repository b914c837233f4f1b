"""`make bench NAME=...`: one benchmark, a table, and JSON with --json FILE."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from report import show

if TYPE_CHECKING:
    from collections.abc import Callable

# name: (module, arguments of its measure(), what it says)
BENCHMARKS: dict[str, tuple[str, tuple[str, ...], str]] = {
    "register-udp": ("signaling", ("register", "udp"), "CPU a REGISTER cycle costs the border"),
    "register-tcp": ("signaling", ("register", "tcp"), "the same over TCP"),
    "call-udp": ("signaling", ("call", "udp"), "CPU a call costs the border, INVITE to BYE"),
    "call-tcp": ("signaling", ("call", "tcp"), "the same over TCP"),
    "tls-register": ("tls", (), "CPU of a new TLS connection with a REGISTER; memory a connection"),
    "latency": ("latency", (), "time that the border adds to a message at half its load"),
    "rtp-fast": ("media", ("fast",), "CPU a packet that the kernel relays, beside forwarding"),
    "rtp-user": ("media", ("user",), "CPU a relayed RTP packet costs in user space"),
    "srtp": ("media", ("srtp",), "CPU a packet costs where one leg is SRTP and the other RTP"),
    "media-calls": ("media", ("calls",), "G.711 calls that a core carries without loss"),
    "media-latency": ("media", ("latency",), "time that relaying adds, at 10,000 packets a second"),
    "media-setup": ("media_sessions", ("setup",), "CPU of a session from offer to delete"),
    "media-memory": ("media_sessions", ("memory",), "memory of a call"),
    "bindings": ("bindings", (), "memory of bindings; cost of a cycle among 1,000 and 100,000"),
    "login": ("login", (), "time from the first byte to registered"),
}


def main() -> int:
    """Run one benchmark, or list them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", nargs="?", choices=sorted(BENCHMARKS))
    parser.add_argument("--json", type=Path, help="write the rows here")
    arguments = parser.parse_args()
    if arguments.name is None:
        for name, (_, _, what) in BENCHMARKS.items():
            print(f"{name:14} {what}")
        return 0
    rows = measurement(arguments.name)()
    show(rows)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n")
    return 0


def measurement(name: str) -> Callable[[], list[dict[str, Any]]]:
    """What runs the benchmark `name` and gives its rows."""
    module, arguments, _ = BENCHMARKS[name]
    measure = partial(importlib.import_module(module).measure, *arguments)
    return lambda: [row.as_json() for row in measure()]


if __name__ == "__main__":
    sys.exit(main())
