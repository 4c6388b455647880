"""DuckDB behind one small wall: the catalogue, plans as trees, queries run under a forced join order.

The order of a query is kept by switching off two optimizer passes, and that setting is *global to the database
instance*: every connection and cursor of it would see it. So each question asked through an :class:`Engine` holds a
lock of its instance, and :meth:`Engine.forced` puts the setting back before it lets go, whatever happened.
A connection that a user drives without an Engine, from another thread, is out of our reach.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import duckdb

from mlsys4sys.errors import INTERRUPTED, DataError, InputError, SqlError
from mlsys4sys.joinopt.catalogue import Catalogue, read_catalogue, stamp_of

Row = tuple[object, ...]
Result = TypeVar("Result")

FORCING = ("join_order", "build_side_probe_side")
"""The optimizer passes that would change an order; with both off DuckDB joins as written, right side hashed."""

_locks: dict[str, threading.RLock] = {}
_locks_guard = threading.Lock()
_BAD_SQL = (
    duckdb.ParserException,
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.SyntaxException,
    duckdb.NotImplementedException,
    duckdb.InvalidInputException,
)


@dataclass(frozen=True, slots=True)
class OperatorNode:
    """One operator of a physical plan."""

    name: str
    """``HASH_JOIN``, ``SEQ_SCAN``, ..."""
    children: tuple[OperatorNode, ...] = ()
    """Left (probe) first."""
    extra: Mapping[str, object] = field(default_factory=dict)
    """What DuckDB tells besides: ``Table``, ``Conditions``, ``Estimated Cardinality``, ``Filters`` ..."""
    rows: int | None = None
    """Rows it put out, when the query was run."""
    seconds: float | None = None
    """Time spent in it over all threads, when the query was run."""

    def walk(self) -> Iterator[OperatorNode]:
        """This operator and all below, parents first, left before right."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One run of a query."""

    rows: list[Row] | None
    """Nothing when the time was up."""
    wall_s: float
    cpu_s: float
    """CPU seconds of this whole process while it ran, planning included."""

    @property
    def timed_out(self) -> bool:
        """Whether it was stopped."""
        return self.rows is None


