"""What can come of presenting a refresh token: the rows of the table in CONTRACT 5, one value each."""

from dataclasses import dataclass

from app.domain.refresh_tokens.family import Family


@dataclass(frozen=True)
class Rotated:
    """The token was the living end of its family, and is spent now."""

    family: Family


@dataclass(frozen=True)
class Retried:
    """The client lost our answer; it gets the same successor again."""

    family: Family


@dataclass(frozen=True)
class Healed:
    """The database had lost a rotation that we promised; the family has moved past it."""

    family: Family
    behind: int


@dataclass(frozen=True)
class Duplicate:
    """A late copy of a request that was served before: refused, nobody is harmed."""

    family: Family


@dataclass(frozen=True)
class Reused:
    """A spent token came back, `behind` rotations late; its family has been revoked, which is still to be committed."""

    family: Family
    behind: int


@dataclass(frozen=True)
class Ended:
    """The family was revoked or has expired."""


@dataclass(frozen=True)
class Unknown:
    """There is no such family, or it is another client's."""


@dataclass(frozen=True)
class Unreadable:
    """Whether it is a retry cannot be told here: the tags of its family were made under the master key `kid`."""

    kid: str


RotateOutcome = Rotated | Retried | Healed | Duplicate | Reused | Ended | Unknown | Unreadable
