import numpy as np
from numpy.typing import NDArray

class JoinCounter:
    def __init__(self, relations: int, hidden: int, domains: list[int]) -> None: ...
    def attach(self, relation: int, klass: int, ids: NDArray[np.int32]) -> None: ...
    def count(
        self, root: int, limit: int, weights: NDArray[np.float64] | None, masks: NDArray[np.uint64]
    ) -> NDArray[np.float64]: ...

def connected_subsets(adjacency: list[int], cap: int) -> NDArray[np.uint64]: ...
def best_trees(
    adjacency: list[int],
    masks: NDArray[np.uint64],
    rows: NDArray[np.float64],
    width: list[float],
    coefficients: list[float],
    left_deep: bool,
) -> tuple[NDArray[np.float64], NDArray[np.uint64]]: ...
