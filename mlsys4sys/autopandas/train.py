"""Training: tasks whose program is known become graphs for the policy, and candidates of a search for the judge.

``mlsys4sys train autopandas`` runs it all from a seed. Torch is needed here and nowhere else in the package's answers.
"""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlsys4sys import seeding
from mlsys4sys.autopandas import examples, meant, ops, value
from mlsys4sys.autopandas.examples import CALLS, ROLES, Known
from mlsys4sys.autopandas.expression import LABEL, LOOSE, Expr, escaped, source
from mlsys4sys.autopandas.features import Graph, graph
from mlsys4sys.autopandas.goal import Goal
from mlsys4sys.autopandas.memo import Failed, Memo
from mlsys4sys.autopandas.perturb import mixed
from mlsys4sys.autopandas.policy import Policy
from mlsys4sys.autopandas.problem import Task
from mlsys4sys.autopandas.search import FAR, Search
from mlsys4sys.autopandas.settle import candidates, collected
from mlsys4sys.autopandas.table import Codebook, Table
from mlsys4sys.autopandas.value import Value
from mlsys4sys.datasets import asked, hard, posted, reshaping
from mlsys4sys.datasets.tasks import Question

if TYPE_CHECKING:
    from torch import Tensor

    from mlsys4sys.autopandas.network import Batch

Floats = NDArray[np.float64]

DEEPEST = 3
DEPTH_SHARES = (0.25, 0.4, 0.35)
"""How many of the training tasks have one, two, three calls."""

_CALL = {name: i for i, name in enumerate(CALLS)}
_ROLE = {name: i for i, name in enumerate(ROLES)}


@dataclass(frozen=True, slots=True)
class Sample:
    """A graph and what is to be said about it."""

    graph: Graph
    calls: tuple[int, ...]
    """The program's calls in order, by their place in :data:`CALLS`."""
    inner: tuple[int, ...]
    """All calls that the program's text makes."""
    roles: NDArray[np.uint8]
    """Shape (nodes, len(ROLES)): which input columns play which part in any of the calls."""


def sample(known: Known) -> Sample:
    """What the policy learns from a task."""
    example = known.task.examples[0]
    book = Codebook()
    tables = [Table(given, source(i), book) for i, given in enumerate(example.inputs)]
    made = graph(tables, Goal.of(example.output, book))
    roles = np.zeros((len(made.nodes), len(ROLES)), dtype=np.uint8)
    for table, nodes in zip(tables, made.columns, strict=True):
        labels = [c.label for c in table.columns[: len(nodes)]]
        for step in known.steps:
            for role, label in step.roles:
                if label in labels:
                    roles[nodes[labels.index(label)], _ROLE[role]] = 1
    names = {step.name for step in known.steps} | set(known.expr.ops)
    inner = tuple(sorted({_CALL[name] for name in names if name in _CALL}))
    return Sample(made, tuple(_CALL[step.name] for step in known.steps), inner, roles)


def samples(seed: int, count: int) -> Iterator[Sample]:
    """Training samples; the same for the same seed. A task that cannot be drawn is skipped."""
    for number in range(count):
        rng = seeding.named(seed, "policy", str(number))
        depth = int(rng.choice(DEEPEST, p=DEPTH_SHARES)) + 1
        known = examples.draw(rng, depth)
        if known is not None:
            yield sample(known)


@dataclass(frozen=True, slots=True)
class Shard:
    """Many samples as a few arrays, nodes and edges one after the other."""

    nodes: NDArray[np.uint8]
    edges: NDArray[np.uint8]
    sources: NDArray[np.int16]
    targets: NDArray[np.int16]
    roles: NDArray[np.uint8]
    sizes: NDArray[np.int32]
    """Shape (samples, 2): nodes and edges of each."""
    calls: NDArray[np.int16]
    """Shape (samples, DEEPEST), -1 behind the end."""
    inner: NDArray[np.uint8]
    """Shape (samples, len(CALLS))."""
    heads: NDArray[np.int16]
    """Shape (samples, 2): the node of the first input and of the output."""

    @classmethod
    def of(cls, made: Sequence[Sample]) -> Shard:
        """Pack samples."""
        calls = np.full((len(made), DEEPEST), -1, dtype=np.int16)
        inner = np.zeros((len(made), len(CALLS)), dtype=np.uint8)
        for i, one in enumerate(made):
            calls[i, : len(one.calls)] = one.calls
            inner[i, list(one.inner)] = 1
        return cls(
            np.concatenate([one.graph.nodes for one in made]),
            np.concatenate([one.graph.edges for one in made]),
            np.concatenate([one.graph.sources for one in made]),
            np.concatenate([one.graph.targets for one in made]),
            np.concatenate([one.roles for one in made]),
            np.array([(len(one.graph.nodes), len(one.graph.edges)) for one in made], dtype=np.int32),
            calls,
            inner,
            np.array([(one.graph.tables[0], one.graph.tables[-1]) for one in made], dtype=np.int16),
        )

    def save(self, path: Path) -> None:
        """Write the arrays."""
        np.savez_compressed(path, **{name: getattr(self, name) for name in self.__slots__})

    @classmethod
    def load(cls, paths: Sequence[Path]) -> Shard:
        """Read and join shards."""
        parts: list[dict[str, Any]] = []
        for path in paths:
            with np.load(path) as file:
                parts.append({name: file[name] for name in cls.__slots__})
        return cls(**{name: np.concatenate([part[name] for part in parts]) for name in cls.__slots__})

    def __len__(self) -> int:
        return len(self.sizes)


