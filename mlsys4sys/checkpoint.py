"""Weights on disk: one safetensors file with its configuration as JSON in the metadata. Nothing is ever unpickled."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlsys4sys.errors import CheckpointError, DataError

Arrays = dict[str, NDArray[Any]]


def save(
    path: str | Path, arrays: Mapping[str, NDArray[Any]], *, kind: str, version: int, config: Mapping[str, Any]
) -> None:
    """Write arrays and their configuration; the file appears whole or not at all.

    Args:
        path: Usually ``NAME.safetensors``.
        arrays: Name → array.
        kind: What these are the weights of, for example ``"joinopt.dqn"``.
        version: Raised when the meaning of the arrays changes.
        config: JSON values: how they were made (command, seed, seconds, score) and how to read them.
    """
    from safetensors.numpy import save_file

    target = Path(path)
    metadata = {"kind": kind, "version": str(version), "config": json.dumps(dict(config), sort_keys=True)}
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, partial, metadata)
        partial.replace(target)
    except OSError as error:
        raise DataError(f"{target}: cannot be written ({error.strerror or error})") from None
    finally:
        partial.unlink(missing_ok=True)


def load(path: str | Path, *, kind: str, version: int) -> tuple[Arrays, dict[str, Any]]:
    """Read what :func:`save` wrote.

    Raises:
        CheckpointError: the file is damaged, or of another kind or version.
        DataError: there is no such file.
    """
    from safetensors import SafetensorError, safe_open

    source = Path(path)
    if not source.is_file():
        raise DataError(f"{source}: no such file of weights")
    try:
        with safe_open(source, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        config = json.loads(metadata.get("config", "{}"))
    except (SafetensorError, json.JSONDecodeError, OSError) as error:
        raise CheckpointError(f"{source}: damaged file of weights ({error})") from None
    found = (metadata.get("kind"), metadata.get("version"))
    if found != (kind, str(version)):
        raise CheckpointError(
            f"{source}: holds {found[0]} version {found[1]}, wanted {kind} version {version}; train it again"
        )
    return arrays, config


def check_features(config: dict[str, Any], names: Sequence[str], path: str | Path, *, train: str) -> None:
    """Take the names of features out of a file's configuration and compare them with those of today.

    Args:
        config: As :func:`load` gave it; loses its ``features``.
        names: Of today, in their order.
        path: Of the file.
        train: Which ``mlsys4sys train`` makes such a file.

    Raises:
        CheckpointError: they are others.
    """
    if config.pop("features", None) != list(names):
        raise CheckpointError(f"{path}: trained on other features; train it again: mlsys4sys train {train}")
