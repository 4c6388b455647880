"""Tables from files and pastes: what was written is what is read."""

import datetime
import io
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsys4sys.autopandas import cells, files, pasted
from mlsys4sys.autopandas.problem import Strictness
from mlsys4sys.autopandas.verify import difference
from mlsys4sys.errors import DataError, InputError

words = st.text(st.sampled_from("abcXYZ"), min_size=1, max_size=5)
phrases = st.builds(" ".join, st.lists(words, min_size=1, max_size=3))
days = st.dates(datetime.date(1990, 1, 1), datetime.date(2030, 1, 1))
kinds = st.sampled_from(
    [
        st.integers(-1000, 100_000),
        st.floats(-100, 100).map(lambda x: round(x, 2)),
        words,
        st.booleans(),
        days.map(pd.Timestamp),
    ]
)


@st.composite
def tables(draw, texts=words, *, least=1):
    labels = draw(st.lists(words, min_size=1, max_size=4, unique=True))
    rows = draw(st.integers(least, 6))
    data = {}
    for label in labels:
        kind = draw(kinds)
        data[label] = draw(st.lists(texts if kind is words else kind, min_size=rows, max_size=rows))
    return pd.DataFrame(data)


def write(folder, name, text):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def read(path, **options):
    return files.read_example([path], path, **options).inputs[0]


def same(got, wanted):
    assert difference(got, wanted, Strictness(names=True)) == ""


@given(tables(phrases), st.sampled_from([",", ";", "\t"]), st.booleans())
@settings(max_examples=60, deadline=None)
def test_a_csv_is_read_as_it_was_written(tmp_path_factory, frame, mark, index):
    text = frame.to_csv(sep=mark, index=index)
    path = write(tmp_path_factory.mktemp("csv"), "table.csv" if mark != "\t" else "table.tsv", text)
    same(read(path), frame)


@given(tables(), st.booleans())
@settings(max_examples=100, deadline=None)
def test_a_printed_frame_is_read_as_it_was_printed(frame, labelled):
    if labelled:
        frame.index = pd.Index([f"r{i}" for i in range(len(frame))])
    table = pasted.table(str(frame), "paste")
    same(cells.frame(table), frame)


@given(tables(phrases), st.data())
@settings(max_examples=60, deadline=None)
def test_a_printed_frame_may_hold_blanks_where_columns_stay_apart(frame, data):
    # Blanks within cells can be told from gaps where something in the column stands across them.
    frame = pd.concat(
        [pd.DataFrame({c: ["q" * 20 if isinstance(v, str) else v] for c, v in frame.iloc[0].items()}), frame]
    )
    frame.index = range(len(frame))
    # Not str(frame): that leaves out columns beyond 80 characters, which is refused.
    same(cells.frame(pasted.table(frame.to_string(), "paste")), frame)


@given(tables(phrases))
@settings(max_examples=50, deadline=None)
def test_a_markdown_table_is_read_as_it_was_written(frame):
    lines = ["| " + " | ".join(frame.columns) + " |", "|" + "---|" * frame.shape[1]]
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in frame.itertuples(index=False)]
    same(cells.frame(pasted.table("\n".join(lines), "paste")), frame)


@given(tables(phrases), st.sampled_from(["dict", "list", "records", "split"]))
@settings(max_examples=60, deadline=None)
def test_a_printed_dictionary_is_read_without_running_it(tmp_path_factory, frame, orient):
    folder = tmp_path_factory.mktemp("dict")
    same(read(write(folder, "table.txt", repr(frame.to_dict(orient=orient)))), frame)


@given(tables(phrases), st.sampled_from(["columns", "records", "split"]))
@settings(max_examples=60, deadline=None)
def test_json_is_read_as_pandas_wrote_it(tmp_path_factory, frame, orient):
    text = frame.to_json(orient=orient, date_format="iso")
    same(read(write(tmp_path_factory.mktemp("json"), "table.json", text)), frame)


def test_parquet_is_read_with_its_types(tmp_path):
    import duckdb

    path = tmp_path / "table.parquet"
    duckdb.sql(f"COPY (SELECT 1 AS a, 'x' AS b, DATE '2024-01-02' AS d, NULL::INT AS n) TO '{path}' (FORMAT parquet)")
    wanted = pd.DataFrame({"a": [1], "b": ["x"], "d": [pd.Timestamp("2024-01-02")], "n": [np.nan]})
    same(read(str(path)), wanted)
    (tmp_path / "broken.parquet").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"broken\.parquet"):
        read(str(tmp_path / "broken.parquet"))


