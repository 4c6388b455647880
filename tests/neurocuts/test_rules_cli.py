from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mlsys4sys.cli import main
from tests.neurocuts.formats.texts import ALL, IPTABLES


def run(*words: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, ["rules", *words], input=stdin)


@pytest.fixture
def firewall(tmp_path: Path) -> str:
    path = tmp_path / "rules.v4"
    path.write_text(IPTABLES)
    return str(path)


def test_a_report_tells_what_covers_what_and_what_was_lost(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("src,action\n10.0.0.0/8,drop\n10.1.0.0/16,accept\n11.0.0.0/8,drop\n*,drop\n")
    result = run("report", str(path))
    assert result.exit_code == 0
    assert "1 of 4 rules never match" in result.stdout
    assert "rule 0 covers it: a.csv:2: 10.0.0.0/8,drop" in result.stdout
    assert "2 rules are redundant" in result.stdout
    found = json.loads(run("report", str(path), "--json").stdout)
    assert found["never_match"] == [{"rule": 1, "covered_by": 0, "source": "a.csv:3: 10.1.0.0/16,accept"}]
    assert {row["rule"] for row in found["redundant"]} == {0, 2}


@pytest.mark.parametrize("name", sorted(ALL))
def test_every_format_is_reported_from_stdin(name: str) -> None:
    result = run("report", "-", "--json", stdin=ALL[name])
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["rules"] > 0


def test_a_set_equals_itself_and_differs_from_a_changed_one(firewall: str, tmp_path: Path) -> None:
    assert run("diff", firewall, firewall).exit_code == 0
    other = tmp_path / "other.v4"
    other.write_text(IPTABLES.replace("--sport 53 -j ACCEPT", "--sport 54 -j ACCEPT"))
    result = run("diff", firewall, str(other))
    assert result.exit_code == 3
    assert "sport 53" in result.stdout
    assert "rules.v4:11: -A INPUT -p udp -m udp --sport 53 -j ACCEPT" in result.stdout
    found = json.loads(run("diff", firewall, str(other), "--json").stdout)
    assert found["equal"] is False
    assert found["differences"][0]["packet"]["proto"] == 17


def test_sets_of_different_fields_and_interfaces_are_brought_together(tmp_path: Path) -> None:
    head = "*filter\n:INPUT DROP [0:0]\n"
    texts = {
        "a": "-A INPUT -i eth0 -j ACCEPT\n",
        "b": "-A INPUT -i eth1 -j DROP\n-A INPUT -i eth0 -m conntrack --ctstate NEW -j ACCEPT\n"
        "-A INPUT -i eth0 -j ACCEPT\n",
        "c": "-A INPUT -i eth+ -j ACCEPT\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(f"{head}{text}COMMIT\n")
    assert run("diff", str(tmp_path / "a"), str(tmp_path / "b")).exit_code == 0
    result = run("diff", str(tmp_path / "b"), str(tmp_path / "c"))
    assert result.exit_code == 3
    assert "iif eth" in result.stdout


def test_rules_are_converted_and_equal_what_they_were(firewall: str, tmp_path: Path) -> None:
    plain = ("--given", "iif=eth0", "--given", "ctstate=NEW", "--unknown", "deny")
    for to in ("csv", "iptables", "nft-json"):
        out = tmp_path / f"out.{to}"
        result = run("convert", firewall, "--to", to, "-o", str(out), *plain)
        assert result.exit_code == 0, result.stderr
        assert "warning" in result.stderr
        back = run("diff", firewall, str(out), *plain)
        assert back.exit_code == 0, back.stdout
    assert run("convert", firewall, "--to", "nft", *plain).stdout.startswith("table ip filter {")


def test_rules_that_need_more_fields_are_not_written_as_five_tuples(firewall: str) -> None:
    result = run("convert", firewall, "--to", "classbench")
    assert result.exit_code == 1
    assert "ctstate" in result.stderr
    assert result.stdout == ""


def test_generated_rules_and_packets_can_be_read_again(tmp_path: Path) -> None:
    names = run("generate", "list").stdout.split()
    out, trace = tmp_path / "g.rules", tmp_path / "g.trace"
    result = run("generate", names[0], "-n", "50", "-o", str(out), "--trace", str(trace), "--packets", "20", "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["rules"] == len(out.read_text().splitlines())
    assert len(trace.read_text().splitlines()) == 20
    assert run("report", str(out)).exit_code == 0


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("report", "/nowhere"), "cannot be read"),
        (("report", "-"), "cannot be told"),
        (("report", "-", "--given", "x"), "NAME=VALUE"),
        (("generate", "nothing-like-it"), "nothing-like-it"),
    ],
)
def test_errors_are_one_line(words: tuple[str, ...], shown: str) -> None:
    result = run(*words, stdin="what is this" if "--given" not in words else "*filter\n:INPUT DROP\nCOMMIT")
    assert result.exit_code == 1
    assert shown in result.stderr
    assert result.stderr.count("\n") == 1


def test_any_format_is_built_and_exported(firewall: str, tmp_path: Path) -> None:
    file = tmp_path / "x.ncut"
    words = ["build-classifier", firewall, "-o", str(file), "--budget-s", "0.5", "--given", "iif=eth0", "-q"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.stderr
    for to in ("c", "dpdk-c", "dpdk"):
        result = CliRunner().invoke(main, ["export-classifier", str(file), "--to", to])
        if to == "c":
            assert result.exit_code == 0, result.stderr
            assert "classifier_classify" in result.stdout
        else:  # the states of connections are no part of a five-tuple
            assert result.exit_code == 1
            assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "name", ["export-classifier", *(f"rules {each}" for each in ("report", "diff", "convert", "generate"))]
)
def test_every_option_stands_in_the_docs(name: str) -> None:
    docs = (Path(__file__).parents[2] / "docs" / "commands.md").read_text(encoding="utf-8")
    assert f"## mlsys4sys {name}\n" in docs
    shown = CliRunner().invoke(main, [*name.split(), "--help"]).stdout
    options = set(re.findall(r"--[a-z][a-z-]+", shown)) - {"--help"}
    assert options
    assert not [option for option in options if option not in docs]
