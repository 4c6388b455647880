"""The scheduler against a serial evaluator, on random task graphs with deaths, blocks and failures."""

from hypothesis import given, settings
from hypothesis import strategies as st

from mlsys4sys.runtime.state import Fail, Fork, Kill, Run, Scheduler, Spec


@st.composite
def graphs(draw):
    count = draw(st.integers(1, 25))
    return [
        tuple((dep,) for dep in sorted(draw(st.sets(st.integers(0, i - 1), max_size=3)) if i else ()))
        for i in range(count)
    ]


class Machine:
    """Carries out instructions in memory, in an order that Hypothesis chooses."""

    def __init__(self, cpus):
        self.scheduler, self.running, self.ran, self.failed = Scheduler({"CPU": cpus}), {}, [], {}

    def follow(self, instructions):
        for item in instructions:
            match item:
                case Fork(worker):
                    self.running[worker] = []
                case Run(worker, tasks):
                    self.running[worker] += tasks
                case Fail(task, reason):
                    assert task not in self.failed
                    self.failed[task] = reason
                case Kill(worker):
                    self.running.pop(worker)
                    self.follow(self.scheduler.died(worker))

    def step(self, data, poison, bad):
        worker = data.draw(st.sampled_from([w for w, tasks in self.running.items() if tasks]))
        tid = self.running[worker][0]
        if tid in poison or (data.draw(st.integers(0, 9)) == 0 and self.deaths > 0):
            self.deaths -= tid not in poison
            del self.running[worker]
            self.follow(self.scheduler.died(worker))
        elif len(self.running[worker]) > 1 and data.draw(st.booleans()):
            back, self.running[worker] = tuple(self.running[worker][1:]), [tid]
            self.follow(self.scheduler.blocked(worker, back))
            self.follow(self.scheduler.unblocked(worker))
        else:
            self.ran.append(self.running[worker].pop(0))
            self.follow(self.scheduler.done(worker, tid, ok=tid not in bad, seconds=1e-5))

    deaths = 3


def expected(graph, lost):
    """Which tasks finish when those in ``lost`` do not."""
    good = set()
    for i, deps in enumerate(graph):
        if (i,) not in lost and all(dep in good for dep in deps):
            good.add((i,))
    return good


@settings(deadline=None, max_examples=150)
@given(graphs(), st.integers(1, 4), st.data())
def test_every_task_settles_once_as_the_serial_evaluator_says(graph, cpus, data):
    ids = [(i,) for i in range(len(graph))]
    bad = data.draw(st.sets(st.sampled_from(ids), max_size=2))
    poison = data.draw(st.sets(st.sampled_from(ids), max_size=2)) - bad
    machine = Machine(cpus)
    for i, deps in enumerate(graph):
        machine.follow(machine.scheduler.submit(Spec(id=(i,), deps=deps, max_retries=3)))
    for _ in range(2000):
        if not any(machine.running.values()):
            break
        machine.step(data, poison, bad)
    assert all(machine.scheduler.settled(tid) for tid in ids)
    good = {tid for tid in ids if machine.scheduler.tasks[tid].status == "done"}
    assert good == expected(graph, bad | poison)
    assert len(machine.ran) == len(set(machine.ran))
    assert set(machine.failed) | bad >= set(ids) - good
    assert machine.scheduler.free == {"CPU": cpus}


def test_a_death_in_a_batch_charges_nobody_and_the_killer_fails_alone():
    scheduler = Scheduler({"CPU": 1})
    scheduler.seconds[""] = 1e-6
    scheduler.submit(Spec(id=(9,)))
    for i in range(4):
        scheduler.submit(Spec(id=(i,), max_retries=1))
    (run,) = scheduler.done(1, (9,), ok=True, seconds=1e-6)
    assert len(run.tasks) == 4
    worker, failed, done = run.worker, [], []
    out = scheduler.died(worker)
    for _ in range(20):
        out_next = []
        for item in out:
            if isinstance(item, Fail):
                failed.append(item.task)
            if isinstance(item, Run):
                assert len(item.tasks) == 1
                (tid,) = item.tasks
                done += [tid] * (tid != (2,))
                out_next += scheduler.died(item.worker) if tid == (2,) else scheduler.done(item.worker, tid, ok=True)
        out = out_next
    assert failed == [(2,)]
    assert sorted(done) == [(0,), (1,), (3,)]


def test_a_task_that_asks_for_more_than_there_is_fails_at_once():
    (fail,) = Scheduler({"CPU": 2}).submit(Spec(id=(0,), request=(("CPU", 3.0),)))
    assert "more than all there is" in fail.reason


def test_a_blocked_worker_lets_its_child_run():
    scheduler = Scheduler({"CPU": 1})
    scheduler.submit(Spec(id=(0,)))
    assert scheduler.submit(Spec(id=(0, 0))) == []
    assert any(isinstance(item, Run) for item in scheduler.blocked(1, ()))


def test_cancelling_a_task_that_runs_ends_its_worker_and_one_that_waits_never_runs():
    scheduler = Scheduler({"CPU": 1})
    scheduler.submit(Spec(id=(0,)))
    scheduler.submit(Spec(id=(1,)))
    assert scheduler.cancel((1,)) == [Fail((1,), "it was cancelled")]
    assert Kill(1) in scheduler.cancel((0,))
    assert scheduler.died(1) == []


def test_an_actor_restarts_and_its_waiting_calls_follow():
    scheduler = Scheduler({"CPU": 1})
    scheduler.submit(Spec(id=(0,), is_actor=True, max_restarts=1))
    scheduler.submit(Spec(id=(1,), actor=(0,)))
    out = scheduler.died(1)
    assert any(isinstance(item, Run) and item.tasks[0] == (0,) for item in out)
    assert any(isinstance(item, Fail) and item.task == (1,) for item in out)
    assert any(isinstance(item, Fail) and item.task == (0,) for item in scheduler.died(2))
