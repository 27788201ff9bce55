"""What may go wrong in judging that is neither a verdict nor a mistake in the history."""


class ModelError(Exception):
    """A model failed: it raised, or what it answered is not a state. The message names the
    operation.

    The author of the model has to mend it; nothing is known of the history.
    """


class InternalError(Exception):
    """Two parts of the checker contradict each other: a mistake of its own, never a verdict."""
