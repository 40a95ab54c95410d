"""The rules for secret scanners find every key of ours wherever it stands, and nothing that is none."""

import re
import tomllib

import pytest
import yaml  # type: ignore[import-untyped]  # it ships no types
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.api_keys.format import compose, parse
from app.foundation.opaque import BASE62
from tests.conftest import ROOT

FOLDER = ROOT / "deploy" / "secret-scanning"
VECTORS = [
    "sk_live_7Hq2Zt9B_0123456789ABCDEFGHIJKLMNOPQRSTUV1p50Q6",
    "sk_test_7Hq2Zt9B_0123456789ABCDEFGHIJKLMNOPQRSTUV0mYl79",
]
CHARACTERS = st.text(BASE62, min_size=40, max_size=40)
KEYS = st.builds(
    lambda kind, mode, text: compose(kind, mode, text[:8], text[8:]),
    st.sampled_from(["sk", "ak"]),
    st.sampled_from(["live", "test"]),
    CHARACTERS,
)
# As keys leak: in code, in settings, in commands, in URLs, in logs and in what was encoded once more.
PLACES = [
    "{}",
    'API_KEY = "{}"',
    "api_key='{}'",
    "API_KEY={}\n",
    "export API_KEY={} # ours",
    "api_key: {}",
    '{{"api_key":"{}"}}',
    '"{{\\"api_key\\":\\"{}\\"}}"',
    "X-API-Key: {}\r\n",
    "curl -H 'X-API-Key: {}' https://api.example",
    "https://api.example/?api_key={}&more=1",
    "https://api.example/?next=%2F%3Fapi_key%3D{}%26more%3D1",
    "https://tenant_x:{}@api.example/",
    "<key>{}</key>",
    "`{}`",
    "key={};",
    "the key\\n{}\\nis secret",
    "MY_{}",
    "({},",
    "é{}é",
]


def rules():
    """Give every rule: its words, and its regular expression as Python reads it."""
    gitleaks = tomllib.loads((FOLDER / "gitleaks.toml").read_text(encoding="utf-8"))["rules"]
    trufflehog = yaml.safe_load((FOLDER / "trufflehog.yaml").read_text(encoding="utf-8"))["detectors"]
    found = [(f"gitleaks {each['id']}", each["keywords"], each["regex"]) for each in gitleaks]
    for each in trufflehog:
        found += [(f"trufflehog {name}", each["keywords"], text) for name, text in each["regex"].items()]
    return found


def found(text):
    """Give what either tool finds: by its words first, then by its expression, of which `\\b` is of ASCII in Go."""
    by_tool: dict[str, list[str]] = {}
    for name, keywords, pattern in rules():
        heard = any(word in text.lower() for word in keywords)
        by_tool.setdefault(name.split()[0], []).extend(re.findall(pattern, text, re.ASCII) if heard else [])
    assert by_tool["gitleaks"] == by_tool["trufflehog"]
    return by_tool["gitleaks"]


@pytest.mark.parametrize("place", PLACES)
@given(key=KEYS)
@settings(max_examples=20)
def test_a_key_is_found_wherever_it_stands(place, key):
    """
    CONTRACT 2: of both types and modes, whole and alone, as it can be reported.
    """
    assert found(place.format(key)) == [key]


def test_the_vectors_of_the_contract_and_a_list_of_keys_are_found():
    """
    CONTRACT 2: each of several, however they are parted; and keys that the server made.
    """
    for between in (" ", ",", "\n", "|", "%20", "\t"):
        assert found(between.join(VECTORS)) == VECTORS
    assert all(parse(each) for each in VECTORS)


def test_a_key_that_the_server_made_is_found(tools, tenant, admin_key):
    """
    CONTRACT 2: as the stories issue them, not as the test spells them.
    """
    assert found(f"KEYS={tenant.api_key}") == [tenant.api_key]
    assert found(f"KEYS={admin_key}") == [admin_key]


@given(key=KEYS, data=st.data())
@settings(max_examples=30)
def test_what_is_no_key_is_not_found(key, data):
    """
    CONTRACT 2: shorter, longer, of another type or mode, in other letters, with another part or sign; nor other
    vendors' keys, or ours as it is displayed.
    """
    cut = data.draw(st.integers(0, len(key) - 1))
    misses = [
        key[:cut] + key[cut + 1 :],
        key + "0",
        key.replace("_", "-"),
        key.replace("_live_", "_prod_").replace("_test_", "_prod_"),
        key[:17] + "_" + key[17:],
        key[:20] + "_" + key[21:],
        key[:20] + "é" + key[21:],
        key[:30] + "\n" + key[30:],
        "pk" + key[2:],
        key[:2].upper() + key[2:],
        f"{key[:17]}...",
        f"{key[:8]}{key[9:17]}{key[18:]}",
    ]
    assert [each for each in misses if found(each)] == []


def test_a_wrong_checksum_is_for_another_tool():
    """
    CONTRACT 2: an expression cannot sum up; `chalk-auth keys check` tells what is only written alike.
    """
    wrong = VECTORS[0][:-1] + "7"

    assert found(wrong) == [wrong]
    assert parse(wrong) is None


def test_the_expressions_are_such_as_go_reads():
    """
    Both tools are in Go, whose RE2 looks neither ahead nor behind, and refers to nothing before; and a rule that is
    heard of no word is never run.
    """
    allowed = re.compile(r"(?:[0-9A-Za-z_]|\[[0-9A-Za-z-]+\]|\(\?:[a-z|]+\)|\{\d+\}|\\b)+")

    for name, keywords, pattern in rules():
        assert allowed.fullmatch(pattern), name
        assert keywords, name
        assert all(word == word.lower() for word in keywords), name
    config = yaml.safe_load((FOLDER / "trufflehog.yaml").read_text(encoding="utf-8"))
    assert not any("verify" in each for each in config["detectors"])
