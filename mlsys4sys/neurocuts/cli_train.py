"""The command ``mlsys4sys train neurocuts``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mlsys4sys import console


@click.command("neurocuts", cls=console.Command)
@click.option("--output", metavar="FILE", required=True, help="Where to write the weights (.safetensors).")
@click.option("--sets", type=click.IntRange(2), default=75, show_default=True, help="Generated rule sets of a round.")
@click.option("--rounds", type=click.IntRange(1), default=1, show_default=True, help="Rounds of expert iteration.")
@click.option("--ppo", metavar="RULES", help="Instead: the paper's PPO from scratch on this rule set (the reference).")
@click.option(
    "--steps", type=click.IntRange(1), default=50_000, show_default=True, help="Of the environment, with --ppo."
)
@click.option("--portfolio", is_flag=True, help="Instead: what builds for measured time try first, and its network.")
@console.seed_option
@console.json_option
@console.quiet_option
def train_neurocuts(
    output: str,
    sets: int,
    rounds: int,
    ppo: str | None,
    steps: int,
    portfolio: bool,
    seed: int,
    as_json: bool,
    quiet: bool,
) -> None:
    """Train the policy on generated rule sets; the defaults give the weights that ship (some minutes)."""
    from mlsys4sys.neurocuts import train as training

    with console.Progress(quiet=quiet) as progress:
        if ppo is not None:
            shown = training.train_reference(ppo, output, steps=steps, seed=seed, report=progress)
        elif portfolio:
            from mlsys4sys.neurocuts import train_portfolio

            command = f"mlsys4sys train neurocuts --portfolio --seed {seed} --output {Path(output).name}"
            made = train_portfolio.train(train_portfolio.PortfolioConfig(), seed=seed, command=command, report=progress)
            made.save(output)
            shown = dict(made.made)
        else:
            command = (
                f"mlsys4sys train neurocuts --sets {sets} --rounds {rounds} --seed {seed} --output {Path(output).name}"
            )
            config = training.TrainConfig(sets=sets, rounds=rounds)
            policy = training.train(config, seed=seed, command=command, report=progress)
            policy.save(output)
            shown = dict(policy.made)
    _show(shown, as_json)


def _show(values: dict[str, Any], as_json: bool) -> None:
    if as_json:
        console.print_json(values)
    else:
        click.echo("\n".join(f"{name}: {value}" for name, value in values.items()))
