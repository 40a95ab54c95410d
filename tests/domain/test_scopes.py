"""Scopes only ever narrow."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.access_tokens import VOCABULARY, narrow, one_of

SOME = st.lists(st.sampled_from(list(VOCABULARY)), max_size=6)


@given(asked=SOME, held=SOME)
def test_a_scope_is_never_widened(asked, held):
    """
    A14: what is given is what was asked, if all of it is held; in one order, once each.
    """
    given_scope = narrow(" ".join(asked), " ".join(held))

    if asked and set(asked) <= set(held):
        assert given_scope == " ".join(name for name in VOCABULARY if name in asked)
    else:
        assert given_scope is None


@given(asked=st.text(), held=SOME)
def test_whatever_is_asked_is_answered(asked, held):
    """
    A14: any text is a scope that is held, or none.
    """
    given_scope = narrow(asked, " ".join(held))

    assert given_scope is None or set(given_scope.split(" ")) <= set(held)


@pytest.mark.parametrize(
    "asked", ["", " ", "rooms:read rooms:everything", "ROOMS:READ", "rooms:read\trooms:write", "rooms"]
)
def test_more_than_is_held_or_nothing_is_no_scope(asked):
    """
    A14: nothing, a name that does not exist, another case or another separator: all are refused, none is dropped.
    """
    assert narrow(asked, "rooms:read rooms:write") is None


def test_an_operator_key_holds_no_scope():
    """
    A credential without scopes can be narrowed to nothing at all.
    """
    assert narrow("rooms:read", "") is None
    assert narrow("", "") is None
    assert not one_of("rooms:read", "")


def test_one_scope_is_not_part_of_another_name():
    """
    `rooms:read` is not held by whoever holds `rooms:readonly` or `xrooms:read`.
    """
    assert one_of("rooms:read", "rooms:write rooms:read")
    assert not one_of("rooms:read", "rooms:readonly xrooms:read")
    assert not one_of("rooms", "rooms:read")


def test_half_a_million_scopes_hold_nobody_up():
    """
    A14, A16: what is longer than every scope together is not read.
    """
    asked = " ".join(f"s{number}" for number in range(500_000))

    began = time.process_time()
    assert narrow(asked, "rooms:read") is None
    assert narrow("rooms:read " * 500_000, "rooms:read") is None
    assert narrow(" " * 500_000, "rooms:read") is None
    assert time.process_time() - began < 0.05
