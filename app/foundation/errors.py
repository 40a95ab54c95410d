"""The one root of every refusal that is made on purpose."""

from typing import ClassVar


class ServiceError(Exception):
    """
    A refusal made on purpose. Anything else that is raised is a bug.

    Subclasses give a stable `code` for machines and a `public` sentence for people; neither may
    carry anything of the request.
    """

    code: ClassVar[str]
    public: ClassVar[str]

    def __init__(self) -> None:
        super().__init__(self.public)


class DatabaseAwayError(ServiceError):
    """
    The database cannot be reached, or cannot answer; the caller may try again.

    Whether the work was done is not known: the answer to a commit may be what was lost.
    """

    code = "database_away"
    public = "The service is temporarily unavailable"


class ConfigurationError(Exception):
    """The server cannot start as it is configured; the message says what to do about it."""
