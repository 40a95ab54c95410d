"""Cursors: nobody forges one, and nobody carries one elsewhere."""

import base64
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from app.foundation.identifiers import new_id
from app.foundation.pages import Cursors

CURSORS = Cursors(bytes(32))


@given(owner=st.text(), last=st.uuids())
def test_a_cursor_opens_for_the_list_it_was_made_for(owner, last):
    """
    Whoever got a cursor continues where the page ended.
    """
    assert CURSORS.open(owner, CURSORS.seal(owner, last)) == last


@given(owners=st.lists(st.text(), min_size=2, max_size=2, unique=True), last=st.uuids())
def test_a_cursor_of_another_list_is_not_opened(owners, last):
    """
    B8: a tenant cannot page through another's list, nor through another list of its own.
    """
    assert CURSORS.open(owners[1], CURSORS.seal(owners[0], last)) is None


def test_a_cursor_of_another_installation_is_not_opened():
    """
    A cursor holds only under the master key that sealed it.
    """
    assert CURSORS.open("rooms", Cursors(b"\x01" * 32).seal("rooms", new_id())) is None


@given(last=st.uuids(), place=st.integers(0, 43), character=st.characters())
def test_a_changed_cursor_is_not_opened(last, place, character):
    """
    B8: a cursor in which one character was changed leads nowhere, or still to the same place; never to another.
    """
    sealed = CURSORS.seal("rooms", last)
    changed = sealed[:place] + character + sealed[place + 1 :]

    assert CURSORS.open("rooms", changed) in {None, last}
    assert changed[:42] == sealed[:42] or CURSORS.open("rooms", changed) is None


@given(presented=st.one_of(st.text(), st.binary().map(lambda raw: raw.decode("latin-1")), st.just("=" * 44)))
def test_whatever_is_presented_is_answered(presented):
    """
    No text makes a cursor fall over, and no text that we did not seal opens.
    """
    assert CURSORS.open("rooms", presented) is None


def test_no_other_row_can_be_named_under_the_same_code():
    """
    B8: the code covers the row, so an id cannot be exchanged for another.
    """
    mine, other = (base64.urlsafe_b64decode(CURSORS.seal("rooms", UUID(int=number))) for number in (1, 2))
    forged = base64.urlsafe_b64encode(other[:16] + mine[16:]).decode()

    assert CURSORS.open("rooms", forged) is None
