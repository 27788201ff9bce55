"""`python -m harness` is the `labrys` command."""

from harness.cli import main

# A worker of `--jobs` imports this module, too.
if __name__ == "__main__":
    main()
