"""Identifiers: one spelling each, in the order in which they were made."""

import itertools
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.foundation.identifiers import new_id, parse_id, print_id

CROCKFORD = set("0123456789abcdefghjkmnpqrstvwxyz")
PREFIXES = st.sampled_from(["tenant", "room", "p", "ses", "evt"])


@given(prefix=PREFIXES, value=st.uuids())
def test_an_identifier_is_read_back_as_it_was_printed(prefix, value):
    """
    A printed id is its prefix, `_` and 26 characters, and names the same row again.
    """
    printed = print_id(prefix, value)

    head, _, tail = printed.partition("_")
    assert (head, len(tail)) == (prefix, 26)
    assert set(tail) <= CROCKFORD
    assert parse_id(prefix, printed) == value


@given(presented=st.one_of(st.text(), st.text("0123456789abcdefghjkmnpqrstvwxyzILOU", min_size=26, max_size=26)))
def test_whatever_is_read_has_one_spelling(presented):
    """
    Malleability: a text that is read as an id is exactly the text that we print for it; any other is none.
    """
    for text in (presented, f"room_{presented}"):
        value = parse_id("room", text)
        assert value is None or print_id("room", value) == text


@pytest.mark.parametrize(
    "change",
    [
        str.upper,
        lambda printed: printed.replace("room", "ROOM"),
        lambda printed: printed + "\n",
        lambda printed: " " + printed,
        lambda printed: printed.replace("_", "__"),
        lambda printed: printed.replace("_", "-"),
        lambda printed: printed.removeprefix("room_"),
        lambda printed: printed.replace("room", "tenant"),
        lambda printed: printed[:-1],
        lambda printed: printed + "0",
        lambda printed: printed[:-1] + "\x00",
        lambda printed: printed[:-1] + "é",
        lambda _: "room_8zzzzzzzzzzzzzzzzzzzzzzzzz",
    ],
)
def test_another_kind_or_spelling_is_no_identifier(change):
    """
    B8: a foreign prefix, another case, a space, a character more or less: all are answered like a missing id.
    """
    assert parse_id("room", change(print_id("room", new_id()))) is None


def test_later_identifiers_sort_after_earlier_ones():
    """
    Lists are in the order of making, on the wire as in the database; ten thousand made at once are no exception.
    """
    made = [new_id() for _ in range(10_000)]

    assert all(earlier < later for earlier, later in itertools.pairwise(made))
    assert all(print_id("p", earlier) < print_id("p", later) for earlier, later in itertools.pairwise(made))
    assert {(value.version, value.variant) for value in made} == {(7, UUID(int=made[0].int).variant)}