class Engine:
    """A DuckDB connection that answers questions about plans and runs queries in a given join order."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        # The setting goes through a cursor of its own: it works even while the user's transaction is aborted.
        self._control = connection.cursor()
        self._lock = _lock_of(self._control)
        self._catalogue: Catalogue | None = None
        self._looked = 0.0
        self._read_only = False
        self._held = False

    @property
    def catalogue(self) -> Catalogue:
        """Tables and columns now; cached, and read again when a table was made, altered, dropped or has grown."""
        with self._lock:
            if self._catalogue is not None and self._held:
                return self._catalogue
            stamp = stamp_of(self.connection)
            self._looked = time.monotonic()
            if self._catalogue is None or self._catalogue.stamp != stamp:
                self._catalogue = read_catalogue(self.connection, stamp)
                row = self.connection.execute(
                    "SELECT bool_and(readonly) FROM duckdb_databases() WHERE NOT internal"
                ).fetchone()
                self._read_only = bool(row and row[0])
            return self._catalogue

    def recent_catalogue(self, seconds: float) -> Catalogue:
        """The catalogue as it was at most so many seconds ago; asks DuckDB nothing if it was read since."""
        with self._lock:
            if self._catalogue is None or time.monotonic() - self._looked > seconds:
                return self.catalogue
            return self._catalogue

    @property
    def unchanging(self) -> bool:
        """Whether every database of this instance was opened for reading only, when the catalogue was last read."""
        return self._read_only

    @property
    def known_catalogue(self) -> Catalogue:
        """The catalogue as :attr:`catalogue` last gave it; asks DuckDB nothing when it has been read before."""
        return self._catalogue or self.catalogue

    def alone(self) -> threading.RLock:
        """The lock of this database instance, for ``with``: inside, nobody else forces an order or looks at a plan."""
        return self._lock

    @contextmanager
    def one_catalogue(self) -> Iterator[Catalogue]:
        """Inside, :attr:`catalogue` is what it was at the door: one question to the engine instead of one a look."""
        with self._lock:
            catalogue = self.catalogue
            held, self._held = self._held, True
            try:
                yield catalogue
            finally:
                self._held = held

    @contextmanager
    def forced(self) -> Iterator[None]:
        """Inside, this database instance joins as written. Other users of the instance wait at the door."""
        with self._lock:
            former = self._disabled()
            wanted = [*filter(None, former.split(",")), *(name for name in FORCING if name not in former.split(","))]
            try:
                self._disable(",".join(wanted))
                yield
            finally:
                _insist(lambda: self._disable(former))

    def run(self, sql: str, *, forced: bool = False) -> list[Row]:
        """All rows of a query.

        Raises:
            SqlError: DuckDB does not accept it, or it fails while it runs.
        """
        return self._ask(sql, sql, forced=forced)

    def relation(self, sql: str, *, forced: bool = False, timeout_s: float | None = None) -> duckdb.DuckDBPyRelation:
        """A relation over the rows, computed before this returns.

        Raises:
            TimeUp: it was stopped after ``timeout_s`` seconds (within about 15 ms).
        """
        with self._turn(forced=forced), _explained(sql, 0), self._deadline(timeout_s):
            return self._interruptible(lambda: self.connection.sql(sql).materialize())

    def describe(self, sql: str) -> list[tuple[str, str]]:
        """Names and types of a query's columns."""
        return [(str(row[0]), str(row[1])) for row in self._ask(f"DESCRIBE\n{sql}", sql)]

    def explain_tree(self, sql: str, *, forced: bool = False) -> OperatorNode:
        """The physical plan with estimates; the query does not run."""
        text = self._ask(f"EXPLAIN (FORMAT json)\n{sql}", sql, forced=forced)[0][1]
        return _planned(json.loads(str(text))[0])

    def analyze_tree(self, sql: str, *, forced: bool = False) -> tuple[OperatorNode, dict[str, object]]:
        """Run the query; its plan with actual rows and times, and DuckDB's summary of the whole run."""
        text = self._ask(f"EXPLAIN (ANALYZE, FORMAT json)\n{sql}", sql, forced=forced)[0][1]
        summary = json.loads(str(text))
        root = _measured(summary.pop("operator")[0])
        while root.name in ("RESULT_COLLECTOR", "EXPLAIN_ANALYZE") and root.children:
            root = root.children[0]
        return root, summary

    def decompile(self, sql: str, *, forced: bool = False) -> str:
        """DuckDB's optimized plan written back as SQL: aliases ``r0``, ``r1`` ..., filters pushed, joins nested."""
        rows = self._ask(f"EXPLAIN (SQL)\n{sql}", sql, forced=forced)
        return "\n".join(str(row[-1]) for row in rows)

    def statements(self, sql: str) -> list[duckdb.Statement]:
        """The text split into statements by DuckDB's own parser."""
        with self._lock, _explained(sql, 0):
            return self.connection.extract_statements(sql)

    def measure(self, sql: str, *, forced: bool = False, timeout_s: float | None = None) -> Measurement:
        """Run a query once and time it; stopped after ``timeout_s`` seconds (within about 15 ms)."""
        with self._turn(forced=forced):
            wall, cpu = time.perf_counter(), time.process_time()
            try:
                with _explained(sql, 0), self._deadline(timeout_s):
                    rows: list[Row] | None = self.connection.execute(sql).fetchall()
            except TimeUp:
                rows = None
            return Measurement(rows=rows, wall_s=time.perf_counter() - wall, cpu_s=time.process_time() - cpu)

    @contextmanager
    def _turn(self, *, forced: bool) -> Iterator[None]:
        if forced:
            with self.forced():
                yield
        else:
            with self._lock:
                yield

    def _ask(self, question: str, sql: str, *, forced: bool = False) -> list[Row]:
        with self._turn(forced=forced), _explained(sql, int(question is not sql)):
            return self.connection.execute(question).fetchall()

    def _interruptible(self, work: Callable[[], Result]) -> Result:
        """Work of DuckDB's that does not look for Ctrl-C itself: it is done in a thread, and stopped from this one."""
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(work)
            try:
                return future.result()
            except KeyboardInterrupt:
                self.connection.interrupt()
                raise

    @contextmanager
    def _deadline(self, timeout_s: float | None) -> Iterator[None]:
        if timeout_s is None:
            yield
            return
        rung = threading.Event()

        def ring() -> None:
            rung.set()
            self.connection.interrupt()

        timer = threading.Timer(timeout_s, ring)
        timer.daemon = True
        timer.start()
        try:
            yield
        except (duckdb.InterruptException, RuntimeError) as error:
            if rung.is_set() and (isinstance(error, duckdb.InterruptException) or str(error) == INTERRUPTED):
                raise TimeUp from error
            raise
        finally:
            timer.cancel()
            timer.join()

    def _disabled(self) -> str:
        row = self._control.execute("SELECT current_setting('disabled_optimizers')").fetchone()
        return str(row[0]) if row and row[0] else ""

    def _disable(self, names: str) -> None:
        self._control.execute(f"SET disabled_optimizers = '{names}'")


class TimeUp(Exception):  # noqa: N818 - no error: a timer
    """The deadline rang."""


def _lock_of(connection: duckdb.DuckDBPyConnection) -> threading.RLock:
    # Python cannot tell instances apart. A file is opened once per process, so its path names the instance;
    # databases in memory have no name, so all of them share one lock.
    row = connection.execute(
        "SELECT path FROM duckdb_databases() WHERE NOT internal ORDER BY database_oid LIMIT 1"
    ).fetchone()
    key = str(Path(row[0]).resolve()) if row and row[0] else ":memory:"
    with _locks_guard:
        return _locks.setdefault(key, threading.RLock())


def _insist(action: Callable[[], None]) -> None:
    """Do it even if Ctrl-C comes meanwhile; the interrupt is raised afterwards."""
    interrupt: KeyboardInterrupt | None = None
    while True:
        try:
            action()
        except KeyboardInterrupt as error:
            interrupt = error
            continue
        if interrupt:
            raise interrupt
        return


