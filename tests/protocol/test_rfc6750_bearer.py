"""RFC 6750: access tokens in the Authorization header, and the challenges that answer them."""

import re

import pytest

from tests.builders import a_key_holding, a_pair, a_room

ROOMS, TENANT = "/api/v1/rooms", "/api/v1/tenants/{}"


@pytest.fixture
def token(tools, tenant):
    """A good access token of the tenant."""
    return a_pair(tools, tenant).access_token


def present(http, header, path=ROOMS, **more):
    return http.get(path, headers={"Authorization": header}, **more)


def challenge_of(answer):
    """The one Bearer challenge of an answer, by parameter; each names the resource's metadata (F7)."""
    (bearer,) = [each for each in answer.headers.getlist("WWW-Authenticate") if each.startswith("Bearer ")]
    parameters = dict(re.findall(r'([a-z_]+)="([^"\\]*)"', bearer))
    assert parameters.pop("resource_metadata") == "http://127.0.0.1:8000/.well-known/oauth-protected-resource"
    return parameters


def test_no_credential_is_challenged_without_an_error(http):
    """
    M: a request that carries nothing learns the scheme, and of no error (RFC 6750 section 3.1).
    """
    answer = http.get(ROOMS)

    assert answer.status_code == 401
    assert answer.json == {"error": {"code": "UNAUTHORIZED", "message": "Authentication required"}}
    assert challenge_of(answer) == {"realm": "chalk"}


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
@pytest.mark.parametrize("form", ["{} {}", "{}  {}", "{} {} "])
def test_the_scheme_is_read_in_any_case(http, token, scheme, form):
    """
    M: the scheme's name is case-insensitive, and more than one space may follow it (RFC 9110 section 11.1).
    """
    assert present(http, form.format(scheme, token)).status_code == 200


@pytest.mark.parametrize(
    "form",
    [
        "Bearer",
        "Bearer ",
        "",
        "{}",
        "Bearer\t{}",
        "Bearer: {}",
        "Bearer={}",
        'Bearer "{}"',
        "Bearer ä{}",
        "Bearer {0} {0}",
        "Bearer {0}, Bearer {0}",
        "Bearer {0},{0}",
        "Bearer x Bearer {0}",
        "Basic {}",
        "DPoP {}",
        "Token {}",
        "Bearer =",
    ],
)
def test_a_malformed_header_is_400(http, token, form):
    """
    M: another scheme, no token or two of them are 400 invalid_request, even if a good token stands there.
    """
    answer = present(http, form.format(token))

    assert answer.status_code == 400
    assert answer.json["error"]["code"] == "VALIDATION_ERROR"
    assert [detail["field"] for detail in answer.json["error"]["details"]] == ["Authorization"]
    assert challenge_of(answer)["error"] == "invalid_request"


@pytest.mark.parametrize("wrong", ["x", "a.b.c", "~" * 500, "eyJhbGciOiJIUzI1NiIs..."])
def test_a_bad_token_is_401_invalid_token(http, wrong):
    """
    M: whatever is wrong with it, the answer is 401 with the RFC's challenge and the contract's sentence.
    """
    answer = present(http, "Bearer " + wrong)

    assert answer.status_code == 401
    assert answer.json == {"error": {"code": "UNAUTHORIZED", "message": "Invalid access token"}}
    expected = {"realm": "chalk", "error": "invalid_token", "error_description": "Invalid access token"}
    assert challenge_of(answer) == expected


def test_an_expired_token_is_401_invalid_token(http, token, clock):
    """
    M: expiry is told apart in the body, as the seed wants it, and by description in the challenge.
    """
    clock.step(hours=1)

    answer = present(http, f"Bearer {token}")

    assert answer.status_code == 401
    assert answer.json == {"error": {"code": "TOKEN_EXPIRED", "message": "Access token has expired"}}
    expected = {"realm": "chalk", "error": "invalid_token", "error_description": "Access token has expired"}
    assert challenge_of(answer) == expected


def test_a_lacking_scope_is_403_and_named(http, tenant):
    """
    M: 403 insufficient_scope, with the scope that is needed.
    """
    form = {"grant_type": "client_credentials", "scope": "rooms:read"}
    narrow = http.post("/oauth/token", data=form, auth=(tenant.id, tenant.api_key)).json["access_token"]

    answer = http.post(ROOMS, json={"name": "Lobby"}, headers={"Authorization": f"Bearer {narrow}"})

    assert answer.status_code == 403
    assert answer.json["error"]["code"] == "FORBIDDEN"
    challenge = challenge_of(answer)
    assert (challenge["error"], challenge["scope"]) == ("insufficient_scope", "rooms:write")


def test_a_token_elsewhere_is_no_token(http, token):
    """
    M: in the query, in a form, in a cookie or in another header a token is not honoured, and earns no error code.
    """
    form = {"data": {"access_token": token}, "content_type": "application/x-www-form-urlencoded"}
    for answer in (
        http.get(ROOMS, query_string={"access_token": token, "token": token}),
        http.get(ROOMS, headers={"Cookie": f"access_token={token}; Authorization=Bearer {token}"}),
        http.get(ROOMS, headers={"Proxy-Authorization": f"Bearer {token}", "X-Authorization": f"Bearer {token}"}),
        http.get(ROOMS, headers={"X-Forwarded-Access-Token": token, "DPoP": token}),
        http.post(ROOMS, **form),
    ):
        assert answer.status_code == 401
        assert challenge_of(answer) == {"realm": "chalk"}


def test_two_credentials_are_one_too_many(http, tenant, token):
    """
    A5, M: a key and a token in one request are 400, however good both are.
    """
    answer = http.get(ROOMS, headers={"Authorization": f"Bearer {token}", "X-API-Key": tenant.api_key})

    assert answer.status_code == 400
    assert challenge_of(answer)["error"] == "invalid_request"


@pytest.mark.parametrize("lacking", [True, False])
def test_who_presents_a_key_is_not_asked_for_a_token(http, tools, tenant, lacking):
    """
    M, CONTRACT 3: where both are taken, a refused API key gets no Bearer challenge: a token is not what it did wrong.
    """
    key = a_key_holding("rooms:read", tenant, tools).api_key if lacking else "sk_live_nonsense"

    answer = http.post(ROOMS, json={"name": "Lobby"}, headers={"X-API-Key": key})

    assert answer.status_code == (403 if lacking else 401)
    assert [each for each in answer.headers.getlist("WWW-Authenticate") if each.startswith("Bearer")] == []
    if lacking:
        wanted = "The credential does not have the scope that this request needs"
        assert answer.json["error"] == {"code": "FORBIDDEN", "message": wanted}


def test_where_a_key_is_wanted_a_token_is_none(http, tenant, token):
    """
    CONTRACT 3: the tenant's own doors take API keys alone; a token is neither accepted nor challenged for.
    """
    for answer in (present(http, f"Bearer {token}", TENANT.format(tenant.id)), http.get(TENANT.format(tenant.id))):
        assert answer.status_code == 401
        assert answer.json["error"]["message"] == "Authentication required"
        assert answer.headers["WWW-Authenticate"] == 'ApiKey realm="chalk"'


def test_the_seeds_example_reads_a_room(http, tools, tenant, token):
    """
    Seed: GET /rooms/{id} with `Authorization: Bearer` answers the room.
    """
    room_id = a_room(tools, tenant)

    answer = present(http, f"Bearer {token}", f"{ROOMS}/{room_id}")

    assert answer.status_code == 200
    assert answer.json["data"]["id"] == room_id
