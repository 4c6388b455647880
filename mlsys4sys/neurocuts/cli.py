"""Commands: ``mlsys4sys build-classifier``, ``mlsys4sys classify``; ``mlsys4sys rules`` is in rules_cli.py."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import Any

import click

from mlsys4sys import console
from mlsys4sys.errors import InputError
from mlsys4sys.neurocuts.reading import read_rules, reading_options, tell_losses


@click.command(cls=console.Command)
@click.argument("rules")
@click.option("-o", "--output", metavar="FILE", required=True, help="Where to write the classifier.")
@click.option(
    "--objective", default="time", show_default=True, help="time, space, latency, or a weight of time in 0..1."
)
@click.option("--budget-s", type=click.FloatRange(0, min_open=True), default=30.0, show_default=True, help="Seconds.")
@click.option("--max-bytes-per-rule", type=float, default=100.0, show_default=True, help="By the paper's metric.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the search's chance.")
@click.option("--policy", metavar="FILE", default="shipped", show_default=True, help="Weights that guide the search.")
@click.option("--no-policy", is_flag=True, help="Search without the network.")
@click.option("--json", "as_json", is_flag=True, help="Print figures as JSON.")
@click.option("--show", is_flag=True, help="Print the upper levels of the tree.")
@click.option("-q", "--quiet", is_flag=True, help="No progress on stderr.")
@reading_options
def build_classifier(
    rules: str,
    output: str,
    objective: str,
    budget_s: float,
    max_bytes_per_rule: float,
    seed: int,
    policy: str,
    *,
    no_policy: bool,
    as_json: bool,
    show: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Build a packet classifier for RULES (a file of any known format, - for stdin), prove it, and write it."""
    from mlsys4sys.neurocuts import ClassifierBuilder

    rule_set = read_rules(rules, options)
    tell_losses(rule_set, quiet=quiet)
    with console.Progress(quiet=quiet) as progress:
        classifier = ClassifierBuilder(
            objective=objective if objective in ("time", "space", "latency") else _weight(objective),
            budget_s=budget_s,
            seed=seed,
            policy=None if no_policy else policy,
            max_bytes_per_rule=max_bytes_per_rule,
            report=progress,
        ).build(rule_set)
    classifier.save(output)
    stats = classifier.stats
    if as_json:
        click.echo(json.dumps({"rules": len(rule_set), "proven": True, "file": output, **asdict(stats)}))
        return
    click.echo(
        f"{len(rule_set)} rules in {stats.build_s:.1f} s, by {stats.origin}: at most {stats.worst_accesses} accesses "
        f"(mean {stats.mean_accesses:.1f}), {stats.bytes_per_rule:.1f} bytes per rule, {stats.size_bytes} bytes in use"
    )
    click.echo(f"proven equal to the rule list on {classifier.certificate.checked} regions; written to {output}")
    if show:
        click.echo(classifier.text())


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"--objective must be time, space, latency or a number in 0..1, not {text!r}") from None


@click.command(cls=console.Command)
@click.argument("file")
@click.argument("packets")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="That may share the work.")
@click.option("--each", is_flag=True, help="Print the rule of each packet instead of counts.")
@click.option("--json", "as_json", is_flag=True, help="Print counts as JSON.")
def classify(file: str, packets: str, threads: int, *, each: bool, as_json: bool) -> None:
    """Classify PACKETS (a pcap or pcapng capture, or lines of numbers) by the classifier in FILE."""
    import numpy as np

    from mlsys4sys.neurocuts import Classifier
    from mlsys4sys.neurocuts.packets import read

    classifier = Classifier.load(file)
    words = read(packets, classifier.rules.columns)
    started = time.perf_counter()
    found = classifier.classify(words, threads=threads)
    seconds = time.perf_counter() - started
    if each:
        click.echo("\n".join(map(str, found.tolist())))
        return
    rules, counts = np.unique(found, return_counts=True)
    if as_json:
        pairs = {str(rule): count for rule, count in zip(rules.tolist(), counts.tolist(), strict=True)}
        click.echo(json.dumps({"packets": len(words), "seconds": seconds, "rules": pairs}))
        return
    click.echo(f"{len(words)} packets in {1e3 * seconds:.1f} ms; most matched:")
    for place in np.argsort(-counts)[:20]:
        rule = int(rules[place])
        source = classifier.rules.sources[rule] if rule >= 0 and classifier.rules.sources else ""
        click.echo(f"{counts[place]:>10}  {'no rule' if rule < 0 else f'rule {rule}'}  {source}")