def generate(
    folder: Path, seed: int, shards: Sequence[int], *, size: int = 2000, report: Callable[[str], None] | None = None
) -> list[Path]:
    """Write shards of samples, those that exist already left as they are."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in shards:
        path = folder / f"policy-{seed}-{number:04d}.npz"
        paths.append(path)
        if path.exists():
            continue
        start = time.perf_counter()
        Shard.of(list(samples(seed * 100_003 + number, size))).save(path.with_suffix(".part.npz"))
        path.with_suffix(".part.npz").rename(path)
        if report:
            report(f"{path.name}: {size} tasks, {time.perf_counter() - start:.0f} s")
    return paths


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyScore:
    """How often the right sequence of calls is among the first, by the number of calls; and their set."""

    tasks: tuple[int, ...]
    """How many tasks of one, two, three calls."""
    top1: tuple[float, ...]
    top2: tuple[float, ...]
    top8: tuple[float, ...]
    """How often all calls of a program are among the eight likeliest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FitConfig:
    """How the policy's network is trained."""

    steps: int = 6000
    """Batches; the learning rate falls to zero over them."""
    batch: int = 96
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    clip: float = 1.0
    hide: float = 0.1
    """Share of the facts that a batch does not show, so that no single one is relied on."""
    seed: int = 0
    report_every: int = 100


