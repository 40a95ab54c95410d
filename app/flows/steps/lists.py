"""Pages of lists."""

from collections.abc import Sequence
from typing import Protocol, TypeVar
from uuid import UUID

from app.flows.refusals import InvalidRequestError
from app.flows.tools import Tools
from app.foundation.pages import Page


class Identified(Protocol):
    """Anything that stands in a list in the order of its id."""

    @property
    def id(self) -> UUID:
        """Give its id."""
        ...


Item = TypeVar("Item", bound=Identified)


def open_cursor(tools: Tools, owner: str, cursor: str | None) -> UUID | None:
    """Read where a list goes on; `owner` names the list and whose it is, and the cursor must be of exactly that."""
    if cursor is None:
        return None
    after = tools.cursors.open(owner, cursor)
    if after is None:
        raise InvalidRequestError("cursor", "must be a next_cursor of this list")
    return after


def cut(tools: Tools, owner: str, found: Sequence[Item], limit: int) -> Page[Item]:
    """Make a page of what was found, and seal the next cursor if more was found than fits."""
    items = found[:limit]
    return Page(items=items, next_cursor=tools.cursors.seal(owner, items[-1].id) if len(found) > limit else None)
