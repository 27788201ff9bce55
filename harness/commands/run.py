"""`labrys run`: one run, from its options to its page."""

from pathlib import Path

import typer

from harness.commands import options
from harness.commands.ended import judge_and_tell
from harness.commands.output import note
from harness.errors import require_assertions

_SETTLED = {
    "docker": "a Docker engine answers, so nodes run in containers",
    "namespaces": "no container can be made of this here, so nodes run in network namespaces",
    "local": "neither docker nor namespaces can be used, so nodes run as local processes",
}


@options.of_a_run(*options.OF_A_RUN)
def run(
    given: options.Given,
    system: options.MaybeSystem = None,
    config: options.Config = None,
    store: options.Store = Path("store"),
    certify: options.Certify = True,
    as_json: options.AsJson = False,
) -> None:
    """Start a cluster, drive clients and faults, judge the history, write the report."""
    from harness.commands.progress import shown
    from harness.conduct import conduct, new_seed, settle
    from harness.config import RunConfig
    from harness.environments.lab import enter_user_namespace

    require_assertions()
    found = options.found_options(config)
    named = {} if system is None else {"system": system}
    with options.named_as_written(given, found):
        wanted = RunConfig.asked({"seed": new_seed(), **found.values, **named, **given})
    settled = settle(wanted)
    if settled.environment != wanted.environment:
        note(_SETTLED[settled.environment])
    if settled.environment == "namespaces":
        enter_user_namespace()
    directory = conduct(settled, store, shown)
    raise typer.Exit(judge_and_tell(directory.path, as_json, fresh=True, certify=certify))
