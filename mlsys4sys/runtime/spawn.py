"""The driver's side of the zygote: start it, have it fork and kill workers, hear how they ended."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence

from mlsys4sys.runtime import wire

SOCKET_BYTES = 1 << 20
_PROGRAM = "import sys, json; sys.path[:] = json.loads(sys.argv[2])['path']; from mlsys4sys.runtime import zygote; "
_PROGRAM += "zygote.main(int(sys.argv[1]), sys.argv[2])"
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Zygote:
    """A running zygote. Starting it returns at once; what it is told waits until it is up.

    Args:
        preload: Modules that workers shall find imported.
    """

    def __init__(self, preload: Sequence[str]) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        settings = json.dumps({"path": sys.path, "preload": list(preload)})
        env = dict.fromkeys(_ONE_THREAD, "1") | dict(os.environ)
        self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and program
            [sys.executable, "-c", _PROGRAM, str(theirs.fileno()), settings],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            env=env,
            start_new_session=True,  # so that Ctrl-C on a terminal reaches the driver alone
        )
        theirs.close()
        self.control = ours

    def fork(self, worker: int, *, isolated: bool) -> socket.socket:
        """Start a worker; our end of its socket, which does not block."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        ours.setblocking(False)
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BYTES)
        message = pickle.dumps(("fork", worker, sys.path, isolated))
        with contextlib.suppress(OSError), theirs:
            socket.send_fds(self.control, [message], [theirs.fileno()])
        return ours

    def kill(self, worker: int) -> None:
        """End a worker now."""
        with contextlib.suppress(OSError):
            self.control.send(pickle.dumps(("kill", worker)))

    def ended(self) -> list[tuple[int, int]]:
        """Workers that have ended, each with its status; call when the control socket has something.

        Raises:
            Closed: The zygote itself is gone, and every worker with it.
        """
        ends: list[tuple[int, int]] = []
        while True:
            try:
                data = self.control.recv(65_536, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return ends
            except OSError as error:
                raise wire.Closed from error
            if not data:
                if ends:
                    return ends
                raise wire.Closed
            _, worker, status = pickle.loads(data)  # noqa: S301 - from our own zygote
            ends.append((worker, status))

    def close(self) -> None:
        """End the zygote, and with it every worker."""
        self.control.close()
        try:
            self.process.wait(2.0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def how(status: int | None) -> str:
    """What a wait status means, in words."""
    if status is None:
        return "was lost"
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        with contextlib.suppress(ValueError):
            return f"was ended by {signal.Signals(number).name}"
        return f"was ended by signal {number}"
    return f"exited with status {os.WEXITSTATUS(status)}"
