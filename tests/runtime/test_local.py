"""The local backend where things go wrong: workers, drivers and zygotes die, tasks hang, hog and lie."""

import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import as_completed
from pathlib import Path

import numpy as np
import pytest

from mlsys4sys import runtime
from mlsys4sys.errors import ActorDied, TaskCancelled, TaskError, TaskMemory, TaskTimeout, WorkerDied
from mlsys4sys.runtime import api


@pytest.fixture
def rt():
    runtime.init(num_cpus=2)
    yield runtime
    runtime.shutdown()


def wait_for(condition, seconds=5.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.005)


def children(pid):
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def open_files():
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_killed_workers_task_runs_again_with_the_same_chance(rt, tmp_path):
    mark = tmp_path / "mark"

    @rt.remote
    def once():
        value = float(rt.rng().random())
        if not mark.exists():
            mark.write_text(str(value))
            os.kill(os.getpid(), signal.SIGKILL)
        return value

    assert rt.get(once.remote()) == float(mark.read_text())
    assert rt.stats().deaths == 1
    assert rt.stats().retried == 1


def test_a_task_that_kills_every_worker_fails_alone_and_by_name(rt):
    @rt.remote(max_retries=1)
    def work(i):
        if i == 7:
            os.kill(os.getpid(), signal.SIGSEGV)
        return i

    refs = [work.remote(i) for i in range(50)]
    assert rt.get([ref for i, ref in enumerate(refs) if i != 7]) == [i for i in range(50) if i != 7]
    with pytest.raises(WorkerDied, match=r"work.*SIGSEGV.*2 times"):
        rt.get(refs[7])


def test_a_task_with_no_retries_never_runs_twice(rt, tmp_path):
    @rt.remote(max_retries=0)
    def dies():
        (tmp_path / str(time.perf_counter_ns())).touch()
        os._exit(3)

    with pytest.raises(WorkerDied, match="exited with status 3"):
        rt.get(dies.remote())
    assert len(list(tmp_path.iterdir())) == 1


def test_an_actor_restarts_and_says_so_to_those_who_were_waiting(rt):
    @rt.remote(max_restarts=1)
    class Fragile:
        def __init__(self):
            self.n = 0

        def add(self):
            self.n += 1
            return self.n

        def crash(self):
            os._exit(1)

    actor = Fragile.remote()
    assert [rt.get(actor.add.remote()) for _ in range(2)] == [1, 2]
    with pytest.raises(ActorDied, match="starts again"):
        rt.get(actor.crash.remote())
    assert rt.get(actor.add.remote()) == 1
    with pytest.raises(ActorDied):
        rt.get(actor.crash.remote())
    with pytest.raises(ActorDied, match="after 1 restarts"):
        rt.get(actor.add.remote())


def test_the_death_of_the_zygote_is_survived(rt):
    @rt.remote
    def pid():
        time.sleep(0.05)
        return os.getppid()

    zygote = rt.get(pid.remote())
    refs = [pid.remote() for _ in range(4)]
    os.kill(zygote, signal.SIGKILL)
    assert zygote not in rt.get(refs)


def test_a_task_over_its_time_is_ended_and_those_behind_it_go_on(rt):
    @rt.remote(timeout_s=0.1)
    def maybe(i):
        while i == 0:
            pass
        return i

    refs = [maybe.remote(i) for i in range(6)]
    assert rt.get(refs[1:]) == [1, 2, 3, 4, 5]
    with pytest.raises(TaskTimeout, match=r"maybe ran longer than its 0.1 s"):
        rt.get(refs[0])
    assert rt.stats().deaths == 0  # it was told to


def test_deadlines_and_deaths_are_seen_while_the_caller_is_away(rt, tmp_path):
    @rt.remote
    def parent():
        return runtime.get(child.remote())

    @rt.remote
    def child():
        (tmp_path / "done").touch()

    @rt.remote(timeout_s=0.1)
    def endless():
        (tmp_path / "pid").write_text(str(os.getpid()))
        while True:
            pass

    refs = [parent.remote(), endless.remote()]
    wait_for((tmp_path / "done").exists)
    wait_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    wait_for(lambda: not alive(int((tmp_path / "pid").read_text())))
    del refs


