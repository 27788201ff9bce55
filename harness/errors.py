"""The harness's errors and the exit statuses of its commands.

Every message is one sentence or two, and ends with what to do.

HarnessError            the harness or its environment failed: exit status 255
  EnvironmentFailed     nodes could not be started, reached or controlled
UsageError              wrong arguments, files or names: exit status 254
  OptionError           an option of a run has a value that it cannot have
"""

STATUS = {"valid": 0, "invalid": 1, "unknown": 2}
"""The exit status that tells a verdict."""

USAGE, FAILED = 254, 255


class HarnessError(Exception):
    """The harness or its environment failed; nothing is known of the system under test."""


class EnvironmentFailed(HarnessError):
    """Nodes could not be started, reached or controlled."""


class UsageError(Exception):
    """What the user asked for makes no sense or does not exist."""


def require_assertions() -> None:
    """`UsageError` where Python was told to leave assertions out: violations are found by them."""
    if not __debug__:
        raise UsageError(
            "without assertions Labrys would miss violations; run it without -O and PYTHONOPTIMIZE"
        )


class OptionError(UsageError):
    """An option of a run has a value that it cannot have.

    `problem` follows the option's name: options come from the command line, from TOML and from
    tests, and each calls them its own way.
    """

    def __init__(self, option: str, problem: str) -> None:
        super().__init__(f"{option} {problem}")
        self.option = option
        self.problem = problem


def install_line(error: ImportError) -> str:
    """What to do where a library is missing."""
    library = (error.name or "it").partition(".")[0]
    return f"install the library that has it, most likely with: pip install {library}"
