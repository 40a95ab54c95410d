"""What an access token says of its session, held against what is so."""

import pytest

from app.domain.refresh_tokens import upholds


@pytest.mark.parametrize(
    ("held", "role", "scope", "holds"),
    [
        ("rooms:read rooms:write", "host", "rooms:read rooms:write", True),
        ("rooms:read rooms:write", "host", "rooms:write", True),
        ("rooms:read", "host", "rooms:read rooms:write", False),
        ("rooms:reader", "host", "rooms:read", False),
        ("", "host", "rooms:read", False),
        (None, "host", "rooms:read", False),
        ("rooms:read", None, "rooms:read rooms:write", True),
        (None, None, "rooms:read", False),
    ],
)
def test_a_participants_token_says_no_more_than_its_session_has(held, role, scope, holds):
    """
    I3: a token of a participant is over with the first right that its session has lost, also within the second of the
    change; one of a tenant keeps for its short life what it was minted with; and none outlives its session.
    """
    assert upholds(held, role, scope) is holds
