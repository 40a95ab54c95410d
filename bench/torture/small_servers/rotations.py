"""How a small server keeps its sessions: rightly, or wrongly in one of two ways."""

import threading
import uuid
from dataclasses import dataclass, field

_CAREFREE_SECONDS = 0.003


@dataclass
class Token:
    """A refresh token, its session, and what became of it: its successors, and the request that spent it."""

    text: str
    session: "Session"
    spent: bool = False
    key: str | None = None
    children: list[str] = field(default_factory=list)


@dataclass
class Session:
    """A session; revoked, nothing of it works."""

    name: str
    revoked: bool = False


class Right:
    """Claims a token under a lock, gives a retry the same successor, ends a session whose spent token comes back."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.tokens: dict[str, Token] = {}

    def start(self) -> Token:
        """Open a session."""
        return self.mint(Session(uuid.uuid4().hex))

    def refresh(self, presented: str, key: str | None) -> Token | None:
        """Rotate; None is a refusal."""
        with self.lock:
            token = self.tokens.get(presented)
            if token is None or token.session.revoked:
                return None
            if not token.spent:
                return self.spend(token, key)
            child = self.tokens[token.children[-1]]
            if key is not None and key == token.key:
                # A late copy of a request that was served harms nobody; while the successor is unused, it is a retry.
                return None if child.spent else self.again(token)
            token.session.revoked = True
            return None

    def revoke(self, presented: str) -> None:
        """End the session of a token."""
        with self.lock:
            token = self.tokens.get(presented)
            if token is not None:
                token.session.revoked = True

    def again(self, token: Token) -> Token:
        """Answer a retry."""
        return self.tokens[token.children[-1]]

    def spend(self, token: Token, key: str | None) -> Token:
        """Rotate a token for the first time."""
        token.spent, token.key = True, key
        child = self.mint(token.session)
        token.children.append(child.text)
        return child

    def mint(self, session: Session) -> Token:
        """Make a token."""
        token = Token(uuid.uuid4().hex, session)
        self.tokens[token.text] = token
        return token


class SiblingsOnRetry(Right):
    """Wrong: a retry gets another successor each time, and all of them live."""

    def again(self, token: Token) -> Token:
        """Answer a retry with a sibling of what was lost."""
        child = self.mint(token.session)
        token.children.append(child.text)
        return child


class SaveThenRevoke(Right):
    """Wrong: looks, saves the new token, and only then marks the old one; who comes in between is served as well."""

    def refresh(self, presented: str, key: str | None) -> Token | None:
        """Rotate without a claim."""
        token = self.tokens.get(presented)
        if token is None or token.session.revoked:
            return None
        if token.spent:
            return super().refresh(presented, key)
        child = self.mint(token.session)
        # What a database needs to save a row.
        threading.Event().wait(_CAREFREE_SECONDS)
        token.children.append(child.text)
        token.spent, token.key = True, key
        return child


KINDS: dict[str, type[Right]] = {
    "right": Right,
    "save-then-revoke": SaveThenRevoke,
    "siblings-on-retry": SiblingsOnRetry,
}
