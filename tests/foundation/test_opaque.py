"""Chance and secrets."""

from hypothesis import given
from hypothesis import strategies as st

from app.foundation import opaque

KEY = bytes(32)
SEQUENCES = st.lists(st.text("ab", max_size=3), max_size=3)


@given(left=SEQUENCES, right=SEQUENCES)
def test_no_two_sequences_share_a_code(left, right):
    """
    B8, C11: "ab", "c" and "a", "bc" are told apart, so nothing that is bound to one is taken for the other.
    """
    assert opaque.same(opaque.mac(KEY, *left), opaque.mac(KEY, *right)) == (left == right)
    assert not opaque.same(opaque.mac(KEY, *left), opaque.mac(b"\x01" * 32, *left))


def test_chance_is_of_the_alphabet_and_never_repeats():
    """
    I8, CONTRACT 2: secrets are drawn from all of `0-9A-Za-z`; two thousand of them are all different.
    """
    drawn = [opaque.random_base62(32) for _ in range(2000)]

    assert {len(each) for each in drawn} == {32}
    assert set("".join(drawn)) == set(opaque.BASE62)
    assert len(set(drawn)) == len({opaque.random_token() for _ in range(2000)}) == 2000
    assert len(opaque.random_bytes(32)) == 32
