"""Take whatever the schedule of the signing keys asks for, and have the current ones at hand."""

from app.flows import steps
from app.flows.tools import Tools


def tend_signing_keys(tools: Tools) -> None:
    """
    Publish, activate and drop signing keys as they fall due, and read them anew; at the very start, make them.

    Whichever worker comes first does it; run by many at once, each step is taken by one.

    Raises:
        DatabaseAwayError: nothing could be read; the keys in memory go on.
        ConfigurationError: a key does not open with this master key.
    """
    steps.tend(tools)
