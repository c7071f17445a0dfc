"""`python -m sqlstore`."""

from sqlstore.cli import main

main(prog_name="python -m sqlstore")
