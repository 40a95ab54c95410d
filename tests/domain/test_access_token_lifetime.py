"""How long an access token lives."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.access_tokens import lifetime

NOW = datetime(2026, 11, 24, 12, 0, 0, 600_000, tzinfo=UTC)
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def test_an_access_token_lives_as_long_as_is_set():
    """
    D2, D6: `iat` is now in whole seconds, and `exp` so many seconds later.
    """
    issued, expires = lifetime(NOW, 3600, NOW + timedelta(days=90))

    assert issued == datetime(2026, 11, 24, 12, tzinfo=UTC).timestamp()
    assert expires - issued == 3600
    assert (type(issued), type(expires)) == (int, int)


@pytest.mark.parametrize(("left", "lives"), [(3601, 3600), (3600, 3600), (3599, 3599), (1, 1), (0.4, 1), (0.3, 0)])
def test_an_access_token_ends_with_its_session(left, lives):
    """
    C7: near the end of a session the token is shorter, in whole seconds of the clock.
    """
    issued, expires = lifetime(NOW, 3600, NOW + timedelta(seconds=left))

    assert expires - issued == lives


@given(now=MOMENTS, ttl=st.integers(30, 86_400), left=st.timedeltas(timedelta(0), timedelta(days=90)))
def test_an_access_token_never_outlives_its_session(now, ttl, left):
    """
    C7, D6: never past the session, never longer than is set, and never of a negative life.
    """
    issued, expires = lifetime(now, ttl, now + left)

    assert 0 <= expires - issued <= ttl
    assert issued <= now.timestamp() < issued + 1
    assert expires <= (now + left).timestamp()