PASTES = {
    "named index": (
        "      v\nname   \nann   1\nbob   2\n",
        pd.DataFrame({"v": [1, 2]}, index=pd.Index(["ann", "bob"], name="name")),
    ),
    "two levels, repeated labels left out": (
        "     v\na b   \nx 1  5\n  2  6\ny 1  7\n",
        pd.DataFrame(
            {"v": [5, 6, 7]}, index=pd.MultiIndex.from_tuples([("x", 1), ("x", 2), ("y", 1)], names=["a", "b"])
        ),
    ),
    "a series": (
        "a    1.5\nb    NaN\nName: v, dtype: float64",
        pd.Series([1.5, np.nan], index=["a", "b"], name="v"),
    ),
    "times": (
        "                   t  v\n0 2024-01-01 10:00:00  1\n1 2024-01-02 11:30:00  2\n\n[2 rows x 2 columns]",
        pd.DataFrame({"t": pd.to_datetime(["2024-01-01 10:00", "2024-01-02 11:30"]), "v": [1, 2]}),
    ),
    "no row labels": ("a  b\n1  x\n2  y", pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})),
    "a grid": (
        "+----+-----+\n| id | who |\n+----+-----+\n|  1 | Ann |\n|  2 | Bob |\n+----+-----+\n",
        pd.DataFrame({"id": [1, 2], "who": ["Ann", "Bob"]}),
    ),
    "columns with a name": (
        "h  x  y\ng      \na  1  2\nb  3  4",
        pd.DataFrame([[1, 2], [3, 4]], index=pd.Index(["a", "b"], name="g"), columns=pd.Index(["x", "y"], name="h")),
    ),
    "columns with a name over counted rows": (
        "h  x  y\n0  1  2\n1  3  4",
        pd.DataFrame([[1, 2], [3, 4]], columns=pd.Index(["x", "y"], name="h")),
    ),
    "two levels of columns": (
        "    v         w\n  sum mean  max\ng              \na   3  1.5  1.5\nb   7  3.5  3.0",
        pd.DataFrame(
            [[3, 1.5, 1.5], [7, 3.5, 3.0]],
            index=pd.Index(["a", "b"], name="g"),
            columns=pd.MultiIndex.from_tuples([("v", "sum"), ("v", "mean"), ("w", "max")]),
        ),
    ),
    "row labels that are times": (
        "                     x\nt                     \n2024-01-01 10:00:00  1\n2024-01-01 11:00:00  2",
        pd.DataFrame({"x": [1, 2]}, index=pd.Index(pd.to_datetime(["2024-01-01 10:00", "2024-01-01 11:00"]), name="t")),
    ),
    "a series with two levels": (
        "g  h\na  x    1\n   y    2\nb  x    3\nName: v, dtype: int64",
        pd.Series(
            [1, 2, 3], index=pd.MultiIndex.from_tuples([("a", "x"), ("a", "y"), ("b", "x")], names=["g", "h"]), name="v"
        ),
    ),
    "lists in cells": (
        "        a  b\n0  [x, y]  1\n1     [z]  2",
        pd.DataFrame({"a": [["x", "y"], ["z"]], "b": [1, 2]}),
    ),
    "an empty frame": ("Empty DataFrame\nColumns: [a, b]\nIndex: []", pd.DataFrame({"a": [], "b": []})),
    "column labels that are numbers": ("   0  1\n0  a  b", pd.DataFrame([["a", "b"]])),
    "labels with blanks": (
        "   first name  age\n0         Ann    3\n1         Bob    4",
        pd.DataFrame({"first name": ["Ann", "Bob"], "age": [3, 4]}),
    ),
    "code that makes a frame": (
        "import pandas as pd\ndf = pd.DataFrame({'a': [1, None], 'd': [pd.Timestamp('2024-01-01'), pd.NaT]})",
        pd.DataFrame({"a": [1, np.nan], "d": [pd.Timestamp("2024-01-01"), pd.NaT]}),
    ),
}


@pytest.mark.parametrize("name", PASTES)
def test_pastes_are_read(tmp_path, name):
    text, wanted = PASTES[name]
    same(read(write(tmp_path, "paste.txt", text)), wanted)


@pytest.mark.parametrize(
    ("texts", "dtype"),
    [
        (["1", "2"], "int64"),
        (["1", ""], "float64"),
        (["007", "10"], "str"),
        (["+49301", "10"], "str"),
        (["12345678901234567890"], "str"),
        (["1.5", "2"], "float64"),
        (["True", "False"], "bool"),
        (["2024-01-01", ""], "datetime64[us]"),
        (["2024-01-01", "2024-13-45"], "str"),
        (["2024-01-01", "soon"], "str"),
        (["1/2/2024"], "str"),
        (["1 days", "2 days"], "timedelta64[us]"),
        (["", ""], "float64"),
        (["0", "0.5"], "float64"),
    ],
)
def test_columns_get_the_narrowest_type_that_holds_all_cells(texts, dtype):
    found = cells.typed(texts).dtype
    assert str(found).replace("[ns]", "[us]").replace("[s]", "[us]") == dtype


