"""Backends under the contract: serial and local always, Ray (three nodes on this host) where it is installed."""

import json
import os
import sys
from pathlib import Path

import pytest

from mlsys4sys import runtime


@pytest.fixture(scope="session")
def ray_cluster():
    if not os.environ.get("MLSYS_RAY"):
        pytest.skip("Ray takes a minute: `make contract` runs it")
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'mlsys4sys[ray]'")
    from ray.cluster_utils import Cluster

    os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "resources": {"head": 1}})
    for node in range(2):
        cluster.add_node(num_cpus=1, resources={f"node{node}": 1, "side": 1})
    cluster.wait_for_nodes()
    yield cluster
    cluster.shutdown()


@pytest.fixture(params=["serial", "local", "ray"])
def rt(request):
    """The runtime on one backend with two CPUs."""
    if request.param == "ray":
        cluster = request.getfixturevalue("ray_cluster")
        os.environ["PYTHONPATH"] = os.pathsep.join(p for p in sys.path if p)
        runtime.init(f"ray:{cluster.address}")
    else:
        runtime.init(request.param, num_cpus=2, resources={"head": 1})
    yield runtime
    runtime.shutdown()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Notes what each backend did about each requirement, in the file that ``MLSYS_CONTRACT`` names."""
    report = (yield).get_result()
    path = os.environ.get("MLSYS_CONTRACT")
    marker = item.get_closest_marker("requirement")
    if path is None or marker is None or (report.when != "call" and not report.skipped):
        return
    backend = item.callspec.params.get("rt") or item.callspec.params["backend"]
    outcome = dict(report.user_properties).get("outcome", report.outcome)
    found = json.loads(Path(path).read_text()) if Path(path).exists() else {}
    found.setdefault(marker.args[0], {}).setdefault(item.originalname.removeprefix("test_"), {})[backend] = outcome
    Path(path).write_text(json.dumps(found, indent=1) + "\n")


@pytest.fixture
def backend(rt, request):
    return request.node.callspec.params["rt"]
