"""The process in which one signaling manipulation script runs. Started by `runtime.scripts`.

Before the script is read for the first time the process gives up what it could do harm with:
files and sockets (no new descriptor), other processes, memory beyond a limit, root, the network
(a namespace of its own, where the kernel allows it), and with libseccomp every system call but a
few. What this does not isolate: the script shares the interpreter with our loop, so it can make
its own answers wrong or late; and without libseccomp a bug of the kernel is as near as for any
process of an unprivileged user.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import resource
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from farline.sip import Message

if TYPE_CHECKING:
    from collections.abc import Callable

PRELOADED = (
    "base64", "binascii", "collections", "datetime", "hashlib", "itertools", "json", "math", "re",
    "string", "textwrap", "urllib.parse",
)  # fmt: skip
"""What a script may import: nothing can be loaded once the sandbox is closed."""

NOBODY = 65534
CLONE_NEWNET = 0x40000000
PR_SET_NO_NEW_PRIVS = 38
ALLOW, REFUSE = 0x7FFF0000, 0x00050001
"""SCMP_ACT_ALLOW, and SCMP_ACT_ERRNO with EPERM."""

SYSCALLS = (
    "read", "write", "close", "brk", "mmap", "munmap", "mremap", "mprotect", "madvise", "futex",
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "exit", "exit_group",
    "clock_gettime", "gettimeofday", "getrandom", "getpid", "gettid", "sched_yield", "lseek",
    "restart_syscall",
)  # fmt: skip
MAX_FRAME = 1 << 20


def close_in(memory_mb: int) -> str:
    """Give up everything that a script does not need; says what was closed."""
    closed = ["descriptors", "memory", "processes", "file size"]
    os.closerange(3, 1024)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    libc = ctypes.CDLL(None, use_errno=True)
    seccomp = _library()
    if os.geteuid() == 0:
        if libc.unshare(CLONE_NEWNET) == 0:
            closed.append("network")
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        closed.append("root")
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    whole = pages * resource.getpagesize() + memory_mb * 1024 * 1024
    for limit, value in (
        (resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_NOFILE, 0), (resource.RLIMIT_AS, whole),
    ):  # fmt: skip
        resource.setrlimit(limit, (value, value))
    if seccomp is not None and _filter(seccomp):
        closed.append("system calls")
    return ", ".join(closed)


def _library() -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL("libseccomp.so.2", use_errno=True)
    except OSError:
        return None


def _filter(library: ctypes.CDLL) -> bool:
    """Allow `SYSCALLS` only; others fail with EPERM."""
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_init.argtypes = [ctypes.c_uint32]
    library.seccomp_rule_add.argtypes = [
        ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint,
    ]  # fmt: skip
    library.seccomp_load.argtypes = [ctypes.c_void_p]
    rules = library.seccomp_init(REFUSE)
    if not rules:
        return False
    for name in SYSCALLS:
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number >= 0 and library.seccomp_rule_add(rules, ALLOW, number, 0) != 0:
            return False
    return bool(library.seccomp_load(rules) == 0)


def read_frame() -> bytes | None:
    """One frame of the parent: four bytes of length, then so many bytes; None at the end."""
    head = _read(4)
    if head is None:
        return None
    (size,) = struct.unpack(">I", head)
    return _read(size) if size <= MAX_FRAME else None


def _read(size: int) -> bytes | None:
    data = b""
    while len(data) < size:
        more = os.read(0, size - len(data))
        if not more:
            return None
        data += more
    return data


def write_frame(*, failed: bool, data: bytes) -> None:
    """One answer: a byte for success (0) or failure (1), the length, the bytes."""
    rest = struct.pack(">BI", failed, len(data)) + data
    while rest:
        rest = rest[os.write(1, rest) :]


def load(source: str) -> Callable[[Message, str], object]:
    """The function `manipulate` of a script. Raises ValueError without one."""
    names: dict[str, object] = {"__name__": "script", "Message": Message}
    exec(compile(source, "script", "exec"), names)  # noqa: S102 - that is what this process is for
    found = names.get("manipulate")
    if not callable(found):
        raise ValueError("the script defines no function manipulate(message, direction)")
    return found


def serve(manipulate: Callable[[Message, str], object]) -> None:
    """Answer frames (direction, newline, message) until the parent goes."""
    while (frame := read_frame()) is not None:
        direction, _, data = frame.partition(b"\n")
        try:
            message = Message.parse(data)
            manipulate(message, direction.decode())
            write_frame(failed=False, data=message.to_bytes())
        except Exception as error:  # noqa: BLE001 - whatever a script raises is its answer
            write_frame(failed=True, data=f"{type(error).__name__}: {error}"[:500].encode())


def main() -> int:
    """`python -m farline.runtime.scripts.sandbox MEMORY_MB`: the first frame is the script."""
    for name in PRELOADED:
        __import__(name)
    source = read_frame()
    if source is None:
        return 1
    try:
        closed = close_in(int(sys.argv[1]))
        manipulate = load(source.decode())
    except Exception as error:  # noqa: BLE001 - a script that cannot be loaded is told, not raised
        write_frame(failed=True, data=f"{type(error).__name__}: {error}"[:500].encode())
        return 1
    write_frame(failed=False, data=closed.encode())
    serve(manipulate)
    return 0


if __name__ == "__main__":
    sys.exit(main())
