"""A token has one spelling: whatever is cut, stretched, padded or re-cased is not it, and does it no harm."""

import pytest

from tests.builders import a_pair
from tests.forgery import unb64

ROOMS, REFRESH, REVOKE = "/api/v1/rooms", "/api/v1/auth/refresh", "/api/v1/auth/revoke"
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def segments_changed(token, change):
    """Change each segment by itself, in turn, and all of them."""
    parts = token.split(".")
    each = [".".join([*parts[:i], change(parts[i]), *parts[i + 1 :]]) for i in range(3)]
    return [*each, ".".join(map(change, parts))]


def same_bytes(segment):
    """Give the other spellings of a segment that a lax decoder reads as the same bytes: unused bits set."""
    others = [segment[:-1] + last for last in ALPHABET if last != segment[-1]]
    return [other for other in others if unb64(other) == unb64(segment)]


SPELLINGS = {
    "cut short": lambda t: [t[:-1], t[:-4], t[1:], t[: len(t) // 2], t.rpartition(".")[0], t.rpartition(".")[0] + "."],
    "cut inside": lambda t: segments_changed(t, lambda s: s[:-1]) + segments_changed(t, lambda s: s[1:]),
    "stretched": lambda t: (
        [t + c for c in ("A", "AAAA", ".", ".A", "." + t, t)] + segments_changed(t, lambda s: s + "AAAA")
    ),
    "in another case": lambda t: segments_changed(t, str.upper) + segments_changed(t, str.lower) + [t.swapcase()],
    "padded": lambda t: (
        segments_changed(t, lambda s: s + "=") + segments_changed(t, lambda s: s + "=" * (-len(s) % 4 or 4))
    ),
    "in the other alphabet": lambda t: [t.replace("-", "+").replace("_", "/")] if set("-_") & set(t) else [t + "+"],
    "with other unused bits": lambda t: [
        ".".join([*parts[:i], other, *parts[i + 1 :]])
        for parts in [t.split(".")]
        for i in range(3)
        for other in same_bytes(parts[i])
    ],
    "with segments exchanged": lambda t: [
        ".".join(order)
        for a, b, c in [t.split(".")]
        for order in ((b, a, c), (a, c, b), (c, b, a), (a, b, b), (a, b), (b,))
    ],
    "with empty segments": lambda t: [*segments_changed(t, lambda _: "")[:3], "." + t, t.replace(".", ".."), ".."],
    "quoted": lambda t: [f"%65{t[1:]}", t.replace(".", "%2E"), t.replace(".", "%2e") + "%00"],
}
# Only a JSON string carries these; in a header they are another header.
SPACED = {
    "spaced": lambda t: [
        " " + t,
        t + " ",
        t.replace(".", " ."),
        t.replace(".", ". "),
        t[:9] + " " + t[9:],
        "Bearer " + t,
    ],
    "broken": lambda t: [
        t + "\n",
        "\n" + t,
        t.replace(".", "\n."),
        t[:76] + "\r\n" + t[76:],
        t + "\t",
        t + "\0",
        "\0" + t,
    ],
    "with lookalikes": lambda t: [
        t + "\u200b",
        "\ufeff" + t,
        t.replace(".", "。"),
        t.replace("e", "\u0435"),
        "ｅ" + t[1:],
    ],
    "as JSON": lambda t: [f'"{t}"', f"['{t}']", f"'{t}'"],
}


def a_refresh_token(tools, tenant):
    return a_pair(tools, tenant).refresh_token


def refresh(http, token):
    return http.post(REFRESH, json={"refresh_token": token}).status_code


@pytest.mark.parametrize("how", [*SPELLINGS, *SPACED])
def test_another_spelling_of_a_refresh_token_is_no_refresh_token(http, tools, tenant, how):
    """
    C8: each other spelling is 401, revokes nothing at /auth/revoke, and leaves the real one as good as it was.
    """
    token = a_refresh_token(tools, tenant)
    spellings = (SPELLINGS | SPACED)[how](token)
    assert token not in spellings
    assert spellings

    for each in spellings:
        assert refresh(http, each) == 401, each
        assert http.post(REVOKE, json={"refresh_token": each}).status_code == 204

    assert refresh(http, token) == 200


@pytest.mark.parametrize("how", [*SPELLINGS, *SPACED])
def test_another_spelling_of_a_spent_token_is_no_reuse(http, tools, tenant, how):
    """
    C8, malleability: replay memory keys on ids, so a misspelt spent token is 401 and does not end the family.
    """
    first = a_refresh_token(tools, tenant)
    second = http.post(REFRESH, json={"refresh_token": first}).json["data"]["refresh_token"]

    assert {refresh(http, each) for each in (SPELLINGS | SPACED)[how](first)} == {401}

    assert refresh(http, second) == 200


@pytest.mark.parametrize("how", SPELLINGS)
def test_another_spelling_of_an_access_token_is_no_access_token(http, tools, tenant, how):
    """
    D9, C8: each other spelling is 401, or 400 where no bearer token is written like it; the real one still works.
    """
    token = a_pair(tools, tenant).access_token

    def present(spelt):
        return http.get(ROOMS, headers={"Authorization": f"Bearer {spelt}"}).status_code

    for each in SPELLINGS[how](token):
        written_like_one = set(each.rstrip("=")) <= {*ALPHABET, *"._~+/-"} and each.strip("=")
        assert present(each) == (401 if written_like_one else 400), each
    assert present(token) == 200


def test_no_single_character_may_differ(http, tools, tenant):
    """
    C8, D8: each character of a refresh token, replaced by a neighbour, makes it another one, which is refused.
    """
    token = a_refresh_token(tools, tenant)

    for at, character in enumerate(token):
        other = "A" if character == "." else ALPHABET[ALPHABET.index(character) ^ 1]
        assert refresh(http, token[:at] + other + token[at + 1 :]) == 401, at

    assert refresh(http, token) == 200


@pytest.mark.parametrize(
    "how", ["cut short", "stretched", "in another case", "spaced", "broken", "with lookalikes", "quoted"]
)
def test_another_spelling_of_an_api_key_is_no_key(http, tenant, how):
    """
    B3, C8: a key is its 55 characters, no more, no less and no other; everything else is the one refusal.
    """
    key = tenant.api_key
    spellings = {
        "cut short": [key[:-1], key[1:], key[:-6], key[:49] + "0"],
        "stretched": [key + "0", "0" + key, key + key, key + "_", "sk_" + key],
        "in another case": [key.upper(), key.lower(), key.swapcase(), "SK" + key[2:]],
        "spaced": [key + " ", " " + key, key.replace("_", " "), key[:9] + " " + key[9:]],
        "broken": [key + "\n", key + "\0", "\r\n" + key],
        "with lookalikes": [key.replace("s", "\u0455", 1), key + "\u200b", "ｓ" + key[1:]],
        "quoted": [f'"{key}"', key.replace("_", "%5F"), f"Bearer {key}"],
    }[how]

    for each in spellings:
        assert http.post("/api/v1/auth/token", json={"api_key": each}).status_code == 401, each
    assert http.post("/api/v1/auth/token", json={"api_key": key}).status_code == 200
