"""What all commands share: options, exit codes, progress on stderr. The answer alone goes to stdout."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any, NoReturn, TypeVar

import click

from mlsys4sys.errors import INTERRUPTED, Mlsys4sysError

EXIT_ERROR = 1
EXIT_NO_ANSWER = 3
"""Ran as asked and found no answer."""

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}

F = TypeVar("F", bound=Callable[..., Any])


class Command(click.Command):
    """A command whose errors are one line on stderr, never a traceback."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["context_settings"] = {**CONTEXT, **kwargs.get("context_settings", {})}
        super().__init__(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Run it; our errors become exit code 1, Ctrl-C 130, and a closed pipe is no error."""
        with one_line_errors():
            return super().invoke(ctx)


class LazyGroup(click.Group):
    """A group whose commands are imported only when they run, so that ``--help`` is instant.

    ``lazy`` maps a name to ``(module:attribute, one line of help)``.
    """

    def __init__(self, *args: Any, lazy: dict[str, tuple[str, str]] | None = None, **kwargs: Any) -> None:
        kwargs["context_settings"] = {**CONTEXT, **kwargs.get("context_settings", {})}
        super().__init__(*args, **kwargs)
        self.lazy = lazy or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Those defined here and those that wait."""
        return sorted({*super().list_commands(ctx), *self.lazy})

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import the command that is asked for."""
        if name not in self.lazy:
            return super().get_command(ctx, name)
        from importlib import import_module

        module, attribute = self.lazy[name][0].split(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Import and run the command; Ctrl-C meanwhile is one line, too."""
        with one_line_errors():
            return super().invoke(ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the waiting ones by their line of help, without importing them."""
        rows = [
            (name, self.lazy[name][1] if name in self.lazy else self.commands[name].get_short_help_str(90))
            for name in self.list_commands(ctx)
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn our errors, Ctrl-C and a closed pipe into one line and an exit code."""
    try:
        yield
        sys.stdout.flush()
    except Mlsys4sysError as error:
        click.echo(f"error: {' '.join(str(error).split())}", err=True)
        sys.exit(EXIT_ERROR)
    except KeyboardInterrupt:
        _interrupted()
    except RuntimeError as error:
        if str(error) != INTERRUPTED:
            raise
        _interrupted()
    except BrokenPipeError:
        # The reader went away (`| head`): nothing more to say, and nothing to flush at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def _interrupted() -> NoReturn:
    click.echo("interrupted", err=True)
    sys.exit(130)


def json_option(command: F) -> F:
    """``--json``: one object on stdout whose keys are documented."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")(command)


def seed_option(command: F) -> F:
    """``--seed``."""
    return click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of all chance.")(
        command
    )


def quiet_option(command: F) -> F:
    """``-q``: no progress."""
    return click.option("-q", "--quiet", is_flag=True, help="No progress on stderr.")(command)


def budget_option(default_s: float) -> Callable[[F], F]:
    """``--budget-s``."""

    def add(command: F) -> F:
        help_ = "Seconds the search may take."
        kind = click.FloatRange(min=0, min_open=True)
        return click.option("--budget-s", type=kind, default=default_s, show_default=True, help=help_)(command)

    return add


def print_json(value: object) -> None:
    """One object on stdout, keys in the order given."""
    click.echo(json.dumps(value, indent=2, default=str))


class Progress:
    """A progress line on stderr: rewritten in place on a terminal, a line every few seconds elsewhere.

    >>> with Progress(quiet=True) as progress:
    ...     progress("half done")
    """

    def __init__(self, *, quiet: bool = False, stream: IO[str] | None = None, every_s: float = 2.0) -> None:
        self.stream = stream if stream is not None else sys.stderr
        self.quiet = quiet
        self.terminal = self.stream.isatty()
        self.every_s = 0.05 if self.terminal else every_s
        self._last = time.monotonic()
        self._drawn = False

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def __call__(self, text: str) -> None:
        """Show ``text``, unless something was shown a moment ago."""
        now = time.monotonic()
        if self.quiet or now - self._last < self.every_s:
            return
        self._last = now
        if self.terminal:
            self.stream.write(f"\r\x1b[2K{text}")
            self._drawn = True
        else:
            self.stream.write(text + "\n")
        self.stream.flush()

    def clear(self) -> None:
        """Take the line away before something else is printed."""
        if self._drawn:
            self.stream.write("\r\x1b[2K")
            self.stream.flush()
            self._drawn = False
