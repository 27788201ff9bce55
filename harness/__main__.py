"""`python -m harness` is the `labrys` command."""

from harness.cli import main

main()
