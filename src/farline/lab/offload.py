"""Switches transmit offloads of interfaces off: `python offload.py IF...`, in the node itself.

With them on, a veth pair carries packets whose checksums nobody has computed: captures show wrong
ones, and programs that patch a checksum (XDP, tc) send wrong ones on.
"""

from __future__ import annotations

import fcntl
import socket
import struct
import sys
from array import array

SIOCETHTOOL = 0x8946
ETHTOOL_STXCSUM, ETHTOOL_STSO, ETHTOOL_SGSO = 0x17, 0x1F, 0x24
"""linux/ethtool.h: set transmit checksums, TCP segmentation, generic segmentation."""


def switch_off(interface: str) -> None:
    """Raises OSError when the kernel refuses."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for command in (ETHTOOL_SGSO, ETHTOOL_STSO, ETHTOOL_STXCSUM):
            value = array("B", struct.pack("II", command, 0))
            pointer, _ = value.buffer_info()
            fcntl.ioctl(control, SIOCETHTOOL, struct.pack("16sP16x", interface.encode(), pointer))


if __name__ == "__main__":
    for name in sys.argv[1:]:
        switch_off(name)