def test_ids_with_leading_zeros_are_text_in_every_table(tmp_path):
    one = write(tmp_path, "a.csv", "id,v\n007,1\n100,2\n")
    two = write(tmp_path, "b.csv", "id,w\n100,3\n200,4\n")
    out = write(tmp_path, "o.csv", "id,v\n100,2\n")
    example = files.read_example([one, two], out)
    assert [frame["id"].tolist() for frame in (*example.inputs, example.output)] == [
        ["007", "100"],
        ["100", "200"],
        ["100"],
    ]


def test_a_number_made_from_text_stays_a_number(tmp_path):
    example = files.read_example([write(tmp_path, "a.csv", "v\n007\n010\n")], write(tmp_path, "o.csv", "v\n7\n10\n"))
    assert example.output["v"].tolist() == [7, 10]


def test_dates_stay_text_when_asked(tmp_path):
    path = write(tmp_path, "a.csv", "d\n2024-01-01\n")
    assert read(path, dates=False)["d"].tolist() == ["2024-01-01"]
    assert read(path)["d"].tolist() == [pd.Timestamp("2024-01-01")]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.csv", "a,b\n1,2\n1,2,3\n", "a.csv:3: 3 fields, and the header has 2"),
        ("a.csv", "", "a.csv: is empty"),
        ("a.json", '{"a": [1,\n2', "a.json:2:"),
        ("a.json", "[" * 100_000, "a.json: is nested too deeply"),
        ("a.txt", "{'a': open('x')}", "a.txt:1: open('x') is no literal"),
        ("a.txt", "{'a': __import__('os').system('ls')}", "is no literal"),
        ("a.txt", "pd.DataFrame([[1]]).to_csv('stolen')", "is no literal"),
        ("a.txt", "{" * 2_000, "a.txt"),
        ("a.md", "| a | b |\n|---|---|\n| 1 |\n", "a.md:3: 1 cells, and the header has 2"),
        ("a.csv", "a\0b", "zero byte"),
        ("a.txt", "   a  ...\n0  1  ...\n", "a.txt:1: rows or columns are left out"),
        ("a.txt", "   a  b  \\\n0  1  2\n", "a.txt:1: the columns are printed in pieces"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_in_one_line_with_its_place(tmp_path, name, text, words):
    path = write(tmp_path, name, text)
    with pytest.raises(DataError) as caught:
        read(path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text_and_missing_files_are_told(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"a\n\xff\xfa\n")
    with pytest.raises(DataError, match=r"a\.csv:2: no text in UTF-8"):
        read(str(tmp_path / "a.csv"))
    with pytest.raises(DataError, match="cannot be read"):
        read(str(tmp_path / "none.csv"))


def test_a_hundred_thousand_columns_are_refused_at_once(tmp_path):
    line = ",".join(map(str, range(100_000)))
    with pytest.raises(DataError, match="100000 columns, more than 1000"):
        read(write(tmp_path, "a.csv", f"{line}\n{line}\n"))


def test_a_folder_is_an_example_and_a_folder_of_folders_several(tmp_path):
    for number in (1, 2):
        part = tmp_path / str(number)
        part.mkdir()
        for name, value in (("in1", 1), ("in2", 2), ("in10", 3), ("out", 4)):
            write(part, f"{name}.csv", f"a\n{number * value}\n")
    examples, names = files.read_folder(str(tmp_path))
    assert names == ("df1", "df2", "df3")
    assert [frame["a"].tolist() for frame in examples[1].inputs] == [[2], [4], [6]]
    assert examples[1].output["a"].tolist() == [8]
    (tmp_path / "2" / "out.csv").unlink()
    with pytest.raises(DataError, match=r"one file out\.csv"):
        files.read_folder(str(tmp_path))


def test_one_table_may_come_from_stdin(tmp_path, monkeypatch):
    out = write(tmp_path, "o.csv", "a\n1\n")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a,b\n1,2\n")))
    assert files.read_example(["-"], out).inputs[0].shape == (1, 2)
    with pytest.raises(InputError, match="only one"):
        files.read_example(["-"], "-")


def test_values_other_than_tables_are_read(tmp_path):
    assert read(write(tmp_path, "n.txt", "42\n")) == 42
    assert read(write(tmp_path, "l.json", "[1, 2]")) == [1, 2]
    assert read(write(tmp_path, "d.json", json.dumps({"a": 1, "b": 2}))) == {"a": 1, "b": 2}
