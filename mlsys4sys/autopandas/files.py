"""Examples from files: CSV, TSV, JSON, Parquet, Excel, tables pasted as text, and folders of them."""

from __future__ import annotations

import csv
import io
import json
import keyword
import re
import sys
from collections.abc import Hashable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd

from mlsys4sys.autopandas import cells, pasted
from mlsys4sys.autopandas.accepted import MOST_COLUMNS
from mlsys4sys.autopandas.cells import TextTable
from mlsys4sys.autopandas.problem import Example
from mlsys4sys.errors import DataError, InputError, Unsupported

MOST_BYTES = 2 << 30

FORMATS = ".csv .tsv .json .jsonl .parquet .xlsx .md .txt .py"

_PYTHON = re.compile(r"((import|from)\s|(\w+\s*=\s*)?(pd\.|pandas\.)?(DataFrame|Series|OrderedDict)\b)")
_INPUT = re.compile(r"(in|input|inp|df)_?(\d*)", re.IGNORECASE)
_OUTPUT = re.compile(r"(out|output|want|wanted|expected|result)", re.IGNORECASE)


def read_example(inputs: Sequence[str], output: str, *, dates: bool = True) -> Example:
    """An example from files; ``"-"`` is stdin.

    Columns of one name are read alike: where ids in one input keep leading zeros as text, they do so everywhere, and
    an output's column is text where all its cells stand in an input's column of text.

    Args:
        inputs: The inputs' files.
        output: The file with the output that is wanted.
        dates: Whether columns that hold ISO dates alone become timestamps.

    Raises:
        DataError: A file cannot be read; says where.
    """
    if [*inputs, output].count("-") > 1:
        raise InputError("only one of the tables can come from stdin")
    loaded = [load(path, dates=dates) for path in inputs]
    wanted = load(output, dates=dates)
    padded = frozenset(
        name
        for table in loaded
        if isinstance(table, TextTable)
        for name, column in zip(table.labels, table.columns, strict=True)
        if cells.padded(column)
    )
    made = tuple(_finished(table, path, dates, padded) for table, path in zip(loaded, inputs, strict=True))
    texts = _texts_of(wanted, loaded, made) if isinstance(wanted, TextTable) else frozenset()
    return Example(inputs=made, output=_finished(wanted, output, dates, texts))


def read_folder(folder: str, *, dates: bool = True) -> tuple[list[Example], tuple[str, ...]]:
    """The examples in a folder, and the names of their inputs.

    ``in1.csv in2.csv out.csv`` make one example. Several examples are several subfolders of that form.

    Raises:
        DataError: There is no output, no input, or several outputs.
    """
    root = Path(folder)
    parts = sorted((p for p in root.iterdir() if p.is_dir()), key=lambda p: _natural(p.name))
    if not any(_OUTPUT.fullmatch(p.stem) for p in root.iterdir() if p.is_file()) and parts:
        found = [_folder(part, dates) for part in parts]
        if len({len(names) for _, names in found}) > 1:
            raise DataError(f"{folder}: its examples have different numbers of inputs")
        return [example for example, _ in found], found[0][1]
    example, names = _folder(root, dates)
    return [example], names


def _folder(root: Path, dates: bool) -> tuple[Example, tuple[str, ...]]:
    files = sorted((p for p in root.iterdir() if p.is_file() and p.name[0] != "."), key=lambda p: _natural(p.stem))
    outputs = [p for p in files if _OUTPUT.fullmatch(p.stem)]
    inputs = [p for p in files if _INPUT.fullmatch(p.stem)] or [p for p in files if p not in outputs]
    if len(outputs) != 1:
        raise DataError(f"{root}: one file out.csv (or .tsv, .json …) is needed, and there are {len(outputs)}")
    if not inputs:
        raise DataError(f"{root}: no input; name the files in1.csv, in2.csv … (or .tsv, .json …)")
    paths = [str(p) for p in inputs]
    return read_example(paths, str(outputs[0]), dates=dates), names_for(paths)


def names_for(paths: Sequence[str]) -> tuple[str, ...]:
    """What the inputs are called in the code: by their files where those are names, else ``df``, or ``df1``, ``df2``.

    >>> names_for(["data/orders.csv", "data/customers.csv"]), names_for(["in1.csv", "in2.csv"]), names_for(["-"])
    (('orders', 'customers'), ('df1', 'df2'), ('df',))
    """
    stems = [Path(path).stem for path in paths]
    usable = all(
        stem.isidentifier()
        and stem.isascii()
        and not keyword.iskeyword(stem)
        and not _INPUT.fullmatch(stem)
        and stem not in ("pd", "np", "result", "transform")
        and not stem.startswith("_")
        for stem in stems
    )
    if usable and len(set(stems)) == len(stems):
        return tuple(stems)
    return ("df",) if len(paths) == 1 else tuple(f"df{i + 1}" for i in range(len(paths)))


