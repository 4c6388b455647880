"""Ctrl-C of a command: one line or the best so far, no traceback, no half-written file."""

import os
import signal
import subprocess
import sys
import threading
import time

from mlsys4sys.datasets.rules import generate


def interrupted(folder, command, marker=None, after_s=0.5):
    """Run a command in a folder and press Ctrl-C; after a text on stderr, if one is given.

    Returns:
        Its exit code and both texts.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "mlsys4sys", *command],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    said = []
    reader = threading.Thread(target=lambda: said.extend(iter(lambda: process.stderr.read(1), "")), daemon=True)
    with process:
        try:
            reader.start()
            deadline = time.monotonic() + 60
            while marker is not None and marker not in "".join(said) and time.monotonic() < deadline:
                time.sleep(0.05)
            time.sleep(after_s)
            assert process.poll() is None, "it ended before Ctrl-C: " + "".join(said)
            process.send_signal(signal.SIGINT)
            out = process.stdout.read()
            code = process.wait(30)
            reader.join(5)
        finally:
            process.kill()
    return code, out, "".join(said)


def clean(code, err):
    return code == 130 and "Traceback" not in err and err.rstrip().endswith("interrupted")


def test_a_build_that_is_interrupted_leaves_no_file(tmp_path):
    (tmp_path / "rules").write_text(generate("acl-edge", 3_000, seed=0).text())
    code, out, err = interrupted(tmp_path, ["build-classifier", "rules", "-o", "it.nc", "--budget-s", "60"], "tried")
    assert clean(code, err)
    assert not out
    assert [path.name for path in tmp_path.iterdir()] == ["rules"]


def test_a_query_that_is_interrupted_says_so(tmp_path):
    (tmp_path / "t.csv").write_text("x\n" + "\n".join(str(i) for i in range(60_000)))
    sql = "SELECT max(a.x + b.x - c.x) FROM t a, t b, t c WHERE a.x % 9 = b.x % 9 AND b.x % 8 = c.x % 8"
    command = ["optimize-query", sql, "--table", "t=t.csv", "--execute"]
    code, _, err = interrupted(tmp_path, command, after_s=4)
    assert clean(code, err), err
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_a_search_that_is_interrupted_tells_the_nearest_miss(tmp_path):
    rows = "\n".join(f"{i},{i * 7 % 13},{'wxyz'[i % 4]}" for i in range(400))
    (tmp_path / "have.csv").write_text("a,b,c\n" + rows)
    (tmp_path / "want.csv").write_text("q\n3.14159\n77.123\n-5.5\n0.77\n91.3\n-41.07\n8.123\n")
    command = ["synthesize", "-i", "have.csv", "-o", "want.csv", "--budget-s", "60"]
    code, out, err = interrupted(tmp_path, command, "candidates", after_s=1)
    assert code == 3
    assert "Traceback" not in err
    assert "no program found: interrupted" in err
    assert not out
