"""``python -m mlsys4sys``."""

from mlsys4sys.cli import main

main()
