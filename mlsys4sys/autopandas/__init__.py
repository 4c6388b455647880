"""Pandas programs from examples: tables in, the table that is wanted out, readable code back.

>>> from mlsys4sys.autopandas import synthesize
"""
