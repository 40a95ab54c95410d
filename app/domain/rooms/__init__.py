"""A room is a place of one tenant that access tokens may be bound to, until it is ended."""

from app.domain.rooms.rooms import Room, end, find, hold, open_room, page

__all__ = ["Room", "end", "find", "hold", "open_room", "page"]
