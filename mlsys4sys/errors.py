"""Every exception this package raises on purpose.

```
Mlsys4sysError
├── InputError (ValueError)     what was given cannot be used; the message says what, where and what to do
│   ├── SqlError                SQL that does not parse, bind, or is not a query
│   ├── RuleError               a packet filter rule that cannot be read; says file, line and column
│   └── DataError               a file or database that cannot be read
├── TaskError                   a task of the runtime has no value; carries the remote traceback where there is one
│   ├── TaskCancelled           it was cancelled
│   ├── TaskTimeout (TimeoutError)      it ran longer than its ``timeout_s``
│   ├── TaskMemory (MemoryError)        it wanted more than its ``memory``
│   ├── WorkerDied              the process that ran it died, again and again
│   └── ActorDied               its actor is gone
├── GetTimeout (TimeoutError)   ``get`` waited as long as it was told to; the task goes on
├── Unsupported                 a thing this backend, platform or engine version cannot do
├── MissingExtra                an optional dependency is not installed
├── CheckpointError             a file of weights that is damaged or of another version
└── VerificationError           a checker found a difference; never ignored
```
"""

from __future__ import annotations

INTERRUPTED = "Query interrupted"
"""What DuckDB's Python package raises for Ctrl-C: a ``RuntimeError`` with this text."""


class Mlsys4sysError(Exception):
    """Base of all of ours: a command prints it as one line and exits with 1."""


class InputError(Mlsys4sysError, ValueError):
    """What was given cannot be used."""


class SqlError(InputError):
    """SQL that does not parse, does not bind, or is not one query.

    Args:
        message: What is wrong, in one line.
        line: 1-based line in the SQL, if known.
        column: 1-based column in that line, if known.
    """

    def __init__(self, message: str, *, line: int | None = None, column: int | None = None) -> None:
        where = "" if line is None else f"line {line}, column {column}: " if column is not None else f"line {line}: "
        super().__init__(where + message)
        self.line = line
        self.column = column


class RuleError(InputError):
    """A packet filter rule that cannot be read or represented.

    Args:
        message: What is wrong, in one line.
        source: The file's name, if known.
        line: 1-based line, if known.
        column: 1-based column in that line, if known.
    """

    def __init__(
        self, message: str, *, source: str | None = None, line: int | None = None, column: int | None = None
    ) -> None:
        where = ":".join(str(part) for part in (source, line, column) if part is not None)
        super().__init__(f"{where}: {message}" if where else message)
        self.message = message
        self.source = source
        self.line = line
        self.column = column


class DataError(InputError):
    """A file or database that cannot be read."""


class TaskError(Mlsys4sysError):
    """A task of the runtime has no value.

    An exception that a task raised reaches the caller of ``get`` as it is; a `TaskError` with the remote traceback is
    its ``__cause__``. It comes alone when the exception cannot be pickled, or for one of the reasons below.
    """


class TaskCancelled(TaskError):  # noqa: N818
    """The task was cancelled."""


class TaskTimeout(TaskError, TimeoutError):  # noqa: N818
    """The task ran longer than its ``timeout_s`` and was ended."""


class TaskMemory(TaskError, MemoryError):  # noqa: N818
    """The task wanted more memory than its ``memory``."""


class WorkerDied(TaskError):  # noqa: N818
    """The process that ran the task died, once more than ``max_retries`` allows."""


class ActorDied(TaskError):  # noqa: N818
    """The actor of this call is gone, or died while it ran."""


class GetTimeout(Mlsys4sysError, TimeoutError):  # noqa: N818
    """``get`` waited as long as it was told to; the task goes on."""


class Unsupported(Mlsys4sysError):  # noqa: N818 - reads better at the place it is raised
    """A thing this backend, platform or engine version cannot do."""


class MissingExtra(Mlsys4sysError):  # noqa: N818
    """An optional dependency is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed; it comes with: pip install 'mlsys4sys[{extra}]'")


class CheckpointError(Mlsys4sysError):
    """A file of weights that is damaged or of another version."""


class VerificationError(Mlsys4sysError):
    """A checker found a difference."""
