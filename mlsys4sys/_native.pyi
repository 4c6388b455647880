from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

class JoinCounter:
    def __init__(self, relations: int, hidden: int, domains: list[int]) -> None: ...
    def attach(self, relation: int, klass: int, ids: NDArray[np.int32]) -> None: ...
    def count(
        self, root: int, limit: int, weights: NDArray[np.float64] | None, masks: NDArray[np.uint64]
    ) -> NDArray[np.float64]: ...

class FilterTable:
    def __init__(self, rows: int) -> None: ...
    def add_numbers(self, values: NDArray[np.float64]) -> int: ...
    def add_texts(self, values: list[str | None]) -> int: ...
    def select(self, programs: list[tuple[Any, ...]]) -> NDArray[np.int64]: ...

class SampleEstimator:
    def __init__(
        self,
        adjacency: list[int],
        leaf_rows: list[float],
        leaf_sigma: list[float],
        formula: tuple[list[float], list[tuple[int, float]], list[int], float],
        dropped: list[tuple[int, int, float]],
    ) -> None: ...
    def add_root(
        self,
        covered: int,
        attached: int,
        bonus: float,
        klass: int,
        limit: int,
        weights: NDArray[np.float64] | None,
    ) -> None: ...
    def attach(self, root: int, counter: JoinCounter) -> None: ...
    def missing(self, masks: NDArray[np.uint64]) -> list[int]: ...
    def estimate(self, masks: NDArray[np.uint64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...

def pair_ids(
    columns: list[list[NDArray[np.int32]]], domains: list[int]
) -> tuple[list[NDArray[np.int32]], list[NDArray[np.int32]]]: ...
def connected_subsets(adjacency: list[int], cap: int) -> NDArray[np.uint64]: ...
def best_trees(
    adjacency: list[int],
    masks: NDArray[np.uint64],
    rows: NDArray[np.float64],
    width: list[float],
    coefficients: list[float],
    left_deep: bool,
) -> tuple[NDArray[np.float64], NDArray[np.uint64]]: ...
def best_tree(
    adjacency: list[int],
    masks: NDArray[np.uint64],
    rows: NDArray[np.float64],
    width: list[float],
    coefficients: list[float],
    left_deep: bool,
    scans: list[tuple[int, list[float], list[tuple[int, float, float, float]]]],
    handed: NDArray[np.float64],
) -> NDArray[np.uint64]: ...
def plan_region(
    adjacency: list[int],
    masks: NDArray[np.uint64],
    rows: NDArray[np.float64],
    sigma: NDArray[np.float64],
    width: list[float],
    coefficients: list[float],
    scans: list[tuple[int, list[float], list[tuple[int, float, float, float]]]],
    formula: tuple[list[float], list[tuple[int, float]], list[int], float],
) -> tuple[list[int], list[int], float, float, float]: ...
def greedy_tree(
    adjacency: list[int], width: list[float], formula: tuple[list[float], list[tuple[int, float]], list[int], float]
) -> list[int]: ...

class PlainTables:
    def __init__(self, keywords: frozenset[str]) -> None: ...
    def add(self, columns: list[tuple[str, str, float]]) -> None: ...

class Vocabulary:
    def __init__(
        self,
        keywords: frozenset[str],
        units: frozenset[str],
        strange: frozenset[str],
        tail: frozenset[str],
        changing: frozenset[str],
        reserved: frozenset[str],
    ) -> None: ...

def reads_only(sql: str) -> bool: ...
def read_query(
    sql: str, tables: PlainTables, find: Callable[[str, str, str], int], words: Vocabulary
) -> tuple[Any, ...]: ...

class TreeSearch:
    def __init__(
        self,
        low: NDArray[np.uint32],
        high: NDArray[np.uint32],
        maxima: NDArray[np.uint32],
        *,
        max_cuts: int,
        splits: bool,
        partitions: bool,
        seed: int,
        caps: list[float],
        weights: list[list[float]] = ...,
        cpu_time: bool = False,
    ) -> None: ...
    def run(self, seconds: float, expansions: int) -> None: ...
    def frontier(self) -> NDArray[np.float32]: ...
    def tree(self, time: int) -> dict[str, Any]: ...
    def features(self) -> NDArray[np.float32]: ...
    @property
    def expansions(self) -> int: ...
    @property
    def nodes(self) -> int: ...

def prove_tree(
    low: NDArray[np.uint32], high: NDArray[np.uint32], maxima: NDArray[np.uint32], *arrays: NDArray[Any]
) -> tuple[bool, int, str, NDArray[np.uint32], int]: ...
def baseline_tree(
    low: NDArray[np.uint32], high: NDArray[np.uint32], maxima: NDArray[np.uint32], name: str, seconds: float
) -> dict[str, Any] | None: ...

class Lookup:
    def __init__(
        self, low: NDArray[np.uint32], high: NDArray[np.uint32], maxima: NDArray[np.uint32], *arrays: NDArray[Any]
    ) -> None: ...
    def classify(self, packets: NDArray[np.uint32], out: NDArray[np.int32], threads: int) -> None: ...
    def one(self, packet: tuple[int, ...]) -> int: ...
    def work(self, packets: NDArray[np.uint32]) -> tuple[float, float, float]: ...
    @property
    def size_bytes(self) -> int: ...

def latency_tree(
    low: NDArray[np.uint32],
    high: NDArray[np.uint32],
    maxima: NDArray[np.uint32],
    packets: NDArray[np.uint32],
    *,
    leaf: int,
    max_bits: int,
    memory: float,
    base: float,
    rate: float,
    block: float,
    noise: float,
    bits: bool,
    tests: list[tuple[int, float]],
    parts: int,
    seed: int,
    max_bytes: float,
    seconds: float,
) -> dict[str, NDArray[Any]] | None: ...

class Serving:
    def __init__(
        self,
        low: NDArray[np.uint32],
        high: NDArray[np.uint32],
        maxima: NDArray[np.uint32],
        keys: NDArray[np.uint64],
        ids: NDArray[np.int32],
        next_id: int,
        *arrays: NDArray[Any],
    ) -> None: ...
    def classify(self, packets: NDArray[np.uint32], out: NDArray[np.int32], threads: int) -> None: ...
    def one(self, packet: tuple[int, ...]) -> int: ...
    def insert(self, rule: Sequence[tuple[int, int]], priority: int) -> int: ...
    def insert_many(
        self, low: NDArray[np.uint32], high: NDArray[np.uint32], priorities: NDArray[np.uint32]
    ) -> NDArray[np.int32]: ...
    def remove(self, rule_id: int) -> int: ...
    def remove_many(self, rule_ids: NDArray[np.int32]) -> NDArray[np.int32]: ...
    def begin(self) -> tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint64], NDArray[np.int32]]: ...
    def replace(
        self,
        low: NDArray[np.uint32],
        high: NDArray[np.uint32],
        maxima: NDArray[np.uint32],
        keys: NDArray[np.uint64],
        ids: NDArray[np.int32],
        *arrays: NDArray[Any],
    ) -> bool: ...
    def abandon(self) -> None: ...
    @property
    def changes(self) -> int: ...
    @property
    def rules(self) -> int: ...
    @property
    def overlay_rules(self) -> int: ...
    @property
    def growth(self) -> float: ...
    @property
    def size_bytes(self) -> int: ...

