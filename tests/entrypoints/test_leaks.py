"""POST /leaks: whoever finds a key can hand it in, and learns nothing by it."""

import pytest

from app.domain.api_keys.format import checksum
from tests.builders import a_tenant, an_operator
from tests.guessers import STRICT, at
from tests.named_keys import API, by, keys_of, name_of, posted

LEAKS, TENANTS = f"{API}/leaks", f"{API}/tenants"
RECEIVED = {"data": {"received": True}}


def report(http, text, source="192.0.2.1"):
    return http.post(LEAKS, json={"api_key": text}, **at(source))


def observed(answer):
    """All that a caller can tell two answers apart by."""
    return answer.status_code, answer.data, [each for each in answer.headers if each[0] != "X-Request-Id"]


def spelt(body):
    return body + checksum(body)


@pytest.fixture
def victims(http, tools, admin_key):
    """Tenants with a key each, by what they chose to become of it, the last one suspended and an operator's beside."""
    keys, home = {}, ""
    for on_leak in ("revoke", "rotate", "notify", "suspended"):
        asked = {"name": "Acme"} if on_leak == "suspended" else {"name": "Acme", "on_leak": on_leak}
        made = http.post(TENANTS, json=asked, headers=by(admin_key))
        assert made.status_code == 201
        assert "on_leak" not in made.json["data"]
        keys[on_leak], home = made.json["data"]["api_key"], f"{TENANTS}/{made.json['data']['id']}"
    assert http.patch(home, json={"status": "suspended"}, headers=by(admin_key)).status_code == 200
    return {**keys, "operator": an_operator(tools)}


def test_a_report_is_answered_alike_whatever_was_handed_in(http, tools, victims):
    """
    B3: 202 with the same body and headers for living keys under every policy, an operator's, dead ones, wrong ones,
    unknown ones and noise; a second time, too; and what lived is dealt with.
    """
    living = a_tenant(tools).api_key
    strings = [
        *victims.values(),
        spelt(living[:17] + "0" * 32),
        spelt("sk_live_7Hq2Zt9B_0123456789ABCDEFGHIJKLMNOPQRSTUV"),
        living[:-1],
        spelt("sk_live_\0\0\0\0\0\0\0\0_x"),
        spelt("___"),
        "",
        "x" * 10_000,
        "sk_live_äöü",
    ]

    answers = [report(http, each) for each in [*strings, *strings]]

    assert (answers[0].status_code, answers[0].json) == (202, RECEIVED)
    assert {str(observed(each)) for each in answers} == {str(observed(answers[0]))}
    statuses = {name: http.get(TENANTS, headers=by(key)).status_code for name, key in victims.items()}
    assert statuses == {"revoke": 401, "rotate": 403, "notify": 403, "suspended": 401, "operator": 401}
    assert http.get(TENANTS, headers=by(living)).status_code == 403


def test_only_a_flood_of_wrong_reports_from_one_source_is_refused(make_app, clock):
    """
    A17, B3: beyond the limit of its source, 429 and when to come back, for right and wrong alike; others are heard, and
    guesses at one key from everywhere tell nothing of it.
    """
    app = make_app(**STRICT)
    http, tools = app.test_client(), app.extensions["chalk"].tools
    tenant = a_tenant(tools)
    wrong = spelt(tenant.api_key[:17] + "0" * 32)

    first = [report(http, wrong, "192.0.2.5").status_code for _ in range(6)]
    refused = [report(http, each, "192.0.2.5") for each in (wrong, tenant.api_key, "noise")]
    others = [report(http, wrong, f"192.0.2.{number}").status_code for number in range(10, 20)]

    assert first == [202] * 5 + [429]
    assert {each.status_code for each in refused} == {429}
    assert len({str(observed(each)) for each in refused}) == 1
    assert refused[0].headers["Retry-After"].isdecimal()
    assert others == [202] * 10
    assert http.get(f"{TENANTS}/{tenant.id}", headers=by(tenant.api_key), **at("192.0.2.9")).status_code == 200
    assert report(http, tenant.api_key, "192.0.2.9").status_code == 202
    assert http.get(f"{TENANTS}/{tenant.id}", headers=by(tenant.api_key), **at("192.0.2.9")).status_code == 401


@pytest.mark.parametrize(
    ("sent", "status"),
    [({}, 400), ({"api_key": 5}, 400), ({"api_key": None}, 400), ({"api_key": "x", "more": 1}, 400), ([], 400)],
)
def test_a_report_that_is_none_is_refused(http, sent, status):
    """
    A16, CONTRACT 1: the body has this one field; JSON alone is read.
    """
    assert http.post(LEAKS, json=sent).status_code == status
    assert http.post(LEAKS, data={"api_key": "x"}).status_code == 415


def test_a_tenant_chooses_what_becomes_of_its_keys_and_is_told(http, tools, tenant, admin_key, clock):
    """
    CONTRACT 3: the policy is read and changed, each change is an event; a leak is one, with who reported it, what was
    done and until when the key works; the key says so, and another one replaces it.
    """
    home, own = f"{TENANTS}/{tenant.id}", by(tenant.api_key)
    for wrong in ("none", None, "", 5):
        assert http.patch(home, json={"on_leak": wrong}, headers=own).json["error"]["details"][0]["field"] == "on_leak"
    assert http.get(home, headers=own).json["data"]["on_leak"] == "revoke"
    for _ in range(2):
        assert http.patch(home, json={"on_leak": "rotate"}, headers=own).json["data"]["on_leak"] == "rotate"
    key = posted(http, tenant)

    report(http, key.api_key, "203.0.113.9")

    latest, created, changed, opened = http.get(f"{home}/events", headers=own).json["data"]
    assert [each["type"] for each in (created, changed, opened)] == [
        "api_key.created",
        "tenant.changed",
        "tenant.opened",
    ]
    shown = http.get(keys_of(tenant, name_of(key)), headers=own).json["data"]
    assert (latest["type"], latest["actor"], latest["address"]) == ("api_key.leaked", None, "203.0.113.9")
    assert latest["data"] == {"key_id": name_of(key), "policy": "rotate", "works_until": shown["grace_ends_at"]}
    assert (shown["status"], shown["replaced_by"]) == ("rotating", None)
    used = http.get(home, headers=by(key.api_key))
    assert used.headers["X-API-Key-Status"] == f'rotating; expires_at="{shown["grace_ends_at"]}"'

    itself = http.post(f"{home}/rotate-key", headers=by(key.api_key))
    replaced = http.post(keys_of(tenant, name_of(key), "rotate"), headers=own)
    assert (itself.status_code, itself.json["error"]["code"]) == (409, "KEY_NOT_ACTIVE")
    assert (replaced.status_code, replaced.json["data"]["replaces"]) == (201, name_of(key))
    assert http.get(home, headers=by(key.api_key)).status_code == 401
    assert http.get(home, headers=by(replaced.json["data"]["api_key"])).status_code == 200