def _planned(raw: dict[str, object]) -> OperatorNode:
    children = raw.get("children")
    extra = raw.get("extra_info")
    return OperatorNode(
        str(raw["name"]).strip(),
        tuple(_planned(child) for child in children) if isinstance(children, list) else (),
        extra if isinstance(extra, dict) else {},
    )


def _measured(raw: dict[str, object]) -> OperatorNode:
    children = raw.get("children")
    extra = raw.get("extra_info")
    rows, seconds = raw.get("intermediate_rows"), raw.get("timing")
    return OperatorNode(
        str(raw["type"]).strip(),
        tuple(_measured(child) for child in children) if isinstance(children, list) else (),
        extra if isinstance(extra, dict) else {},
        int(rows) if isinstance(rows, int | float) else None,
        float(seconds) if isinstance(seconds, int | float) else None,
    )


@contextmanager
def _explained(sql: str, lines_before: int) -> Iterator[None]:
    """Turn DuckDB's errors about ``sql`` into ours, one line each."""
    try:
        yield
    except duckdb.InterruptException as error:
        raise KeyboardInterrupt from error
    except RuntimeError as error:
        if str(error) == INTERRUPTED:
            raise KeyboardInterrupt from error
        raise
    except _BAD_SQL as error:
        raise sql_error(str(error), sql, lines_before) from error
    except duckdb.Error as error:
        raise InputError(_first_line(str(error))) from error


def sql_error(message: str, sql: str, lines_before: int = 0) -> SqlError:
    """DuckDB's message as one line with the position in ``sql``.

    Args:
        message: As DuckDB wrote it, with its ``LINE n:`` quotation and caret, if any.
        sql: The user's text.
        lines_before: How many lines we had put before it.
    """
    text = _first_line(message)
    hint = re.search(r"^(Did you mean .*|Candidate bindings: .*)$", message, re.MULTILINE)
    if hint:
        text = f"{text} {hint.group(1)}"
    quoted = re.search(r"^LINE (\d+): (.*)\n( *)\^", message, re.MULTILINE)
    if not quoted:
        return SqlError(text)
    line = int(quoted.group(1)) - lines_before
    lines = sql.splitlines()
    if not 1 <= line <= len(lines):
        return SqlError(text)
    at = len(quoted.group(3)) - len(f"LINE {quoted.group(1)}: ")
    return SqlError(text, line=line, column=_column(lines[line - 1], quoted.group(2), at))


def _column(line: str, shown: str, at: int) -> int | None:
    """Where position ``at`` of the shown part lies in the line; DuckDB cuts long lines with dots."""
    head = 3 if shown.startswith("...") and not line.startswith("...") else 0
    start = line.find(shown[head:].removesuffix("...") if head else shown.removesuffix("..."))
    return start + at - head + 1 if start >= 0 and at >= head else None


def _first_line(message: str) -> str:
    return re.sub(r"^(\w[\w ]* )?Error: ", "", message.strip().split("\n")[0])


def open_database(path: str | Path) -> duckdb.DuckDBPyConnection:
    """Open a database file for reading only.

    Raises:
        DataError: The file is missing, a folder, not ours to read, no DuckDB database, damaged, or in use elsewhere.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"{path}: no such file; give the path of an existing DuckDB database")
    if path.is_dir():
        raise DataError(f"{path}: is a folder, not a DuckDB database file")
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    if empty:
        raise DataError(f"{path}: is empty, not a DuckDB database")
    try:
        return duckdb.connect(str(path), read_only=True)
    except duckdb.Error as error:
        raise DataError(f"{path}: {_why_not_opened(str(error))}") from error


def _why_not_opened(message: str) -> str:
    if "lock" in message:
        holder = re.search(r"\(PID (\d+)\)", message)
        by = f" (process {holder.group(1)})" if holder else ""
        return f"is open for writing in another process{by}; close it there first"
    if "different configuration" in message:
        return "is already open for writing in this process; pass that connection instead"
    if "not a valid DuckDB database" in message:
        return "is not a DuckDB database"
    if "Corrupt" in message or "checksum" in message:
        return "is damaged: " + _first_line(message)
    return _first_line(message)


def open_tables(files: Mapping[str, str | Path]) -> duckdb.DuckDBPyConnection:
    """A database in memory with one table for each CSV or Parquet file.

    Args:
        files: Table name → path of a ``.parquet``, ``.csv``, ``.tsv`` (also ``.gz``) file.

    Raises:
        DataError: A file is missing, of another kind, or cannot be read.
    """
    connection = duckdb.connect()
    for name, file in files.items():
        path = Path(file)
        reader = _reader_of(path)
        target = '"' + name.replace('"', '""') + '"'
        try:
            connection.execute(f"CREATE TABLE {target} AS FROM {reader}($1)", [str(path)])
        except duckdb.Error as error:
            raise DataError(f"{path}: {_first_line(str(error))}") from error
    return connection


def _reader_of(path: Path) -> str:
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if ".parquet" in suffixes:
        return "read_parquet"
    if {".csv", ".tsv"} & set(suffixes):
        return "read_csv"
    raise DataError(f"{path}: neither .parquet nor .csv; convert it first")
