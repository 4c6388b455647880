"""Learned optimizers for systems: policies propose, checkers verify, one runtime runs both."""

__version__ = "0.1.0"
