"""What only a cluster can lose: a node, with the objects that lay on it."""

import os
import sys

import numpy as np
import pytest

from mlsys4sys import runtime


@pytest.mark.slow
@pytest.mark.requirement("R6 transparent fault tolerance")
@pytest.mark.parametrize("backend", ["ray"])
def test_objects_of_a_lost_node_are_made_again_from_their_lineage(ray_cluster, backend, tmp_path):
    doomed = ray_cluster.add_node(num_cpus=1, resources={"doomed": 2})
    ray_cluster.wait_for_nodes()
    os.environ["PYTHONPATH"] = os.pathsep.join(p for p in sys.path if p)
    runtime.init(f"ray:{ray_cluster.address}")
    try:
        runs = tmp_path / "runs"

        @runtime.remote(resources={"doomed": 1})
        def produce():
            with runs.open("a") as file:
                file.write("produce ")
            return np.full(200_000, runtime.rng().random())

        @runtime.remote(resources={"doomed": 1})
        def double(array):
            with runs.open("a") as file:
                file.write("double ")
            return 2 * array

        made = produce.remote()
        doubled = double.remote(made)
        runtime.wait([doubled], timeout=60)
        expected = np.random.default_rng(np.random.SeedSequence(0, spawn_key=(0,))).random()
        assert runs.read_text().split() == ["produce", "double"]
        ray_cluster.remove_node(doomed, allow_graceful=False)
        spare = ray_cluster.add_node(num_cpus=1, resources={"doomed": 2})
        ray_cluster.wait_for_nodes()
        assert runtime.get(doubled, timeout=120)[0] == 2 * expected
        assert runs.read_text().split() == ["produce", "double"] * 2
        ray_cluster.remove_node(spare)
    finally:
        runtime.shutdown()
