"""`python -m sqlstore.migrate`."""

from sqlstore.migrate import main

main(prog_name="python -m sqlstore.migrate")
