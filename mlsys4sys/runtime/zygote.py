"""The zygote: a fresh, single-threaded interpreter that forks workers for the driver.

The driver is never forked: it may hold threads, locks and open databases. The zygote holds nothing but modules.
It lives as long as the driver's end of its socket, and every worker dies with it (``PR_SET_PDEATHSIG``), so a driver
that is killed leaves nothing behind. As the parent it knows how each worker ended, and can kill one without the race
between a process's end and the reuse of its number.

Messages in: ``("fork", worker, sys.path, isolated)`` with a socket, ``("kill", worker)``. Messages out:
``("exit", worker, status)`` with a status as `os.waitpid` gives it.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import pickle
import shutil
import signal
import socket
import sys
import tempfile
from typing import Any

MESSAGE_BYTES = 65_536
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True)


class Zygote:
    """Forks on demand and reports ends."""

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.workers: dict[int, int] = {}
        self.pids: dict[int, int] = {}
        self.folders: dict[int, str] = {}

    def serve(self) -> None:
        """Carry out the driver's messages until it is gone."""
        signal.signal(signal.SIGCHLD, lambda *_: self.reap())
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        while True:
            data, fds, _, _ = socket.recv_fds(self.control, MESSAGE_BYTES, 1)
            if not data:
                return
            message = pickle.loads(data)  # noqa: S301 - from our own driver
            if message[0] == "fork":
                self.fork(message[1], message[2], message[3], fds[0])
            elif message[0] == "kill" and message[1] in self.workers:
                os.kill(self.workers[message[1]], signal.SIGKILL)

    def fork(self, worker: int, path: list[str], isolated: bool, fd: int) -> None:
        """Start a worker over the socket ``fd``; one that is isolated gets an empty folder that goes with it."""
        folder = tempfile.mkdtemp(prefix="mlsys4sys-") if isolated else None
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        pid = os.fork()
        if pid == 0:
            self._become_worker(path, folder, fd)
        self.workers[worker] = pid
        self.pids[pid] = worker
        if folder is not None:
            self.folders[worker] = folder
        os.close(fd)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})

    def _become_worker(self, path: list[str], folder: str | None, fd: int) -> None:
        status = 1
        try:
            _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
            self.control.close()
            sys.path[:] = path
            if folder is not None:
                _leave_home(folder)
            from mlsys4sys.runtime import worker as program

            program.main(socket.socket(fileno=fd))
            status = 0
        except BaseException:  # noqa: BLE001 - whatever it was, this process must not go on as a zygote
            import traceback

            traceback.print_exc()
        finally:
            with contextlib.suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(status)

    def reap(self) -> None:
        """Report every worker that has ended."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            worker = self.pids.pop(pid, None)
            if worker is not None:
                del self.workers[worker]
                self._remove_folder(worker)
                with contextlib.suppress(OSError):
                    self.control.send(pickle.dumps(("exit", worker, status)))

    def _remove_folder(self, worker: int) -> None:
        folder = self.folders.pop(worker, None)
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)

    def end(self) -> None:
        """Kill what is left and tidy up."""
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for worker, pid in self.workers.items():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            self._remove_folder(worker)


def _leave_home(folder: str) -> None:
    """Work in an empty folder, read nothing and print nowhere."""
    os.chdir(folder)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in range(3):
        os.dup2(null, fd)
    os.close(null)


def main(fd: int, settings: str) -> None:
    """Run as the zygote over the socket ``fd``; ``settings`` is JSON with ``preload`` and ``path``."""
    options: dict[str, Any] = json.loads(settings)
    sys.path[:] = options["path"]
    control = socket.socket(fileno=fd)
    for name in ["mlsys4sys.runtime.worker", *options["preload"]]:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()  # what is here now is never collected, so workers share its pages
    zygote = Zygote(control)
    with contextlib.suppress(OSError):
        zygote.serve()
    zygote.end()
