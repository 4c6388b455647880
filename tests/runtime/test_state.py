"""The scheduler against a serial evaluator: random task graphs, deaths, blocks, failures, cancellations, actors."""

from hypothesis import given, settings
from hypothesis import strategies as st

from mlsys4sys.runtime.state import DONE, Fail, Fork, Kill, Run, Scheduler, Shape, Task


@st.composite
def graphs(draw):
    """Tasks as (dependencies, which shape, which actor or None); an actor's calls keep their order."""
    count = draw(st.integers(1, 25))
    return [
        (
            sorted(draw(st.sets(st.integers(0, i - 1), max_size=3)) if i else ()),
            draw(st.integers(0, 2)),
            draw(st.none() | st.integers(0, 1)),
        )
        for i in range(count)
    ]


class Machine:
    """Carries out instructions in memory, in an order that Hypothesis chooses."""

    def __init__(self, resources, deaths=3):
        self.scheduler, self.running, self.ran, self.failed = Scheduler(resources), {}, [], {}
        self.deaths, self.blocks = deaths, 10

    def follow(self):
        out, self.scheduler.out = self.scheduler.out, []
        for item in out:
            match item:
                case Fork(worker):
                    self.running[worker] = []
                case Run(worker, tasks):
                    self.running[worker] += tasks
                case Fail(task, _, text):
                    assert task not in self.failed
                    self.failed[task] = text
                case Kill(worker):
                    self.running.pop(worker)
                    self.scheduler.died(worker)
        if self.scheduler.out:
            self.follow()

    def step(self, data, poison, bad):
        worker = data.draw(st.sampled_from([w for w, tasks in self.running.items() if tasks]))
        task = self.running[worker][0]
        if task in poison or (data.draw(st.integers(0, 9)) == 0 and self.deaths > 0):
            self.deaths -= task not in poison
            del self.running[worker]
            self.scheduler.died(worker)
        elif self.blocks and len(self.running[worker]) > 1 and data.draw(st.booleans()):
            self.blocks -= 1
            back, self.running[worker] = [t.id for t in self.running[worker][1:]], [task]
            self.scheduler.blocked(worker, back)
            self.follow()
            self.scheduler.unblocked(worker)
        else:
            self.ran.append(self.running[worker].pop(0))
            self.scheduler.done(worker, [(task, task not in bad, 1e-5)])
        self.follow()


@settings(deadline=None, max_examples=150)
@given(graphs(), st.integers(1, 4), st.data())
def test_every_task_settles_once_as_the_serial_evaluator_says(graph, cpus, data):
    machine = Machine({"CPU": cpus, "disk": 2.0})
    shapes = [
        Shape(),
        Shape(request=(("CPU", 1.0), ("disk", 2.0))),
        Shape(request=(("CPU", 1.0), ("disk", 1.0)), alone=True),
    ]
    actors = [Task((1000 + i,), Shape(request=()), max_restarts=1000) for i in range(2)]
    for actor in actors:
        machine.scheduler.submit(actor)
    tasks, order = [], {0: [], 1: []}
    for i, (_, shape, actor) in enumerate(graph):
        tasks.append(Task((i,), shapes[shape], None if actor is None else actors[actor]))
        if actor is not None:
            order[actor].append(tasks[-1])
    plain = st.sampled_from([t for t in tasks if t.actor is None] or [None])
    bad = data.draw(st.sets(st.sampled_from(tasks), max_size=2))
    poison = data.draw(st.sets(plain, max_size=2)) - bad - {None}
    cancelled = set()
    for task, (deps, _, _) in zip(tasks, graph, strict=True):
        machine.scheduler.submit(task, [tasks[d] for d in deps])
        machine.follow()
    for _ in range(2000):
        if data.draw(st.integers(0, 30)) == 0 and (victim := data.draw(plain)) is not None:
            cancelled |= {victim} if victim.status < DONE else set()
            machine.scheduler.cancel(victim)
            machine.follow()
        if not any(machine.running.values()):
            break
        machine.step(data, poison, bad)
    assert all(task.status >= DONE for task in tasks)
    good = {task for task in tasks if task.status == DONE}
    lost_calls = {t for t, text in machine.failed.items() if "actor died" in text}
    assert good == expected(graph, tasks, bad | poison | cancelled | lost_calls)
    ran = [task for task in machine.ran if task in tasks]
    assert len(ran) == len(set(ran))
    for calls in order.values():
        begun = [t for t in ran if t in calls]
        assert begun == [t for t in calls if t in begun]
    assert set(machine.failed) | bad >= set(tasks) - good
    assert machine.scheduler.free == {"CPU": cpus, "disk": 2.0}


