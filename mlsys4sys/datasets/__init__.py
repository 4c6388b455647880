"""Data the project ships with, as each community writes it; knows no domain."""
