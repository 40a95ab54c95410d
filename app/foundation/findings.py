"""What an audit finds in the store: something that may never be there."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """
    One fact that breaks a rule.

    Args:
        rule: a short name that stays the same, for machines.
        subject: what it is about, by the id that stands on the wire.
        what: the fact, in a sentence without a full stop.
    """

    rule: str
    subject: str
    what: str