def load(path: str, *, dates: bool = True) -> TextTable | Any:
    """What a file holds: a table of texts that wait for their types, or a value that has them.

    Raises:
        DataError: It cannot be read; says where.
        Unsupported: Its format needs a package that is not installed.
    """
    suffix = Path(path).suffix.lower() if path != "-" else ""
    try:
        if suffix in (".parquet", ".pq"):
            return _parquet(path)
        if suffix in (".xlsx", ".xlsm", ".xls"):
            return _excel(path)
        text = _text(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None
    source = "stdin" if path == "-" else path
    if suffix in (".csv", ".tsv", ".tab"):
        return _delimited(text, source, "\t" if suffix != ".csv" else None)
    if suffix in (".jsonl", ".ndjson"):
        return _lines(text, source, dates)
    if suffix == ".json":
        return _json(text, source, dates)
    return _guessed(text, source, dates)


def _finished(table: TextTable | Any, source: str, dates: bool, texts: frozenset[Hashable]) -> Any:
    if not isinstance(table, TextTable):
        return table
    if len(table.labels) > MOST_COLUMNS:
        raise DataError(f"{source}: {len(table.labels)} columns, more than {MOST_COLUMNS}; keep those that matter")
    return cells.frame(table, dates=dates, texts=texts)


def _texts_of(wanted: TextTable, loaded: Sequence[Any], made: Sequence[Any]) -> frozenset[Hashable]:
    """Labels of the output's columns that an input shows to be text."""
    found = set()
    for label, column in zip(wanted.labels, wanted.columns, strict=True):
        have = {cell.strip() for cell in column} - cells.MISSING
        for raw, value in zip(loaded, made, strict=True):
            if isinstance(raw, TextTable) and label in raw.labels and have:
                place = raw.labels.index(label)
                series = value.iloc[:, place] if isinstance(value, pd.DataFrame) else value
                if isinstance(series.dtype, pd.StringDtype) and have <= {cell.strip() for cell in raw.columns[place]}:
                    found.add(label)
    return frozenset(found)


# -- formats


def _text(path: str) -> str:
    if path == "-":
        raw = sys.stdin.buffer.read(MOST_BYTES) if hasattr(sys.stdin, "buffer") else sys.stdin.read().encode()
    else:
        if Path(path).stat().st_size > MOST_BYTES:
            raise DataError(f"{path}: larger than {MOST_BYTES >> 30} GB; a small example is enough")
        raw = Path(path).read_bytes()
    encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise DataError(f"{path}:{line}: no text in UTF-8; save it in that encoding") from None
    if "\0" in text:
        raise DataError(
            f"{path}:{text[: text.index(chr(0))].count(chr(10)) + 1}: holds a zero byte; it is no text file"
        )
    if not text.strip():
        raise DataError(f"{'stdin' if path == '-' else path}: is empty")
    return text


def _delimited(text: str, source: str, delimiter: str | None) -> TextTable:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter or _delimiter(text))
    rows, numbers = [], []
    try:
        for row in reader:
            if row:
                rows.append(row)
                numbers.append(reader.line_num)
    except csv.Error as error:
        raise DataError(f"{source}:{reader.line_num}: {error}") from None
    header, body = rows[0], rows[1:]
    lengths = {len(row) for row in body}
    if lengths == {len(header) + 1}:
        if all(row[-1] == "" for row in body):
            body = [row[:-1] for row in body]  # every line ends in a delimiter
        else:
            header = ["", *header]  # row labels under no label
    for row, number in zip(body, numbers[1:], strict=True):
        if len(row) != len(header):
            raise DataError(f"{source}:{number}: {len(row)} fields, and the header has {len(header)}")
    return pasted.with_index(header, body)


def _delimiter(text: str) -> str:
    """The one that cuts the header and the next lines into equally many fields."""
    lines = [line for line in text[:20_000].splitlines() if line.strip()][:20]
    scores = {}
    for mark in ",;\t|":
        counts = [len(row) for row in csv.reader(lines, delimiter=mark)]
        scores[mark] = (counts[0] > 1 and len(set(counts)) == 1, counts[0])
    best = max(scores, key=lambda mark: scores[mark])
    return best if scores[best][1] > 1 else ","


def _lines(text: str, source: str, dates: bool) -> Any:
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            rows.append(_parsed(line, source, number))
    return _value(rows, dates=dates)