def fit(data: Shard, config: FitConfig, *, report: Callable[[str], None] | None = None) -> Policy:
    """Train the policy's network on samples, on one thread."""
    import torch
    from torch.nn import functional as f

    from mlsys4sys.autopandas.network import STOP, Network

    torch.set_num_threads(1)
    net = Network(seed=config.seed)
    optimizer = torch.optim.AdamW(net.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    rng = seeding.named(config.seed, "fit")
    chance = torch.Generator().manual_seed(config.seed)
    chunks = _Chunks(data)
    start, sums = time.process_time(), np.zeros(3)
    for step in range(1, config.steps + 1):
        for group in optimizer.param_groups:
            group["lr"] = _rate(step / config.steps, config.learning_rate)
        picked = rng.integers(0, len(data), config.batch)
        batch, roles = chunks.batch(picked)
        for facts in (batch.nodes, batch.edges):
            facts.mul_(torch.rand(facts.shape, generator=chance) >= config.hide)
        calls = torch.from_numpy(data.calls[picked].astype(np.int64))
        wanted = torch.cat([calls, torch.full((len(calls), 1), -1)], 1)
        lengths = (calls >= 0).sum(1)
        wanted[torch.arange(len(calls)), lengths] = STOP
        inner, roles_out, following = net(batch, calls)
        set_loss = f.binary_cross_entropy_with_logits(
            inner, torch.from_numpy(data.inner[picked]).float(), reduction="sum"
        )
        role_loss = f.binary_cross_entropy_with_logits(roles_out, torch.from_numpy(roles).float(), reduction="sum")
        next_loss = f.cross_entropy(following.flatten(0, 1), wanted.flatten(), ignore_index=-1, reduction="sum")
        losses = torch.stack([set_loss, role_loss, next_loss]) / len(picked)
        optimizer.zero_grad()
        (losses[0] + 0.3 * losses[1] + losses[2]).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(net.parameters(), config.clip)
        optimizer.step()
        sums += losses.detach().numpy()
        if report and step % config.report_every == 0:
            a, b, c = (sums / config.report_every).tolist()
            report(f"step {step}, {time.process_time() - start:.0f} s: calls {a:.3f}, roles {b:.3f}, sequence {c:.3f}")
            sums[:] = 0
    return Policy(net.arrays(), {"steps": config.steps, "tasks": len(data)})


def _rate(done: float, top: float) -> float:
    """A short warm-up, then a cosine to zero."""
    return top * min(1.0, done / 0.02 + 0.02) * 0.5 * (1 + float(np.cos(np.pi * min(1.0, done))))


class _Chunks:
    """Batches of graphs out of a shard."""

    def __init__(self, data: Shard) -> None:
        self.data = data
        ends = np.cumsum(data.sizes, axis=0, dtype=np.int64)
        self.starts = ends - data.sizes

    def batch(self, picked: NDArray[np.int64]) -> tuple[Batch, NDArray[np.uint8]]:
        """The graphs side by side, and the roles of their nodes."""
        import torch

        from mlsys4sys.autopandas.network import Batch

        data, sizes = self.data, self.data.sizes[picked].astype(np.int64)
        nodes = _ranges(self.starts[picked, 0], sizes[:, 0])
        edges = _ranges(self.starts[picked, 1], sizes[:, 1])
        offsets = np.cumsum(sizes[:, 0]) - sizes[:, 0]
        shift = np.repeat(offsets, sizes[:, 1])
        made = Batch(
            torch.from_numpy(data.nodes[nodes].astype(np.float32) / 255),
            torch.from_numpy(data.edges[edges].astype(np.float32) / 255),
            torch.from_numpy(data.sources[edges] + shift),
            torch.from_numpy(data.targets[edges] + shift),
            torch.from_numpy(np.repeat(np.arange(len(picked)), sizes[:, 0])),
            torch.from_numpy(data.heads[picked] + offsets[:, None]),
            len(picked),
        )
        return made, data.roles[nodes]


def _ranges(starts: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """All positions of several ranges, one after the other."""
    ends = np.cumsum(sizes)
    out: NDArray[np.int64] = np.arange(int(ends[-1])) + np.repeat(starts - (ends - sizes), sizes)
    return out


def score(policy: Policy, data: Shard, *, most: int = 3000) -> PolicyScore:
    """How a policy does on samples that it was not trained on."""
    count = min(most, len(data))
    ends = np.cumsum(data.sizes, axis=0, dtype=np.int64)
    hits = np.zeros((DEEPEST, 4))
    for i in range(count):
        (n, e), (n0, e0) = ends[i], ends[i] - data.sizes[i]
        tables = (int(data.heads[i, 0]), int(data.heads[i, 1]))
        made = Graph(data.nodes[n0:n], data.sources[e0:e], data.targets[e0:e], data.edges[e0:e], tables, ())
        calls, sequences = policy.read(made)
        right = tuple(CALLS[c] for c in data.calls[i] if c >= 0)
        likely = sorted(calls, key=lambda name: -calls[name])[:8]
        found = [sequence for sequence, _ in sequences]
        inner = [CALLS[c] for c in np.flatnonzero(data.inner[i])]
        hits[len(right) - 1] += (1, found[:1] == [right], right in found[:2], set(inner) <= set(likely))
    totals = np.maximum(hits[:, :1], 1)
    shares = (hits / totals).T
    return PolicyScore(
        tasks=tuple(int(n) for n in hits[:, 0]),
        top1=tuple(shares[1].round(4).tolist()),
        top2=tuple(shares[2].round(4).tolist()),
        top8=tuple(shares[3].round(4).tolist()),
    )


def steps_of(expr: Expr) -> frozenset[tuple[str, ...]]:
    """The sequences of calls, in the words of drawn programs, that a program may be said to make.

    A selection that ends a step (``df.groupby('a')['n'].sum()``) may be a call of its own or not.
    """
    found: list[tuple[str, ...]] = [()]
    node = expr
    while node.parts:
        found = [(name, *rest) if name else rest for name in _step_names(node) for rest in found]
        node = node.parts[0]
    return frozenset(found)


def _step_names(node: Expr) -> tuple[str, ...]:
    if node.op == "assign" and len(node.parts) > 1:  # not a constant
        value = node.parts[1]
        while not value.op and value.parts:
            value = value.parts[0]
        if value.op == "str.split":  # a column of lists, made for the explode that follows
            return ("str", "")
        return ("str",) if value.op.startswith("str") else (value.op,)
    if node.op in ("mask", "loc"):
        inner = {op for part in node.parts[1:] for op in part.ops}
        named = {"groupby.transform": "groupby.filter", "isin": "isin", "groupby.idx": "groupby.idx"}
        return (node.op, *(name for op, name in named.items() if op in inner))
    return (node.op,) if node.op else ("", "select") if LABEL in node.tags else ("",)


def also_right(known: Known, *, budget_s: float) -> frozenset[tuple[str, ...]]:
    """Other sequences of calls, no longer than the program's own, of programs that give the same output."""
    own = len(known.steps)
    found = candidates(known.task, budget_s, settle_s=0.1)
    return frozenset(names for one in found for names in steps_of(one.expr) if 0 < len(names) <= own)


def score_verified(
    policy: Policy, seed: int, count: int, *, budget_s: float = 0.4, report: Callable[[str], None] | None = None
) -> dict[int, dict[str, float]]:
    """Depth → how often the first, and one of the first two sequences is right, on tasks of ``seed``.

    ``exact`` counts the program's own sequence alone; ``verified`` counts any sequence for which a program, no longer
    than the task's own, was found and run and gives the output.
    """
    out: dict[int, dict[str, float]] = {}
    for depth in range(1, DEEPEST + 1):
        hits, made, number = np.zeros(4), 0, 0
        while made < count:
            known = examples.draw(seeding.named(seed, "verified", str(depth), str(number)), depth)
            number += 1
            if known is None:
                continue
            made += 1
            guesses = [sequence for sequence, _ in policy.read(sample(known).graph)[1][:2]]
            own = tuple(step.name for step in known.steps)
            right = {own} if guesses[:1] == [own] else {own} | also_right(known, budget_s=budget_s)
            hits += (guesses[:1] == [own], own in guesses, guesses[0] in right, bool(right & set(guesses)))
            if report and made % 20 == 0:
                report(f"{made} of {count} tasks of {depth} calls")
        names = ("exact_top1", "exact_top2", "verified_top1", "verified_top2")
        out[depth] = dict(zip(names, (hits / count).round(4).tolist(), strict=True)) | {"tasks": float(count)}
    return out


JUDGED_SEED = 1_000
"""Seeds of the inputs by which candidates are labelled start here: no ranking ever sees them."""

JUDGED_INPUTS = 10


@dataclass(frozen=True, slots=True)
class Judged:
    """A task's candidates, and which of them do what was meant."""

    rows: Floats
    """Shape (candidates, features), as :func:`mlsys4sys.autopandas.meant.features` makes them."""
    right: NDArray[np.bool_]
    """Shape (candidates,): whether it agrees with the task's own program on inputs that ranking did not use."""
    groups: NDArray[np.int64]
    """Shape (candidates,): its class."""
    template: int = -1
    """Which written question it is; -1 for a drawn task."""
    codes: tuple[str, ...] = ()
    """The candidates as code."""

    @staticmethod
    def save(path: Path, data: Sequence[Judged]) -> None:
        """Write many as a few arrays."""
        np.savez_compressed(
            path,
            rows=np.concatenate([one.rows for one in data]) if data else np.zeros((0, len(meant.NAMES))),
            right=np.concatenate([one.right for one in data]) if data else np.zeros(0, dtype=np.bool_),
            groups=np.concatenate([one.groups for one in data]) if data else np.zeros(0, dtype=np.int64),
            sizes=np.array([len(one.right) for one in data], dtype=np.int64),
            templates=np.array([one.template for one in data], dtype=np.int64),
            codes=np.array([code for one in data for code in one.codes], dtype=np.str_),
        )

    @classmethod
    def load(cls, path: Path) -> list[Judged]:
        """The inverse of :meth:`save`."""
        with np.load(path) as file:
            ends = np.cumsum(file["sizes"])[:-1]
            parts = [np.split(file[name], ends) for name in ("rows", "right", "groups")]
            templates = file["templates"].tolist()
            codes = [tuple(part.tolist()) for part in np.split(file["codes"], ends)]
        return [cls(*one) for one in zip(*parts, templates, codes, strict=True)] if templates else []


def agrees(
    exprs: Sequence[Expr], truth: Expr, inputs: Sequence[Any], *, count: int = JUDGED_INPUTS
) -> NDArray[np.bool_]:
    """Which programs give what ``truth`` gives on inputs changed in several ways at once, where it raises nothing."""
    right = np.ones(len(exprs), dtype=np.bool_)
    used = 0
    for number in range(count):
        memo = Memo(mixed(inputs, JUDGED_SEED + number), Codebook(), most_cells=100_000)
        wanted = _key_of(memo, truth)
        if wanted is None:
            continue
        used += 1
        right &= [right[i] and _key_of(memo, expr) == wanted for i, expr in enumerate(exprs)]
    return right if used else np.zeros(len(exprs), dtype=np.bool_)


def _key_of(memo: Memo, expr: Expr) -> Hashable | None:
    try:
        return memo.table(expr).key
    except (Failed, TypeError, ValueError, OverflowError, KeyError):
        return None


@dataclass(frozen=True, slots=True)
class Meant:
    """A task and the program that it stands for."""

    task: Task
    truth: Expr


def drawn_task(seed: int, number: int) -> Meant | None:
    """A drawn task for the judge; None where none could be drawn."""
    rng = seeding.named(seed, "judge", str(number))
    known = examples.draw(rng, 1 + int(rng.choice(DEEPEST, p=JUDGED_DEPTHS)))
    return None if known is None else Meant(known.task, known.expr)


def asked_task(seed: int, number: int) -> Meant:
    """A written question of the half that one may train on, with tables of their own for each ``number``."""
    asked_of = asked.questions(seed * 1000 + 1 + number // len(asked.DEVELOPMENT))[::2]
    return written(asked_of[number % len(asked_of)])


POSTED = (*posted.QUESTIONS, *hard.DEVELOPMENT, *reshaping.DEVELOPMENT)
"""Written questions with tables of their own, each of another kind; none that is held out."""


def written(question: Question) -> Meant:
    """A question with its answer as an expression."""
    inputs, names = question.inputs(), question.names
    text = escaped(question.program)
    for i, name in enumerate(names):
        text = re.sub(rf"\b{name}\b", f"{{{i}}}", text)
    truth = Expr(text, tuple(source(i) for i in range(len(names))), LOOSE)
    return Meant(Task.of(list(inputs), question.output(), names=names), truth)


@dataclass(frozen=True, slots=True)
class Guides:
    """What was learned before the judge, and takes part in its searches as it does in the solver's."""

    policy: Policy | None = None
    value: Value | None = None


def judged(
    one: Meant, *, seed: int, template: int = -1, budget_s: float = 1.5, guides: Guides | None = None
) -> Judged | None:
    """Search for the programs of a task and label them; None where none is right, or there is but one.

    Args:
        one: The task.
        template: Which written question it is.
        seed: Of the changed inputs.
        budget_s: Seconds of search.
        guides: The policy, whose log-probabilities become features too, and the value.
    """
    guides = guides or Guides()
    example = one.task.examples[0]
    prior = guides.policy.prior(example.inputs, example.output) if guides.policy is not None else None
    found = collected(Search(one.task, prior, guides.value), budget_s, settle_s=0.25)
    least = min((candidate.cost for candidate in found), default=0.0)
    found = [candidate for candidate in found if candidate.cost <= least + FAR]
    if len(found) < 2:
        return None
    exprs = [candidate.expr for candidate in found]
    right = agrees(exprs, one.truth, one.task.examples[0].inputs)
    if not right.any():
        return None
    behaviour = meant.observe(exprs, one.task, seed=seed)
    logits = guides.policy.logits(one.task) if guides.policy is not None else None
    rows = meant.features(exprs, [candidate.cost for candidate in found], behaviour, logits=logits)
    return Judged(rows, right, np.array(behaviour.classes()), template, tuple(expr.text for expr in exprs))


JUDGED_DEPTHS = (0.5, 0.4, 0.1)
"""How many of the judged tasks have one, two, three calls: as in everyday questions."""


FREE = (
    "cost", "surprise", "length", "digits", "odd_numbers", "ratio", "shuffle_bag", "agreement", "group_share",
    "plurality", "misnamed", "prior", "prior_sum", "prior_missed",
)  # fmt: skip
"""What a few hundred tasks can tell the weights of. Learning all weights was worse on questions not trained on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeConfig:
    """How the judge is trained."""

    steps: int = 300
    """Steps over all tasks at once."""
    learning_rate: float = 0.03
    keep: float = 0.02
    """Weight of the squared distance from the weights set by hand, features in units of their spread."""
    free: tuple[str, ...] = FREE
    """Features whose weights are learned; the others stay as they were set."""
    hidden: int = 0
    """Units of a network that is added; none by default."""
    decay: float = 0.02
    """Weight decay of the network."""
    seed: int = 0


def fit_judge(data: Sequence[Judged], config: JudgeConfig) -> meant.Judge:
    """Listwise: the probability of the right classes together, under the softmax of their best members' scores."""
    import torch

    from mlsys4sys.learn.nets import perceptron, sequential

    torch.set_num_threads(1)
    data = [one for one in data if not one.right.all()]  # the others say nothing
    rows = np.concatenate([one.rows for one in data])
    mean, scale = rows.mean(axis=0), rows.std(axis=0) + 1e-6
    x = torch.from_numpy(((rows - mean) / scale).astype(np.float32))
    group, right, owner = (torch.from_numpy(array) for array in _classes(data))
    hand = torch.from_numpy((meant.Judge.by_hand().linear * scale).astype(np.float32))
    mask = torch.tensor([float(name in config.free) for name in meant.NAMES])
    change, sharpness = torch.zeros(len(hand), requires_grad=True), torch.zeros(1, requires_grad=True)
    net = sequential(x.shape[1], (config.hidden,), 1, seed=config.seed) if config.hidden else None
    groups: list[dict[str, Any]] = [{"params": [change, sharpness]}]
    if net is not None:
        groups.append({"params": list(net.parameters()), "weight_decay": config.decay})
    optimizer = torch.optim.AdamW(groups, lr=config.learning_rate, weight_decay=0.0)
    for step in range(config.steps):
        for part in optimizer.param_groups:
            part["lr"] = _rate(step / config.steps, config.learning_rate)
        linear = (hand + change * mask) * torch.exp(sharpness)
        scores = x @ linear + (net(x)[:, 0] if net is not None else 0.0)
        tops = torch.full((len(right),), -torch.inf).scatter_reduce(0, group, scores, "amax")
        loss = -_log_share(tops, right, owner, len(data)).mean() + config.keep * ((change * mask) ** 2).sum()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    linear = (hand + change * mask) * torch.exp(sharpness)
    weights = linear.detach().numpy().astype(np.float64) / scale
    network = perceptron(net, mean.astype(np.float32), scale.astype(np.float32)) if net is not None else None
    return meant.Judge(weights, network, {"tasks": len(data), "candidates": len(rows)})


def _classes(data: Sequence[Judged]) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.int64]]:
    """The class of each candidate, counted over all tasks; whether each class is right; each class's task."""
    group, right, owner, count = [], list[bool](), list[int](), 0
    for task, one in enumerate(data):
        group.append(one.groups + count)
        many = int(one.groups.max()) + 1
        right += [bool(one.right[one.groups == g].any()) for g in range(many)]
        owner += [task] * many
        count += many
    return np.concatenate(group), np.array(right), np.array(owner)


def _log_share(scores: Tensor, right: Tensor, owner: Tensor, tasks: int) -> Tensor:
    """Log-probability of the right ones of each task."""
    import torch

    top = torch.full((tasks,), -torch.inf).scatter_reduce(0, owner, scores, "amax")
    share = torch.exp(scores - top[owner])
    both = torch.zeros(tasks).index_add(0, owner, share)
    good = torch.zeros(tasks).index_add(0, owner, torch.where(right, share, torch.zeros(())))
    return torch.log(good + 1e-9) - torch.log(both)


def judge_score(judge: meant.Judge, data: Sequence[Judged]) -> dict[str, float]:
    """How often a right candidate is shown first, among the first three and five; and how often without ranking."""
    hits = np.zeros(4)
    for one in data:
        scores = judge.scores(one.rows)
        order = meant.places(scores, one.groups.tolist())
        good = one.right[order]
        hits += (good[0], good[:3].any(), good[:5].any(), one.right[int(one.rows[:, 0].argmin())])
    first, three, five, plain = (hits / max(1, len(data))).round(4).tolist()
    return {"first": first, "three": three, "five": five, "by_cost": plain, "tasks": float(len(data))}


@dataclass(frozen=True, slots=True)
class States:
    """Tables one call further on, as the search proposes them, and whether the task's own program passes there."""

    rows: Floats
    """Shape (tables, features), as :func:`mlsys4sys.autopandas.value.facts` makes them."""
    on_way: NDArray[np.bool_]
    """Shape (tables,)."""
    task: NDArray[np.int64]
    """Shape (tables,): which expansion each is from."""

    @classmethod
    def joined(cls, parts: Sequence[States]) -> States:
        """Several expansions as one."""
        return cls(
            np.concatenate([part.rows for part in parts]),
            np.concatenate([part.on_way for part in parts]),
            np.concatenate([np.full(len(part.on_way), i) for i, part in enumerate(parts)]),
        )


def expansions(seed: int, number: int) -> Iterator[States]:
    """The proposals for each table on the way of a drawn task of two or three calls, but for the last one."""
    rng = seeding.named(seed, "value", str(number))
    known = examples.draw(rng, 2 + int(rng.random() < 0.5))
    if known is None:
        return
    search = Search(known.task)
    book = search.memo.book
    keys = [Table(partial, known.expr, book).key for partial in known.partial]
    for position in range(len(known.partial) - 1):
        now = (
            search.inputs[0] if position == 0 else Table(known.partial[position], known.steps[position - 1].expr, book)
        )
        search.memo.put(now.expr, now.value)
        rows, on_way, seen = list[Floats](), list[bool](), {search.goal.key}
        for expr in ops.proposals(now, search.goal, search.inputs[1:], last=False):
            try:
                table = search.memo.table(expr)
                if table.key not in seen:
                    seen.add(table.key)
                    rows.append(value.facts(table, search.goal))
                    on_way.append(table.key == keys[position + 1])
            except (Failed, TypeError, ValueError, OverflowError, KeyError):
                continue
        if rows:
            yield States(np.stack(rows), np.array(on_way), np.zeros(len(rows), dtype=np.int64))


def fit_value(data: States, *, seed: int = 0, steps: int = 400, hidden: int = 32) -> Value:
    """Logistic regression by a small network, all tables at once."""
    import torch
    from torch.nn import functional as f

    from mlsys4sys.learn.nets import perceptron, sequential

    torch.set_num_threads(1)
    mean, scale = data.rows.mean(axis=0), data.rows.std(axis=0) + 1e-6
    x = torch.from_numpy(((data.rows - mean) / scale).astype(np.float32))
    wanted = torch.from_numpy(data.on_way.astype(np.float32))
    net = sequential(x.shape[1], (hidden,), 1, seed=seed)
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.01, weight_decay=0.1)
    for _ in range(steps):
        loss = f.binary_cross_entropy_with_logits(net(x)[:, 0], wanted)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return Value(perceptron(net, mean.astype(np.float32), scale.astype(np.float32)))