def lookup_kernel() -> str: ...
def force_lookup_kernel(name: str) -> None: ...
def rule_differences(
    low_a: NDArray[np.uint32],
    high_a: NDArray[np.uint32],
    keys_a: NDArray[np.int32],
    low_b: NDArray[np.uint32],
    high_b: NDArray[np.uint32],
    keys_b: NDArray[np.int32],
    maxima: NDArray[np.uint32],
    limit: int,
    seconds: float,
) -> tuple[NDArray[np.uint32], NDArray[np.int32], NDArray[np.int32], int, bool]: ...
def rule_shadowed(
    low: NDArray[np.uint32], high: NDArray[np.uint32], maxima: NDArray[np.uint32], seconds: float
) -> NDArray[np.int32]: ...
def rule_redundant(
    low: NDArray[np.uint32],
    high: NDArray[np.uint32],
    keys: NDArray[np.int32],
    dead: NDArray[np.uint8],
    maxima: NDArray[np.uint32],
    seconds: float,
) -> NDArray[np.int32]: ...
def all_matches(
    low: NDArray[np.uint32], high: NDArray[np.uint32], maxima: NDArray[np.uint32], packets: NDArray[np.uint32]
) -> tuple[NDArray[np.int64], NDArray[np.int32]]: ...

class Peer:
    def __init__(self, *args: Any) -> None: ...
    def classify(self, packets: NDArray[np.uint32], out: NDArray[np.int32]) -> None: ...
    def insert(self, rule: int) -> bool: ...
    def remove(self, rule: int) -> bool: ...
    def churn(self, which: NDArray[np.int32]) -> int: ...
    @property
    def size_bytes(self) -> int: ...