def test_a_long_task_in_a_batch_does_not_hold_up_the_others(rt):
    @rt.remote
    def work(seconds):
        time.sleep(seconds)

    rt.get([work.remote(0) for _ in range(500)])  # now it is known as a short one
    refs = [work.remote(0) for _ in range(50)] + [work.remote(3.0)] + [work.remote(0) for _ in range(400)]
    began = time.perf_counter()
    ready, _ = rt.wait(refs, num_returns=450, timeout=3.0)
    assert len(ready) == 450
    assert time.perf_counter() - began < 2.0


def test_a_worker_that_waits_gives_its_place_to_others(rt):
    @rt.remote
    def parent(depth):
        return 1 + rt.get(parent.remote(depth - 1)) if depth else 0

    assert rt.get([parent.remote(6) for _ in range(4)]) == [6] * 4


def test_a_retried_parent_finds_what_its_children_have_done(rt, tmp_path):
    @rt.remote
    def child(i):
        (tmp_path / f"{i}-{time.perf_counter_ns()}").touch()
        return i

    @rt.remote
    def parent():
        values = rt.get([child.remote(i) for i in range(3)])
        refs = [child.remote(i) for i in range(3)]
        if not (tmp_path / "mark").exists():
            (tmp_path / "mark").touch()
            rt.get(refs)
            os.kill(os.getpid(), signal.SIGKILL)
        return values + rt.get(refs)

    assert rt.get(parent.remote()) == [0, 1, 2, 0, 1, 2]


def test_chaos_loses_nothing_and_repeats_nothing(rt):
    """Tasks with dependencies while a worker is killed every 50 ms: every value right, each exactly once."""

    @rt.remote(max_retries=100)
    def add(a, b):
        time.sleep(0.0005)
        return a + b

    stop, kills = threading.Event(), []

    def kill():
        while not stop.wait(0.05):
            workers = children(api.current().hub.zygote.process.pid)
            for pid in workers[:1]:
                os.kill(pid, signal.SIGKILL)
                kills.append(pid)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        level = [add.remote(i, i) for i in range(1000)]
        refs = list(level)
        for _ in range(4):
            level = [add.remote(level[i], level[(i * 7 + 1) % 1000]) for i in range(1000)]
            refs += level
        values = rt.get(refs)
    finally:
        stop.set()
        thread.join()
    expected = [2 * i for i in range(1000)]
    everything = list(expected)
    for _ in range(4):
        expected = [expected[i] + expected[(i * 7 + 1) % 1000] for i in range(1000)]
        everything += expected
    assert values == everything
    assert rt.stats().finished == len(refs)
    assert rt.stats().failed == 0
    assert len(kills) > 10


def run(program, **kwargs):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kwargs
    )


ORPHANS = """
    import os, sys, time
    from mlsys4sys import runtime as rt
    rt.init(num_cpus=2)
    @rt.remote
    def where(): return os.getpid(), os.getppid()
    @rt.remote
    def endless():
        while True: pass
    pids = rt.get(where.remote())
    refs = [endless.remote() for _ in range(2)]
    time.sleep(0.2)
    print(*pids, flush=True)
    rt.get(refs)
"""


def test_a_driver_that_is_killed_leaves_no_process_behind():
    driver = run(ORPHANS)
    pids = [int(word) for word in driver.stdout.readline().split()]
    assert all(alive(pid) for pid in pids)
    driver.kill()
    driver.communicate()
    wait_for(lambda: not any(alive(pid) for pid in pids), 2.0)


def test_ctrl_c_ends_within_a_second():
    driver = run(ORPHANS)
    pids = [int(word) for word in driver.stdout.readline().split()]
    began = time.monotonic()
    driver.send_signal(signal.SIGINT)
    _, err = driver.communicate(timeout=5)
    assert time.monotonic() - began < 1.0
    assert b"KeyboardInterrupt" in err
    assert not any(alive(pid) for pid in pids)


def test_nothing_leaks_over_many_lives():
    for _ in range(2):
        runtime.init(num_cpus=2)
        runtime.get(runtime.put(np.zeros(100_000)))
        runtime.shutdown()
    gc.collect()
    before, threads = open_files(), threading.active_count()
    for _ in range(8):
        runtime.init(num_cpus=2)
        runtime.get(api.remote(len).remote(np.zeros(100_000)))
        runtime.shutdown()
    gc.collect()
    assert open_files() <= before
    assert threading.active_count() == threads


