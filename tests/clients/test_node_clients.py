"""openid-client, oauth4webapi and jose, in the Node that the development lock brings along."""

import json

import requests

from tests.clients.conftest import NODE

SCOPE = {"offline_access", "rooms:read"}


def test_openid_client_does_all_that_the_metadata_offers(journey, live, client):
    """
    Given nothing but the issuer, an id and a secret, it gets a token, refreshes, introspects and revokes it.
    """
    saw = journey("openid_client.mjs", client)

    assert saw["issuer"] == live.url
    assert set(saw["first"]["scope"].split()) == SCOPE
    assert saw["second"]["scope"] == "rooms:read"
    assert saw["second"]["refresh_token"] != saw["first"]["refresh_token"]
    assert saw["before"]["active"]
    assert saw["before"]["client_id"] == client.id
    assert saw["after"] == {"active": False}


def test_oauth4webapi_finds_nothing_to_complain_about(journey, live, client):
    """
    The strictest reader of metadata, tokens and answers takes all of ours, and both well-known documents agree.
    """
    saw = journey("oauth4webapi.mjs", client)

    assert saw["authorization_servers"] == [live.url]
    assert set(saw["second"]["scope"].split()) == SCOPE
    assert saw["claims"]["sub"] == client.id
    assert saw["claims"]["aud"] == saw["claims"]["iss"] == live.url
    assert saw["before"]["active"]
    assert saw["before"]["jti"] == saw["claims"]["jti"]
    assert saw["after"] == {"active": False}


def test_oauth4webapi_authenticates_by_a_key_of_its_own(journey, client):
    """
    A client that registered a public key needs no secret any more, with each algorithm that the metadata lists.
    """
    saw = journey("assertion.mjs", client)

    assert saw == {alg: {"registered": 200, "token_type": "bearer"} for alg in ("ES256", "PS256", "RS256", "EdDSA")}


def test_jose_verifies_offline(run_node, live, client):
    """
    A resource server in Node needs the JWKS alone; it takes the access token, and not the refresh token beside it.
    """
    answer = requests.post(f"{live.url}/api/v1/auth/token", json={"api_key": client.api_key}, timeout=10)
    pair = answer.json()["data"]

    good = run_node("jose.mjs", {"BASE_URL": live.url, "ACCESS_TOKEN": pair["access_token"]})
    bad = run_node("jose.mjs", {"BASE_URL": live.url, "ACCESS_TOKEN": pair["refresh_token"]})

    assert good.returncode == 0, good.stderr
    assert json.loads(good.stdout)["tenant_id"] == client.id
    assert bad.returncode != 0
    assert "JOSEAlgNotAllowed" in bad.stderr


def test_the_lock_names_no_host():
    """
    The packages come from whichever registry the machine is set to, and are known by their hashes.
    """
    text = (NODE / "package-lock.json").read_text()
    packages = {name: one for name, one in json.loads(text)["packages"].items() if name}

    assert "://" not in text, "take `resolved` and `funding` out of it"
    assert all(one["integrity"].startswith("sha512-") for one in packages.values())
    assert {"jose", "oauth4webapi", "openid-client"} == {name.rpartition("/")[2] for name in packages}
