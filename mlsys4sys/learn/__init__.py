"""Learners, each algorithm once."""
