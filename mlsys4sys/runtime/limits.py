"""What a task may take: memory for any task; time, files, processes and network for isolated ones.

An isolated task runs a program that nobody has read. Its process is its own and ends with it. What holds it:

* limits of the kernel on memory, processor time, file size, open files and core dumps;
* no new privileges, and an own user and network namespace where the kernel allows one: no network at all;
* Landlock: nothing may be written outside of the task's empty folder, and nothing read but the interpreter, the
  installed packages and the system's shared files; no signal to other processes (kernel 6.12);
* seccomp: no new processes, programs, sockets, tracing, mounts or kernel interfaces with a record of holes.

This contains accidents and ordinary malice. It does not contain a program that exploits the kernel; for that, use a
virtual machine. `barriers` says which of these this machine has.

Source: Landlock and seccomp: the kernel's documentation, userspace-api/landlock and userspace-api/seccomp_filter.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import resource
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

ISOLATED_MEMORY = 2 << 30
"""Bytes for an isolated task that asks for no number."""
FILE_BYTES = 256 << 20
OPEN_FILES = 256

PR_SET_NO_NEW_PRIVS = 38
PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
CLONE_THREAD = 0x00010000

_libc = ctypes.CDLL(None, use_errno=True)


def _address_space() -> int:
    """Bytes of address space of this process now."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


@contextlib.contextmanager
def memory(limit: int) -> Iterator[None]:
    """Let this process take ``limit`` bytes more than it has; more raises `MemoryError` where they are wanted.

    The limit counts address space, since that is what the kernel refuses in a way that a program survives.
    """
    old = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_within(_address_space() + limit, old[1]), old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, old)


def _within(limit: int, hard: int) -> int:
    return limit if hard == resource.RLIM_INFINITY else min(limit, hard)


def confine(*, memory_bytes: int | None, cpu_s: float | None) -> list[str]:
    """Confine this process for good; the barriers that now stand, by name."""
    held = ["limits"]
    folder = Path.cwd()
    _set(resource.RLIMIT_AS, _address_space() + (memory_bytes or ISOLATED_MEMORY))
    _set(resource.RLIMIT_FSIZE, FILE_BYTES)
    _set(resource.RLIMIT_NOFILE, OPEN_FILES)
    _set(resource.RLIMIT_CORE, 0)
    if cpu_s is not None:
        _set(resource.RLIMIT_CPU, int(cpu_s) + 2)
    if _libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0:
        held.append("no_new_privs")
    if _libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 or _libc.unshare(CLONE_NEWNET) == 0:
        held.append("network")
    if _landlock(folder):
        held.append("landlock")
    if _seccomp():
        held.append("seccomp")
    else:
        _set(resource.RLIMIT_NPROC, 0)
    return held


def _set(which: int, value: int) -> None:
    value = _within(value, resource.getrlimit(which)[1])
    resource.setrlimit(which, (value, value))


# -- Landlock

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_READ = (1 << 0) | (1 << 2) | (1 << 3)  # execute, read files, read folders
_FILE = (1 << 0) | (1 << 1) | (1 << 2)  # what may be granted on a file
_BY_ABI = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}


def landlock_abi() -> int:
    """The kernel's version of Landlock; 0 where it has none."""
    return max(0, int(_libc.syscall(_CREATE_RULESET, None, 0, 1)))


def _landlock(folder: Path) -> bool:
    abi = landlock_abi()
    if abi == 0:
        return False
    access = _BY_ABI[min(abi, 5)]
    network = 3 if abi >= 4 else 0  # bind and connect
    scope = 3 if abi >= 6 else 0  # abstract sockets and signals
    attributes = struct.pack("<QQQ", access, network, scope)[: 24 if abi >= 6 else 16 if abi >= 4 else 8]
    ruleset = _libc.syscall(_CREATE_RULESET, attributes, len(attributes), 0)
    if ruleset < 0:
        return False
    for path in _readable():
        _allow(ruleset, path, _READ & access)
    _allow(ruleset, folder, access)
    done = bool(_libc.syscall(_RESTRICT_SELF, ruleset, 0) == 0)
    os.close(ruleset)
    return done