def value_score(scores: Floats, data: States) -> dict[str, float]:
    """How often the table on the way is the best, and among the best three, of its expansion; half of ties count."""
    hits, count = np.zeros(2), 0
    for task in np.unique(data.task[data.on_way]):
        of = data.task == task
        best = scores[of & data.on_way].max()
        ahead = int((scores[of] > best).sum()) + (int((scores[of] == best).sum()) - 1) / 2
        hits += (ahead < 1, ahead < 3)
        count += 1
    first, three = (hits / max(1, count)).round(4).tolist()
    return {"first": first, "three": three, "expansions": float(count), "tables": float(len(data.on_way))}


def train_value(recipe: Recipe, *, report: Callable[[str], None] | None = None) -> Value:
    """Expand drawn tasks, train; the score is that of values each trained without a fifth of them, on that fifth."""
    start = time.process_time()
    parts: list[States] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in range(recipe.expanded):
            parts += expansions(recipe.seed, number)
            if report and number % 50 == 49:
                report(f"{number + 1} of {recipe.expanded} tasks expanded")
    data, folds = States.joined(parts), 5
    scores = np.zeros(len(data.on_way))
    for fold in range(folds):
        test = data.task % folds == fold
        rest = States(data.rows[~test], data.on_way[~test], data.task[~test])
        scores[test] = fit_value(rest, seed=recipe.seed).network(data.rows[test])[:, 0]
    found = {
        "learned": value_score(scores, data),
        "words_shown": value_score(data.rows[:, value.NAMES.index("words_shown")], data),
    }
    made = fit_value(data, seed=recipe.seed)
    seconds = round(time.process_time() - start)
    made.config.update(command=recipe.command, seed=recipe.seed, seconds=seconds, score=found)
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How the shipped weights are made."""

    seed: int = 0
    tasks: int = 20_000
    """Tasks that the policy is trained on."""
    held_out: int = 2_000
    """Tasks that it is scored on."""
    steps: int = 3300
    judged: int = 180
    """Drawn tasks that are searched for the judge; those with right and wrong programs train it."""
    asked: int = 369
    """Written questions that are searched for the judge, each time with other tables."""
    posted: int = len(POSTED)
    """Of the questions of many kinds, so many."""
    workers: int = 2
    """Processes that search."""
    expanded: int = 500
    """Drawn tasks whose partial results train the value."""
    command: str = ""
    """What to write into the weights."""


def train_policy(recipe: Recipe, folder: Path, *, report: Callable[[str], None] | None = None) -> Policy:
    """Draw tasks into ``folder`` (shards that are there are used), train, score on tasks of another seed."""
    size = 2000
    shards = generate(folder, recipe.seed, range(-(-recipe.tasks // size)), size=size, report=report)
    kept_back = generate(folder, recipe.seed + 1, range(-(-recipe.held_out // size)), size=size, report=report)
    start = time.process_time()
    policy = fit(Shard.load(shards), FitConfig(seed=recipe.seed, steps=recipe.steps), report=report)
    found = score(policy, Shard.load(kept_back))
    policy.config.update(
        command=recipe.command, seed=recipe.seed, seconds=round(time.process_time() - start), score=asdict(found)
    )
    return policy


JUDGED_TOGETHER = 40
"""Tasks in one file."""


def train_judge(
    recipe: Recipe, folder: Path, *, guides: Guides | None = None, report: Callable[[str], None] | None = None
) -> meant.Judge:
    """Search for the programs of tasks, label them, train. What a search finds depends on the machine's speed.

    Labelled candidates are written into ``folder``; files that are there are used.
    """
    folder.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    counts = {"drawn": recipe.judged, "asked": recipe.asked, "posted": min(recipe.posted, len(POSTED))}
    work = [(recipe.seed, kind, number) for kind, number in _interleaved(counts)]
    data: list[Judged] = []
    with ProcessPoolExecutor(recipe.workers, get_context("spawn"), _start_judging, (guides,)) as pool:
        for first in range(0, len(work), JUDGED_TOGETHER):
            part = work[first : first + JUDGED_TOGETHER]
            path = folder / f"judged-{recipe.seed}-{recipe.judged}-{recipe.asked}-{recipe.posted}-{first:05d}.npz"
            if not path.exists():
                found = [one for one in pool.map(_judge_one, part, chunksize=2) if one is not None]
                Judged.save(path.with_suffix(".part.npz"), found)
                path.with_suffix(".part.npz").rename(path)
            data += Judged.load(path)
            if report:
                report(f"{first + len(part)} of {len(work)} tasks searched, {len(data)} with a right program")
    return fitted_judge(data, recipe, seconds=time.perf_counter() - start)


def _interleaved(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Tasks of all kinds, so that any part of the list has its share of each."""
    everything = [(kind, i, (i + 0.5) / count) for kind, count in counts.items() for i in range(count)]
    return [(kind, i) for kind, i, _ in sorted(everything, key=lambda item: item[2])]