def expected(graph, tasks, lost):
    """Which tasks finish when those in ``lost`` do not."""
    good = set()
    for task, (deps, _, _) in zip(tasks, graph, strict=True):
        if task not in lost and all(tasks[dep] in good for dep in deps):
            good.add(task)
    return good


def submit(scheduler, tid, shape, **kwargs):
    task = Task(tid, shape, **kwargs)
    scheduler.submit(task)
    return task


def take(scheduler):
    out, scheduler.out = scheduler.out, []
    return out


def test_a_death_in_a_batch_charges_nobody_and_the_killer_fails_alone():
    scheduler, shape = Scheduler({"CPU": 1}), Shape(max_retries=1)
    first = submit(scheduler, (9,), shape)
    tasks = [submit(scheduler, (i,), shape) for i in range(4)]
    take(scheduler)
    scheduler.done(1, [(first, True, 1e-6)])
    (run,) = take(scheduler)
    assert run.tasks == tasks
    scheduler.died(run.worker)
    failed, done = [], []
    for _ in range(20):
        for item in take(scheduler):
            if isinstance(item, Fail):
                failed.append(item.task)
            if isinstance(item, Run):
                (task,) = item.tasks
                if task is tasks[2]:
                    scheduler.died(item.worker)
                else:
                    done.append(task)
                    scheduler.done(item.worker, [(task, True, 1e-6)])
    assert failed == [tasks[2]]
    assert set(done) == {tasks[0], tasks[1], tasks[3]}


def test_a_task_that_asks_for_more_than_there_is_fails_at_once():
    scheduler = Scheduler({"CPU": 2})
    submit(scheduler, (0,), Shape(request=(("CPU", 3.0),)))
    (fail,) = take(scheduler)
    assert "more than all there is" in fail.text


def test_a_blocked_worker_lets_its_child_run_and_children_go_before_siblings():
    scheduler, shape = Scheduler({"CPU": 1}), Shape()
    submit(scheduler, (0,), shape)
    submit(scheduler, (1,), shape)
    take(scheduler)
    child = submit(scheduler, (0, 0), shape)
    assert take(scheduler) == []
    scheduler.blocked(1)
    fork, run = take(scheduler)
    assert isinstance(fork, Fork)
    assert run.tasks == [child]


def test_cancelling_a_task_that_runs_ends_its_worker_and_one_that_waits_never_runs():
    scheduler, shape = Scheduler({"CPU": 1}), Shape()
    running, waiting = submit(scheduler, (0,), shape), submit(scheduler, (1,), shape)
    take(scheduler)
    scheduler.cancel(waiting)
    (fail,) = take(scheduler)
    assert fail.task is waiting
    scheduler.cancel(running)
    assert Kill(1) in take(scheduler)
    scheduler.died(1)
    assert take(scheduler) == []


def test_an_actor_restarts_and_its_waiting_calls_follow():
    scheduler, shape = Scheduler({"CPU": 1}), Shape()
    actor = submit(scheduler, (0,), shape, max_restarts=1)
    call = submit(scheduler, (1,), shape, actor=actor)
    take(scheduler)
    scheduler.died(1)
    out = take(scheduler)
    assert any(isinstance(item, Run) and item.tasks == [actor] for item in out)
    assert any(isinstance(item, Fail) and item.task is call and "starts again" in item.text for item in out)
    late = submit(scheduler, (2,), shape, actor=actor)
    assert any(isinstance(item, Run) and item.tasks == [late] for item in take(scheduler))
    scheduler.died(2)
    assert {item.task for item in take(scheduler) if isinstance(item, Fail)} == {actor, late}


def test_a_worker_of_single_use_ends_with_its_task_and_its_death_is_charged():
    scheduler = Scheduler({"CPU": 1})
    shape = Shape(single_use=True, alone=True, max_retries=0)
    first = submit(scheduler, (0,), shape)
    take(scheduler)
    scheduler.done(1, [(first, True, 1e-3)])
    assert take(scheduler) == [Kill(1)]
    scheduler.died(1)
    dies = submit(scheduler, (1,), shape)
    assert take(scheduler)[0] == Fork(2, single_use=True)
    scheduler.died(2)
    (fail,) = take(scheduler)
    assert fail.task is dies
    assert "died while it ran (once)" in fail.text


def test_tasks_that_ask_for_nothing_do_not_start_workers_without_end():
    scheduler = Scheduler({"CPU": 1})
    for i in range(1000):
        submit(scheduler, (i,), Shape(request=()))
    assert len(scheduler.workers) < 100