def test_memory_stays_flat_over_many_tasks_and_arrays(rt):
    @rt.remote
    def touch(a):
        return a[:10] * 1

    @rt.remote
    def grow(n):
        return np.zeros(n)

    def round_():
        for _ in range(20):
            rt.get([touch.remote(np.zeros(20_000)) for _ in range(10)])
            rt.get([grow.remote(20_000) for _ in range(10)])
        rt.get([touch.remote(np.zeros(3)) for _ in range(1000)])

    round_()
    backend = api.current()
    time.sleep(0.1)
    held, files = len(backend.hub.scheduler.tasks), open_files()
    round_()
    rt.put(0)
    assert len(backend.hub.scheduler.tasks) <= held + 200
    assert open_files() <= files + 20
    assert rt.stats().stored_bytes < 20 << 20


def test_a_segment_is_not_used_again_while_somebody_reads_it(rt):
    @rt.remote
    class Keeper:
        def keep(self, a):
            self.a = a

        def total(self):
            return float(self.a.sum())

    keeper = Keeper.remote()
    rt.get(keeper.keep.remote(rt.put(np.ones(50_000))))
    mine = rt.get(rt.put(np.full(50_000, 2.0)))
    for i in range(20):
        rt.put(np.full(50_000, float(i)))
    assert rt.get(keeper.total.remote()) == 50_000.0
    assert mine.sum() == 100_000.0


def test_many_threads_may_wait_at_the_same_time(rt):
    @rt.remote
    def slow(i):
        time.sleep(0.01 * (i % 3))
        return i

    results = {}

    def ask(i):
        results[i] = rt.get([slow.remote(i) for _ in range(5)])

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {i: [i] * 5 for i in range(8)}


def test_the_executor_is_one_of_concurrent_futures(rt):
    def square(x):
        if x < 0:
            raise ValueError("negative")
        return x * x

    with runtime.Executor() as pool:
        assert list(pool.map(square, range(5))) == [0, 1, 4, 9, 16]
        assert {future.result() for future in as_completed([pool.submit(square, i) for i in range(4)])} == {0, 1, 4, 9}
        with pytest.raises(ValueError, match="negative"):
            pool.submit(square, -1).result()
        sleeper = pool.submit(time.sleep, 60)
        assert sleeper.cancel()
    with pytest.raises(RuntimeError):
        pool.submit(square, 1)


def test_what_cannot_be_pickled_fails_by_name_and_hurts_nobody(rt):
    @rt.remote
    def lock():
        return threading.Lock()

    with pytest.raises(TypeError, match="pickle"):
        rt.get(lock.remote())
    with pytest.raises(TypeError, match="pickle"):
        rt.remote(len).remote(threading.Lock())
    assert rt.get(rt.remote(len).remote("abc")) == 3


def test_gpus_are_shared_out_by_number():
    runtime.init(num_cpus=2, num_gpus=2)

    @runtime.remote(num_gpus=1)
    def gpu():
        time.sleep(0.1)
        return os.environ["CUDA_VISIBLE_DEVICES"]

    try:
        assert sorted(runtime.get([gpu.remote(), gpu.remote()])) == ["0", "1"]
    finally:
        runtime.shutdown()


def test_shutdown_tells_those_who_wait(rt):
    @rt.remote
    def endless():
        while True:
            time.sleep(1)

    ref = endless.remote()
    caught = []

    def ask():
        try:
            rt.get(ref)
        except TaskError as error:
            caught.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    time.sleep(0.1)
    rt.shutdown()
    thread.join(5)
    assert isinstance(caught[0], TaskCancelled)


def test_memory_is_a_limit_of_the_task_and_not_of_its_worker(rt):
    @rt.remote
    def pid_and_bytes(n):
        return os.getpid(), len(bytearray(n))

    limited = pid_and_bytes.options(memory=50 << 20)
    assert rt.get(limited.remote(10 << 20))[1] == 10 << 20
    with pytest.raises(TaskMemory, match="52428800 bytes"):
        rt.get(limited.remote(500 << 20))
    assert rt.get(pid_and_bytes.remote(500 << 20))[1] == 500 << 20
    assert rt.stats().deaths == 0
