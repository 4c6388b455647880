"""Command: ``mlsys4sys train autopandas``."""

from __future__ import annotations

from pathlib import Path

import click

from mlsys4sys import console


@click.command("autopandas", cls=console.Command)
@click.option("--output", metavar="FOLDER", required=True, help="Where to write policy, value and meant.safetensors.")
@click.option("--data", metavar="FOLDER", help="Where drawn tasks are kept. [default: OUTPUT/data]")
@click.option(
    "--tasks", type=click.IntRange(1), default=20_000, show_default=True, help="Tasks to train the policy on."
)
@click.option("--steps", type=click.IntRange(1), default=3_300, show_default=True, help="Batches of the policy.")
@click.option(
    "--judged", type=click.IntRange(1), default=180, show_default=True, help="Drawn tasks to search for the judge."
)
@click.option(
    "--asked", type=click.IntRange(1), default=369, show_default=True, help="Written questions to search for the judge."
)
@click.option(
    "--posted",
    type=click.IntRange(1),
    default=1_000,
    show_default=True,
    help="Questions of many kinds to search for the judge, all that there are at most.",
)
@click.option("--workers", type=click.IntRange(1), default=2, show_default=True, help="Processes that search.")
@click.option(
    "--expanded", type=click.IntRange(1), default=500, show_default=True, help="Drawn tasks to train the value on."
)
@click.option("--only", type=click.Choice(["policy", "value", "judge"]), help="Train one of the three. [default: all]")
@console.seed_option
@console.json_option
@console.quiet_option
def train_autopandas(
    output: str,
    data: str | None,
    tasks: int,
    steps: int,
    judged: int,
    asked: int,
    posted: int,
    workers: int,
    expanded: int,
    only: str | None,
    seed: int,
    as_json: bool,
    quiet: bool,
) -> None:
    """Train what orders calls and tables and ranks programs; the defaults give the weights that ship (hours)."""
    from mlsys4sys.autopandas import train as training
    from mlsys4sys.autopandas.policy import Policy
    from mlsys4sys.autopandas.value import Value

    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    counts = f"--tasks {tasks} --steps {steps} --judged {judged} --asked {asked} --posted {posted} --workers {workers}"
    counts += f" --expanded {expanded} --seed {seed}"
    command = f"mlsys4sys train autopandas {counts}" + (f" --only {only}" if only else "")
    recipe = training.Recipe(
        seed=seed,
        tasks=tasks,
        steps=steps,
        judged=judged,
        asked=asked,
        posted=posted,
        workers=workers,
        expanded=expanded,
        command=command,
    )
    drawn = Path(data) if data else folder / "data"
    found = {}
    with console.Progress(quiet=quiet) as progress:
        policy, value = Policy.load_shipped(), Value.load_shipped()
        if only in (None, "policy"):
            policy = training.train_policy(recipe, drawn, report=progress)
            policy.save(folder / "policy.safetensors")
            found["policy"] = policy.config
        if only in (None, "value"):
            value = training.train_value(recipe, report=progress)
            value.save(folder / "value.safetensors")
            found["value"] = value.config
        if only in (None, "judge"):
            judge = training.train_judge(recipe, drawn, guides=training.Guides(policy, value), report=progress)
            judge.save(folder / "meant.safetensors")
            found["judge"] = judge.config
    if as_json:
        console.print_json(found)
    else:
        click.echo("\n".join(f"{name}: {config}" for name, config in found.items()))
