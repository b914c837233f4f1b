"""Three network namespaces in a row: phones, the box that relays between them, and an office."""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

CLONE_NEWNET: Final = 0x40000000
BPF_SYSCALL: Final = 321
"""Of x86-64 (asm/unistd_64.h)."""
BPF_MAP_GET_NEXT_KEY: Final = 4
BPF_OBJ_GET: Final = 7
MAX_KEY: Final = 64
PINS: Final = Path("/sys/fs/bpf/farline")
LIBC: Final = ctypes.CDLL(None, use_errno=True)


def ip(words: str) -> None:
    """Run iproute2."""
    subprocess.run(["ip", *words.split()], check=True, capture_output=True)  # noqa: S603, S607 - of ours


@contextmanager
def inside(space: str) -> Iterator[None]:
    """This thread is in another network namespace meanwhile, and threads that it starts stay."""
    with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{space}") as there:
        _enter(there.fileno())
        try:
            yield
        finally:
            _enter(home.fileno())


def _enter(descriptor: int) -> None:
    if LIBC.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Row:
    """The namespaces: the box has .1 and its neighbours .2 of 10.93.1.0/24 and 10.93.2.0/24."""

    def __init__(self, name: str) -> None:
        self.phones, self.box, self.office = (f"{name}{os.getpid()}{end}" for end in "abc")

    def build(self, *strangers: str) -> None:
        """Make them; `strangers` are further addresses beside the phones'."""
        for name in (self.phones, self.box, self.office):
            ip(f"netns add {name}")
        for side, far in ((1, self.phones), (2, self.office)):
            ip(f"link add r{side} netns {self.box} type veth peer name p0 netns {far}")
            for space, device, host in ((self.box, f"r{side}", 1), (far, "p0", 2)):
                ip(f"-n {space} link set lo up")
                ip(f"-n {space} addr add 10.93.{side}.{host}/24 dev {device}")
                ip(f"-n {space} link set {device} up")
        for address in strangers:
            ip(f"-n {self.phones} addr add {address}/24 dev p0")

    def remove(self) -> None:
        """Take them away, as far as they are there."""
        for name in (self.phones, self.box, self.office):
            words = ["ip", "netns", "del", name]
            subprocess.run(words, check=False, capture_output=True)  # noqa: S603 - of ours

    def socket(self, space: str, address: str, port: int = 0) -> socket.socket:
        """A bound UDP socket in one of them."""
        with inside(space):
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind((address, port))
        return made


def kernel_flows(instance: str) -> int:
    """How many IPv4 flows stand in the kernel's pinned table of a media process."""
    (table,) = PINS.glob(f"{instance}*/flows4")
    path = ctypes.create_string_buffer(os.fsencode(table) + b"\0")
    opened = _bpf(BPF_OBJ_GET, struct.pack("<QII", ctypes.addressof(path), 0, 0))
    try:
        count, key, following = 0, None, ctypes.create_string_buffer(MAX_KEY)
        while True:
            at = 0 if key is None else ctypes.addressof(key)
            attributes = struct.pack("<IIQQ", opened, 0, at, ctypes.addressof(following))
            try:
                _bpf(BPF_MAP_GET_NEXT_KEY, attributes)
            except FileNotFoundError:
                return count
            count += 1
            key = ctypes.create_string_buffer(following.raw, MAX_KEY)
    finally:
        os.close(opened)


def _bpf(command: int, attributes: bytes) -> int:
    """bpf(2); raises OSError."""
    room = ctypes.create_string_buffer(attributes, 128)
    result: int = LIBC.syscall(BPF_SYSCALL, command, room, 128)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
