"""The root command ``mlsys4sys``; each subcommand is imported only when it runs."""

from __future__ import annotations

import click

from mlsys4sys import __version__
from mlsys4sys.console import LazyGroup

COMMANDS = {
    "optimize-query": ("mlsys4sys.joinopt.cli:optimize_query", "A faster join order for an SQL query on DuckDB."),
    "demo": ("mlsys4sys.joinopt.cli:demo", "Analysts' questions on a bundled database: DuckDB's plans against ours."),
    "build-classifier": ("mlsys4sys.neurocuts.cli:build_classifier", "A proven packet classifier from filter rules."),
    "classify": ("mlsys4sys.neurocuts.cli:classify", "Packets of a capture or trace by a classifier."),
    "export-classifier": ("mlsys4sys.neurocuts.rules_cli:export_classifier", "A classifier as C, eBPF, or for DPDK."),
    "rules": ("mlsys4sys.neurocuts.rules_cli:rules_group", "Rule sets: report, diff, convert, generate."),
    "synthesize": ("mlsys4sys.autopandas.cli:synthesize", "Pandas code that turns example tables into the wanted one."),
    "train": ("mlsys4sys.cli:train", "Train or calibrate what ships with the package."),
}

TRAINING = {
    "autopandas": ("mlsys4sys.autopandas.cli_train:train_autopandas", "What orders calls and ranks programs."),
    "calibrate": ("mlsys4sys.joinopt.cli:train_calibrate", "The cost of DuckDB's joins and scans on this machine."),
    "joinopt": ("mlsys4sys.joinopt.cli:train_joinopt", "The join-order policy."),
    "neurocuts": ("mlsys4sys.neurocuts.cli_train:train_neurocuts", "The policy that chooses partitions of rules."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
@click.version_option(__version__, prog_name="mlsys4sys")
def main() -> None:
    """Learned optimizers for systems: policies propose, checkers verify, one runtime runs both."""


@click.group(cls=LazyGroup, lazy=TRAINING)
def train() -> None:
    """Train or calibrate what ships with the package."""
