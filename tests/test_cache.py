"""Files that are made once."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mlsys4sys import cache
from mlsys4sys.errors import DataError


def test_a_file_is_made_once_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    made: list[Path] = []

    def make(partial: Path) -> None:
        made.append(partial)
        partial.write_text("whole")

    path = tmp_path / "deep" / "thing"
    for _ in range(2):
        assert cache.make_once(path, make) == path
    assert len(made) == 1
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def test_what_is_not_intact_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "thing"
    path.write_text("dam")
    cache.make_once(path, lambda p: p.write_text("whole"), intact=lambda p: p.exists() and p.read_text() == "whole")
    assert path.read_text() == "whole"


def test_a_failure_leaves_neither_a_file_nor_a_part_of_it(tmp_path: Path) -> None:
    def fail(partial: Path) -> None:
        partial.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.make_once(tmp_path / "thing", fail)
    assert not list(tmp_path.iterdir())


def test_what_a_killed_process_left_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / "thing.999.partial").write_text("half")
    (tmp_path / "thing.999.partial.wal").write_text("half")
    (tmp_path / "thing.999.partial.parts").mkdir()
    (tmp_path / "another.999.partial").write_text("of somebody else")
    cache.make_once(tmp_path / "thing", lambda p: p.write_text("whole"))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["another.999.partial", "thing"]


@pytest.mark.skipif(sys.platform == "win32", reason="no lock there")
def test_of_several_at_once_one_makes_it_and_the_others_wait(tmp_path: Path) -> None:
    made: list[int] = []
    told: list[str] = []

    def make(partial: Path) -> None:
        made.append(threading.get_ident())
        time.sleep(0.2)
        partial.write_text("whole")

    threads = [
        threading.Thread(target=cache.make_once, args=(tmp_path / "thing", make), kwargs={"report": told.append})
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert told
    assert set(told) == {"another process is making thing: waiting for it"}


@pytest.mark.skipif(sys.platform == "win32", reason="no lock there")
def test_processes_wait_for_each_other(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from mlsys4sys import cache\n"
        "def make(partial):\n"
        "    Path(sys.argv[1], 'makers').open('a').write('one ')\n"
        "    time.sleep(0.3)\n"
        "    partial.write_text('whole')\n"
        "cache.make_once(Path(sys.argv[1], 'thing'), make)\n"
    )
    paths = os.pathsep.join(filter(None, [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": paths}
    both = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], env=environment) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert (tmp_path / "makers").read_text() == "one "


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(DataError, match="cannot be written"):
        cache.make_once(tmp_path / "file" / "thing", lambda p: p.write_text("whole"))