_GUIDES: list[Guides | None] = [None]


def _start_judging(guides: Guides | None) -> None:
    warnings.simplefilter("ignore")
    _GUIDES[0] = guides


def _judge_one(work: tuple[int, str, int]) -> Judged | None:
    seed, kind, number = work
    one: Meant | None
    if kind == "drawn":
        one, template = drawn_task(seed, number), -1
    elif kind == "asked":
        one, template = asked_task(seed, number), number % len(asked.DEVELOPMENT)
    else:
        one, template = written(POSTED[number]), len(asked.DEVELOPMENT) + number
    return None if one is None else judged(one, seed=number, template=template, guides=_GUIDES[0])


def fitted_judge(
    data: Sequence[Judged], recipe: Recipe, *, seconds: float, config: JudgeConfig | None = None, folds: int = 5
) -> meant.Judge:
    """Train on all tasks; the score is that of judges that were each trained without a fifth of them, on that fifth.

    A written question is in one fifth with all its tables.
    """
    config = config or JudgeConfig(seed=recipe.seed)
    judge = fit_judge(data, config)
    parts = [(one.template if one.template >= 0 else i) % folds for i, one in enumerate(data)]
    hand = meant.Judge.by_hand()
    hits: dict[str, list[tuple[bool, bool]]] = {"drawn": [], "asked": [], "posted": []}
    for fold in range(folds):
        without = fit_judge([one for one, part in zip(data, parts, strict=True) if part != fold], config)
        for one, part in zip(data, parts, strict=True):
            if part == fold:
                pair = (_first_right(without, one), _first_right(hand, one))
                hits[_kind(one)].append(pair)
    found = {
        name: {
            "tasks": len(pairs),
            "learned": round(float(np.mean([a for a, _ in pairs])), 4),
            "by_hand": round(float(np.mean([b for _, b in pairs])), 4),
        }
        for name, pairs in hits.items()
        if pairs
    }
    judge.config.update(command=recipe.command, seed=recipe.seed, seconds=round(seconds), score=found)
    return judge


def _kind(one: Judged) -> str:
    if one.template < 0:
        return "drawn"
    return "asked" if one.template < len(asked.DEVELOPMENT) else "posted"


def _first_right(judge: meant.Judge, one: Judged) -> bool:
    return bool(one.right[meant.places(judge.scores(one.rows), one.groups.tolist())[0]])