def _json(text: str, source: str, dates: bool) -> Any:
    return _value(_parsed(text, source, 1), dates=dates)


def _parsed(text: str, source: str, first: int) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(f"{source}:{first + error.lineno - 1}: {error.msg} (column {error.colno})") from None
    except RecursionError:
        raise DataError(f"{source}: is nested too deeply") from None


def _value(data: Any, *, dates: bool) -> Any:
    """A frame where the data are records, columns, or pandas' own layouts; else what they are."""
    made = data
    if isinstance(data, list) and data and all(isinstance(row, dict) for row in data):
        made = pd.DataFrame(data)
    elif isinstance(data, dict) and data.keys() in ({"columns", "data"}, {"columns", "data", "index"}):
        made = pd.DataFrame(data["data"], columns=data["columns"], index=data.get("index"))
    elif isinstance(data, dict) and data:
        made = _columns(data)
    return _dated(made) if dates else made


def _columns(data: dict[Any, Any]) -> Any:
    if all(isinstance(column, dict) for column in data.values()):
        frame = pd.DataFrame({key: pd.Series(column, dtype=None if column else object) for key, column in data.items()})
        frame.index = _numbered(frame.index)
        return frame
    if all(isinstance(column, list) for column in data.values()) and len({len(c) for c in data.values()}) == 1:
        return pd.DataFrame(data)
    if all(re.fullmatch(r"\d+", str(key)) for key in data):
        series = pd.Series(data)
        series.index = _numbered(series.index)
        return series
    return data


def _numbered(index: pd.Index) -> pd.Index:
    """Row labels as numbers where JSON had to write them as text."""
    if all(isinstance(label, str) and re.fullmatch(r"0|[1-9]\d*", label) for label in index):
        return pd.Index([int(label) for label in index])
    return index


def _dated(value: Any) -> Any:
    """Columns of ISO dates as timestamps."""
    if not isinstance(value, pd.DataFrame):
        return value
    made = value.copy()
    for place, (_, column) in enumerate(value.items()):
        if column.dtype.kind in "O" or isinstance(column.dtype, pd.StringDtype):
            present = [cell for cell in column if not (cell is None or cell != cell)]
            if present and all(map(cells.is_date, present)):
                texts = [cell if cells.is_date(cell) else "" for cell in column]
                made.isetitem(place, cells.moments(texts).set_axis(column.index))
    return made


def _guessed(text: str, source: str, dates: bool) -> Any:
    start = text.lstrip()
    if start[0] in "{[":
        try:
            return _json(text, source, dates)
        except DataError:
            return _value(pasted.python_value(text, source), dates=False)
    if _PYTHON.match(start) or (start[0] == "(" and start.rstrip()[-1] == ")"):
        return _value(pasted.python_value(text, source), dates=False)
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) == 1 and len(lines[0].split()) == 1 and not any(mark in lines[0] for mark in ",;|"):
        return cells.typed([lines[0]], dates=dates).iloc[0]
    for mark in ",;\t":
        counts = {len(row) for row in csv.reader(lines[:50], delimiter=mark)}
        if len(counts) == 1 and counts != {1}:
            return _delimited(text, source, mark)
    return pasted.table(text, source)


def _parquet(path: str) -> pd.DataFrame:
    import duckdb

    if not Path(path).exists():
        raise DataError(f"{path}: cannot be read (No such file or directory)")
    try:
        with duckdb.connect() as connection:
            made = connection.execute("SELECT * FROM read_parquet(?)", [path]).df()
    except duckdb.Error as error:
        raise DataError(f"{path}: {' '.join(str(error).split())[:200]}") from None
    kept = [name for name in made.columns if re.fullmatch(r"__index_level_\d+__", str(name))]
    if kept:
        made = made.set_index(kept)
        made.index.names = [None] * len(kept)
    return made


def _excel(path: str) -> Any:
    if find_spec("openpyxl") is None:
        raise Unsupported(f"{path}: reading Excel needs openpyxl; install it, or save the sheet as CSV")
    try:
        made = pd.read_excel(path)
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 - a damaged file raises many things
        raise DataError(f"{path}: {' '.join(str(error).split())[:200]}") from None
    if made.columns[:1].tolist() == ["Unnamed: 0"]:
        made = made.set_index("Unnamed: 0").rename_axis(None)
    return _dated(made)


def _natural(name: str) -> tuple[Any, ...]:
    """``in10`` after ``in2``."""
    return tuple((1, int(part), "") if part.isdigit() else (0, 0, part) for part in re.split(r"(\d+)", name))
