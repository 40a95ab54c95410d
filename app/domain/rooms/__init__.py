"""A room is a place of one tenant that access tokens may be bound to, until it is ended."""

from app.domain.rooms.rooms import Room, delete, end, find, hold, open_room, page, rename

__all__ = ["Room", "delete", "end", "find", "hold", "open_room", "page", "rename"]