def _readable() -> set[Path]:
    roots = {Path(p) for p in ("/usr", "/lib", "/lib64", "/etc", "/opt", "/dev/null", "/dev/urandom", "/dev/zero")}
    roots |= {Path(p) for p in (sys.prefix, sys.base_prefix, sys.exec_prefix, *sys.path) if p}
    return {path for path in roots if path.exists() and path != Path("/")}


def _allow(ruleset: int, path: Path, access: int) -> None:
    with contextlib.suppress(OSError):
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            granted = access if path.is_dir() else access & _FILE
            _libc.syscall(_ADD_RULE, ruleset, 1, struct.pack("<Qi", granted, fd), 0)
        finally:
            os.close(fd)


# -- seccomp

_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_DENIED = {
    "x86_64": "socket:41 connect:42 bind:49 listen:50 fork:57 vfork:58 execve:59 kill:62 ptrace:101 "
    "rt_sigqueueinfo:129 mount:165 umount2:166 reboot:169 init_module:175 tkill:200 kexec_load:246 add_key:248 "
    "request_key:249 keyctl:250 unshare:272 perf_event_open:298 setns:308 process_vm_readv:310 "
    "process_vm_writev:311 bpf:321 execveat:322 userfaultfd:323",
    "aarch64": "umount2:39 mount:40 unshare:97 kexec_load:104 init_module:105 ptrace:117 kill:129 tkill:130 "
    "rt_sigqueueinfo:138 reboot:142 socket:198 bind:200 listen:201 connect:203 add_key:217 request_key:218 "
    "keyctl:219 execve:221 perf_event_open:241 setns:268 process_vm_readv:270 process_vm_writev:271 bpf:280 "
    "execveat:281 userfaultfd:282",
}
_DENIED_EVERYWHERE = (424, 425, 426, 427, 434, 438)  # pidfd_send_signal, io_uring, pidfd_open, pidfd_getfd
_CLONE = {"x86_64": 56, "aarch64": 220}
_TGKILL = {"x86_64": 234, "aarch64": 131}
_CLONE3 = 435

_LOAD, _EQUAL, _ANY_BIT, _AT_LEAST, _RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
_ALLOW, _EPERM, _ENOSYS, _KILL = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16


def _filter(machine: str) -> bytes:
    """The classic BPF program: one line an instruction, ``(code, if true, if false, constant)``."""
    denied = [int(item.split(":")[1]) for item in _DENIED[machine].split()] + list(_DENIED_EVERYWHERE)
    lines = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, _ARCHITECTURES[machine]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, 0x40000000),  # the x32 ABI: other numbers for the same calls
        (_RETURN, 0, 0, _EPERM),
        (_EQUAL, 0, 1, _CLONE3),  # its flags lie in memory, out of reach; libc falls back to clone
        (_RETURN, 0, 0, _ENOSYS),
        (_EQUAL, 0, 4, _CLONE[machine]),  # threads may be made, processes may not
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_ANY_BIT, 1, 0, CLONE_THREAD),
        (_RETURN, 0, 0, _EPERM),
        (_RETURN, 0, 0, _ALLOW),
        (_EQUAL, 0, 4, _TGKILL[machine]),  # abort() signals itself
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_EQUAL, 1, 0, os.getpid()),
        (_RETURN, 0, 0, _EPERM),
        (_RETURN, 0, 0, _ALLOW),
    ]
    for number in denied:
        lines += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _EPERM)]
    lines.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("<HBBI", *line) for line in lines)


def _seccomp() -> bool:
    machine = platform.machine()
    if machine not in _ARCHITECTURES:
        return False
    program = ctypes.create_string_buffer(_filter(machine))
    header = struct.pack("<HxxxxxxQ", (len(program) - 1) // 8, ctypes.addressof(program))
    return bool(_libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, header, 0, 0) == 0)
