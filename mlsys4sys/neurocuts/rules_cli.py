"""Commands: ``mlsys4sys rules report | diff | convert | generate``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from mlsys4sys import console
from mlsys4sys.errors import DataError
from mlsys4sys.neurocuts.reading import read_rules, reading_options, tell_losses


@click.group(name="rules", cls=console.LazyGroup)
def rules_group() -> None:
    """Look into rule sets, compare, convert and make them."""


@rules_group.command(cls=console.Command)
@click.argument("rules")
@reading_options
@console.json_option
def report(rules: str, *, as_json: bool, **options: Any) -> None:
    """List rules in RULES (- is stdin) that one could do without, and what its format said that rules cannot say.

    A rule that never matches is shadowed; one whose packets would get the same action without it is redundant. Both are
    proven on the whole space, and all that are listed can be taken out together.
    """
    from mlsys4sys.neurocuts import compare

    rule_set = read_rules(rules, options)
    found = compare.report(rule_set)
    if as_json:

        def rows(which: dict[int, int | None]) -> list[dict[str, Any]]:
            return [{"rule": rule, "covered_by": by, "source": _source(rule_set, rule)} for rule, by in which.items()]

        console.print_json(
            {
                "rules": len(rule_set),
                "fields": [own.name for own in rule_set.fields],
                "never_match": rows(found.shadowed),
                "redundant": rows(found.redundant),
                "losses": rule_set.losses.to_json(),
            }
        )
        return
    click.echo(f"{len(found.shadowed)} of {len(rule_set)} rules never match")
    _list(rule_set, found.shadowed, "several rules cover it together")
    if rule_set.actions:
        click.echo(f"{len(found.redundant)} rules are redundant: without them every packet gets the same action")
        _list(rule_set, found.redundant, "several later rules answer alike")
    if rule_set.losses:
        click.echo(f"{len(rule_set.losses)} things that plain rules cannot say:")
        click.echo("\n".join(f"  {loss}" for loss in rule_set.losses))


def _list(rule_set: Any, which: dict[int, int | None], several: str) -> None:
    for rule, by in which.items():
        why = f"rule {by} covers it: {_source(rule_set, by)}" if by is not None else several
        click.echo(f"rule {rule}  {_source(rule_set, rule)}\n    {why}")


def _source(rule_set: Any, rule: int) -> str:
    return rule_set.sources[rule] if rule >= 0 and rule_set.sources else ""


@rules_group.command(cls=console.Command)
@click.argument("first")
@click.argument("second")
@click.option(
    "--by",
    type=click.Choice(["action", "rule", "match"]),
    help="What to compare; by default actions if both have them.",
)
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="Most differences to show.")
@console.budget_option(60.0)
@reading_options
@console.json_option
def diff(
    first: str, second: str, *, by: str | None, limit: int, budget_s: float, as_json: bool, **options: Any
) -> None:
    """Prove that FIRST and SECOND answer every packet alike, or show packets that they do not.

    Both may be of different formats. Exit code 0: equal; 3: different, or not decided within the budget.
    """
    from mlsys4sys.neurocuts.compare import aligned, compare

    sets = aligned(read_rules(first, options), read_rules(second, options))
    for own in sets:
        tell_losses(own)
    found = compare(*sets, by=by, limit=limit, budget_s=budget_s)  # type: ignore[arg-type]
    if as_json:
        rows = [
            {
                "packet": dict(zip(sets[0].column_names, difference.packet, strict=True)),
                "first": _side(sets[0], difference.first),
                "second": _side(sets[1], difference.second),
            }
            for difference in found.differences
        ]
        console.print_json(
            {
                "equal": found.ok,
                "by": found.by,
                "complete": found.complete,
                "regions": found.checked,
                "differences": rows,
            }
        )
    elif found:
        click.echo(f"equal by {found.by}: proven on {found.checked} regions")
    elif not found.differences:
        click.echo(f"not decided within {budget_s:g} s; so far no difference on {found.checked} regions")
    else:
        more = "" if found.complete else " (there may be more)"
        click.echo(f"different by {found.by}: {len(found.differences)} pairs of rules{more}")
        for difference in found.differences:
            click.echo(sets[0].show(difference.packet))
            for name, rules, rule in (("first", sets[0], difference.first), ("second", sets[1], difference.second)):
                side = _side(rules, rule)
                click.echo(f"    {name:<7} {side['action'] or ('match' if rule >= 0 else 'no rule')}  {side['source']}")
    if not found:
        sys.exit(console.EXIT_NO_ANSWER)


def _side(rules: Any, rule: int) -> dict[str, Any]:
    action = rules.actions[rule] if rule >= 0 and rules.actions else ""
    return {"rule": rule if rule >= 0 else None, "action": action, "source": _source(rules, rule)}


@rules_group.command(cls=console.Command)
@click.argument("rules")
@click.option(
    "--to",
    type=click.Choice(["classbench", "dpdk", "csv", "iptables", "nft", "nft-json"]),
    required=True,
    help="Format.",
)
@click.option("-o", "--output", metavar="FILE", default="-", show_default=True, help="Where to write; - is stdout.")
@click.option("--action", default="accept", show_default=True, help="What rules do where RULES has no actions.")
@click.option("--policy", default="accept", show_default=True, help="iptables, nft: for packets that meet no rule.")
@reading_options
@console.json_option
def convert(rules: str, *, to: str, output: str, action: str, policy: str, as_json: bool, **options: Any) -> None:
    """Write RULES (any format, - is stdin) in another format; what changes on the way is told on stderr."""
    from mlsys4sys.neurocuts.formats.write import write

    rule_set = read_rules(rules, options)
    tell_losses(rule_set)
    made = write(rule_set, to, action=action, policy=policy)
    for note in made.notes:
        click.echo(f"note: {note}", err=True)
    put(output, made.text)
    if as_json and output != "-":
        summary = {"rules": len(rule_set), "file": output, "notes": made.notes, "losses": rule_set.losses.to_json()}
        console.print_json(summary)


@rules_group.command(cls=console.Command)
@click.argument("profile")
@click.option(
    "-n", "--rules", "count", type=click.IntRange(0, 1_000_000), default=1000, show_default=True, help="Rules."
)
@click.option("-o", "--output", metavar="FILE", default="-", show_default=True, help="Where to write; - is stdout.")
@click.option("--trace", metavar="FILE", help="Also write packets, a line each.")
@click.option("--packets", type=click.IntRange(1), default=100_000, show_default=True, help="Packets of --trace.")
@click.option("--kind", default="uniform", show_default=True, help="Kind of --trace: uniform, zipf, pareto.")
@console.seed_option
@console.json_option
def generate(
    profile: str, *, count: int, output: str, trace: str | None, packets: int, kind: str, seed: int, as_json: bool
) -> None:
    """Draw rules in ClassBench's manner and format from PROFILE: a name, or the file of a profile of your own.

    `list` instead of a profile prints the names.
    """
    from mlsys4sys.datasets import rules as drawn

    if profile == "list":
        click.echo("\n".join(drawn.names()))
        return
    made = drawn.generate(profile, count, seed=seed)
    put(output, made.text())
    if trace is not None:
        words = drawn.trace(made.low, made.high, packets, kind=kind, seed=seed)
        put(trace, "".join("\t".join(map(str, row)) + "\n" for row in words.tolist()))
    if as_json and output != "-":
        console.print_json(
            {"rules": len(made), "profile": profile, "seed": seed, "checksum": made.checksum(), "file": output}
        )


@click.command(cls=console.Command)
@click.argument("file")
@click.option("--to", type=click.Choice(["c", "ebpf", "dpdk", "dpdk-c"]), required=True, help="Form.")
@click.option("-o", "--output", metavar="FILE", default="-", show_default=True, help="Where to write; - is stdout.")
@click.option("--name", default="classifier", show_default=True, help="c, ebpf, dpdk-c: what names begin with.")
def export_classifier(file: str, *, to: str, output: str, name: str) -> None:
    """Write the classifier in FILE as code of others.

    c: a header that needs nothing else; ebpf: an XDP program with a bounded loop; dpdk: rules as dpdk-test-acl reads
    them; dpdk-c: a header with fields and rules for rte_acl.
    """
    from mlsys4sys.neurocuts import Classifier
    from mlsys4sys.neurocuts.export import export

    classifier = Classifier.load(file)
    put(output, export(classifier.rules, classifier.tree, to, name=name))


def put(output: str, text: str) -> None:
    """Write a text to a file, ``-`` being stdout.

    Raises:
        DataError: It cannot be written.
    """
    if output == "-":
        click.echo(text, nl=False)
        return
    try:
        Path(output).write_text(text, encoding="utf-8")
    except OSError as error:
        raise DataError(f"{output}: cannot be written ({error.strerror or error})") from None
