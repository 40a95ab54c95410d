"""Sealed bytes: read with the right key in the right place, and not at all otherwise."""

import pytest

from app.foundation.sealing import seal, unseal

KEY, PLACE = bytes(range(32)), b"place"


@pytest.mark.parametrize("content", [b"", b"a", b"a key" * 50_000])
def test_what_is_sealed_is_read_again(content):
    """
    B1: with its key, in its place; and two seals of one content have nothing in common that would tell so.
    """
    sealed, other = seal(KEY, content, PLACE), seal(KEY, content, PLACE)

    assert unseal(KEY, sealed, PLACE) == content
    assert sealed[:12] != other[:12]
    assert sealed[12:] != other[12:]
    # Of a single byte it may be there by chance.
    assert len(content) < 10 or content not in sealed


def test_nothing_else_opens_it():
    """
    B1: another key, another place, a single bit that was turned, or a part of it: None.
    """
    sealed = seal(KEY, b"a key in clear", PLACE)
    turned = [bytes([*sealed[:at], sealed[at] ^ 1, *sealed[at + 1 :]]) for at in range(len(sealed))]
    cut = [sealed[:length] for length in range(len(sealed))]

    assert unseal(bytes(32), sealed, PLACE) is None
    assert unseal(KEY, sealed, b"other") is None
    assert {unseal(KEY, each, PLACE) for each in [*turned, *cut, sealed + b"x"]} == {None}
