"""`labrys clean`: removes what dead runs left."""


def clean() -> None:
    """Remove what dead runs left: containers, networks, volumes, rules, processes."""
    from harness.environments.leftovers import remove_leftovers

    removed = remove_leftovers()
    for leftover in removed:
        print(f"removed {leftover.kind} {leftover.name}")
    if not removed:
        print("nothing to remove")
