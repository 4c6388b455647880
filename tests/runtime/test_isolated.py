"""What an isolated task can and cannot do."""

import contextlib
import os
import pickle
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from mlsys4sys import runtime
from mlsys4sys.errors import TaskError, TaskMemory, TaskTimeout, Unsupported, WorkerDied
from mlsys4sys.runtime import limits, safe


@pytest.fixture(scope="module")
def rt():
    runtime.init(num_cpus=2)
    yield runtime
    runtime.shutdown()


@pytest.fixture
def run(rt):
    def call(function, *args, **options):
        return rt.get(rt.remote(isolated=True, max_retries=0, **options)(function).remote(*args))

    return call


def test_it_runs_in_an_empty_folder_that_goes_with_it(run):
    def write():
        Path("file").write_text("x")
        return str(Path.cwd()), [path.name for path in Path().iterdir()]

    folder, files = run(write)
    assert files == ["file"]
    time.sleep(0.05)
    assert not Path(folder).exists()
    assert folder != str(Path.cwd())


def test_every_run_has_a_process_of_its_own(run):
    assert len({run(os.getpid) for _ in range(3)}) == 3


@pytest.mark.skipif(limits.landlock_abi() == 0, reason="this kernel has no Landlock")
def test_it_can_neither_write_nor_read_the_users_files(run, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("mine")

    def spy(path):
        out = []
        for mode in ("r", "a"):
            try:
                Path(path).open(mode).close()
                out.append("open")
            except PermissionError:
                out.append("denied")
        try:
            list(Path(path).parent.iterdir())
            out.append("open")
        except PermissionError:
            out.append("denied")
        return out

    assert run(spy, str(secret)) == ["denied"] * 3
    assert secret.read_text() == "mine"


def test_it_reaches_no_network_starts_no_process_and_signals_nobody(run):
    def fork():
        return os.fork()

    def execute():
        return subprocess.run(["/bin/true"], check=False).returncode

    def connect():
        return socket.create_connection(("127.0.0.1", 1), timeout=1)

    def shoot(pid):
        os.kill(pid, signal.SIGTERM)

    def spawn_thread():
        thread = threading.Thread(target=int)
        thread.start()
        thread.join()
        return "threads are fine"

    for attempt in (fork, execute, connect):
        with pytest.raises((PermissionError, BlockingIOError, OSError)):
            run(attempt)
    with pytest.raises(PermissionError):
        run(shoot, os.getpid())
    assert run(spawn_thread) == "threads are fine"


def test_memory_time_and_files_are_bounded(run):
    def hog():
        return len(bytearray(4 << 30))

    def spin():
        while True:
            pass

    def fill():
        with Path("big").open("wb") as out:
            while True:
                out.write(b"x" * (1 << 20))

    with pytest.raises(TaskMemory):
        run(hog, memory=100 << 20)
    began = time.perf_counter()
    with pytest.raises(TaskTimeout):
        run(spin, timeout_s=0.3)
    assert time.perf_counter() - began < 2.0
    with pytest.raises((WorkerDied, OSError)):
        run(fill, timeout_s=10)


def test_its_answers_are_data_and_nothing_else(run):
    class Evil:
        def __reduce__(self):
            return os.system, ("touch /tmp/owned",)

    with pytest.raises(pickle.UnpicklingError, match="not data"):
        run(lambda: Evil())
    assert run(lambda: {"a": [1, (2.5, None)], "b": {1, 2}}) == {"a": [1, (2.5, None)], "b": {1, 2}}
    assert run(lambda: np.arange(50_000)).sum() == 49_999 * 25_000


def test_a_task_that_writes_to_the_drivers_socket_hurts_only_itself(run, rt):
    def babble():
        for fd in range(3, 64):
            with contextlib.suppress(OSError):
                os.write(fd, b"\xff" * 100)
        while True:
            pass

    with pytest.raises((WorkerDied, TaskTimeout)):
        run(babble, timeout_s=1.0)
    assert rt.get(rt.remote(abs).remote(-1)) == 1


def test_it_cannot_use_the_runtime(run):
    def nested():
        return runtime.get(runtime.remote(abs).remote(-1))

    with pytest.raises(Unsupported):
        run(nested)


def test_what_it_raises_comes_back(run):
    def fails():
        raise ZeroDivisionError("one over none")

    with pytest.raises(ZeroDivisionError, match="one over none") as caught:
        run(fails)
    assert isinstance(caught.value.__cause__, TaskError)


def reach(value):
    """What an attacker would do with a function that came through."""
    return value(object, "__subclasses__")


@pytest.mark.parametrize(
    "attack",
    [
        b"cos\nsystem\n(S'true'\ntR.",
        pickle.dumps(eval),
        pickle.dumps(getattr),
        b"\x80\x04\x8c\x08builtins\x8c\x07getattr\x93\x8c\x08builtins\x8c\x05slice\x93\x8c\x08__base__\x86R.",
    ],
)
def test_a_pickle_that_names_more_than_data_is_refused(attack):
    with pytest.raises(pickle.UnpicklingError, match="not data"):
        reach(safe.loads(attack))


def test_frames_survive_the_safe_reader():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(
        {
            "number": [1.5, None],
            "text": ["a", None],
            "category": pd.Categorical(["x", "y"]),
            "time": pd.to_datetime(["2020-01-01", "2021-01-01"]).tz_localize("Europe/Berlin"),
            "nullable": pd.array([1, None], dtype="Int64"),
            "list": [[1], [2, 3]],
        },
        index=pd.MultiIndex.from_tuples([(1, "a"), (2, "b")]),
    )
    pd.testing.assert_frame_equal(safe.loads(pickle.dumps(frame, 5)), frame)
