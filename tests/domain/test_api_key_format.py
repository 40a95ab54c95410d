"""How an API key is written, and that a typing error is found before anyone asks the database."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.api_keys import key_name, parse
from app.domain.api_keys.format import checksum, compose
from app.foundation.opaque import BASE62

LIVE = "sk_live_7Hq2Zt9B_0123456789ABCDEFGHIJKLMNOPQRSTUV1p50Q6"
TEST = "sk_test_7Hq2Zt9B_0123456789ABCDEFGHIJKLMNOPQRSTUV0mYl79"

IDS = st.text(BASE62, min_size=8, max_size=8)
KEYS = st.builds(
    compose,
    st.sampled_from(["sk", "ak"]),
    st.sampled_from(["live", "test"]),
    IDS,
    st.text(BASE62, min_size=32, max_size=32),
)


@pytest.mark.parametrize("vector", [LIVE, TEST])
def test_the_vectors_of_the_contract_hold(vector):
    """
    CONTRACT 2: both published keys are read, and are what we would write ourselves.
    """
    kind, mode, key_id, rest = vector.split("_")
    presented = parse(vector)

    assert presented is not None
    assert (presented.id, presented.text) == ("7Hq2Zt9B", vector)
    assert compose(kind, mode, key_id, rest[:-6]) == vector


@given(KEYS)
def test_a_key_is_written_in_55_characters_and_read_back(key):
    """
    CONTRACT 2: type, mode, id, secret and checksum, all of `0-9A-Za-z_`; the id can be read from it.
    """
    presented = parse(key)

    assert len(key) == 55
    assert set(key) <= set(BASE62 + "_")
    assert presented is not None
    assert presented.id == key.split("_")[2]


@pytest.mark.parametrize(
    "pattern",
    [
        r"(?i)[srp]k_(test|live|prod)_[0-9a-z]{10,}",
        r"[rs]k_live_[0-9a-zA-Z]{20,247}",
        r"[srp]k_(live|test)_[0-9a-zA-Z]{24}",
    ],
)
def test_no_secret_scanner_takes_a_key_for_another_vendors(pattern):
    """
    CONTRACT 2: such as gitleaks, TruffleHog and detect-secrets look for; without the `_` after the id, all of them did.
    """
    for key in (LIVE, TEST.replace("test", "live")):
        assert not re.search(pattern, key)
        assert re.search(pattern, key[:16] + key[17:])


@given(key=KEYS, place=st.integers(0, 54), character=st.sampled_from(BASE62 + "_- \n\0é"))
def test_one_wrong_character_is_found(key, place, character):
    """
    A single character that was mistyped, anywhere in the key, is found without the database.
    """
    changed = key[:place] + character + key[place + 1 :]

    assert (parse(changed) is None) == (changed != key)


@given(key=KEYS, place=st.integers(0, 53))
def test_a_lost_or_swapped_character_is_found(key, place):
    """
    So is one that was left out, doubled, or exchanged with its neighbour.
    """
    swapped = key[:place] + key[place + 1] + key[place] + key[place + 2 :]
    for changed in (key[:place] + key[place + 1 :], key[:place] + key[place] + key[place:], swapped):
        assert changed == key or parse(changed) is None


@given(st.one_of(st.text(), st.text("_"), st.text(BASE62 + "_", min_size=40), st.just("\ud800" * 60)))
def test_any_text_is_answered(presented):
    """
    A16: whatever is presented, it is a key or it is none; nothing falls over.
    """
    assert parse(presented) is None


@given(st.one_of(st.text(BASE62 + "_", max_size=80), st.text("a_", max_size=6)))
def test_nothing_but_the_checksum_and_the_four_parts_is_checked(body):
    """
    CONTRACT 2: a longer secret or id of a later version, or another type, is for the database to know.
    """
    presented = parse(body + checksum(body))
    parts = body.split("_", 3)

    assert (presented is not None) == (len(parts) == 4 and 0 < len(parts[2]) <= 32)


@pytest.mark.parametrize("length", [1, 8, 32, 33, 60_000])
def test_an_id_has_a_bound(length):
    """
    A17: guesses are counted under the id that they name, so that nobody fills memory or log with a long one.
    """
    body = f"sk_live_{'x' * length}_secret"

    assert (parse(body + checksum(body)) is not None) == (length <= 32)


def test_a_checksum_is_padded_to_six_characters():
    """
    CONTRACT 2: the checksum has its length whatever it is; that of nothing is all zeros.
    """
    assert checksum("") == "000000"
    assert {len(checksum(str(number))) for number in range(5000)} == {6}
    assert any(checksum(str(number)).startswith("00") for number in range(5000))


def test_a_name_of_a_key_is_not_the_key():
    """
    B2: a name carries the id alone, and a presented key prints without its text.
    """
    assert key_name("7Hq2Zt9B") == "key_7Hq2Zt9B"
    assert parse("sk_live_7Hq2Zt9B_...") is None
    assert repr(parse(LIVE)) == "PresentedKey(id='7Hq2Zt9B')"
