"""RFC 7523, `jwks_uri`: where the server does not go, and what it does not take."""

import gzip
import json

import pytest

from app.domain.clients.fetch import FetchError, fetch
from app.entrypoints.wiring import wiring_of
from tests.assertions import a_key, an_assertion, change, form
from tests.jwks_host import jwks_host, make_ca

TOKEN = "/oauth/token"
OURS = frozenset({"localhost", "127.0.0.1"})
LONGEST = 65_536


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A CA that is made for this file, and the TLS context of a server with its certificate."""
    return make_ca(tmp_path_factory.mktemp("ca"), "localhost")


@pytest.fixture
def host(authority, monkeypatch):
    """A host whose CA this machine trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority[0]))
    with jwks_host(authority[1]) as running:
        yield running


@pytest.fixture
def lenient(make_app, clock):
    """A client of an application that may fetch from this machine, and has fetched nothing yet."""
    application = make_app(PRIVATE_JWKS_HOSTS="localhost,127.0.0.1")
    yield application.test_client()
    wiring_of(application).tools.database.close()


NO_CLIENT, NO_ANSWER = (401, "invalid_client"), (503, "temporarily_unavailable")


def assert_gives_no_keys(http, tenant, key, clock, told=NO_CLIENT):
    answer = http.post(TOKEN, data=form(an_assertion(key, tenant.id, clock.now())))

    assert (answer.status_code, answer.json["error"]) == told


@pytest.mark.parametrize("scheme", ["http", "HTTP", "ftp", "file", "data", "gopher", "//", "httpsx", ""])
def test_only_https_is_registered(http, tenant, scheme):
    """
    I: a URL that is not https is refused where it is registered, and nothing is changed.
    """
    key = {"X-API-Key": tenant.api_key}

    url = f"{scheme}://keys.example/jwks.json"
    answer = http.patch(f"/api/v1/tenants/{tenant.id}", json={"jwks_uri": url}, headers=key)

    assert answer.status_code == 400
    assert answer.json["error"]["details"][0]["field"] == "jwks_uri"
    assert http.get(f"/api/v1/tenants/{tenant.id}", headers=key).json["data"]["jwks_uri"] is None


def test_plain_http_is_never_spoken():
    """
    I: also below the registration, an http URL is refused before anybody is asked.
    """
    with jwks_host(None) as plain:
        plain.say(200, b"{}")
        with pytest.raises(FetchError):
            fetch(f"http://localhost:{plain.port}/", private_hosts=OURS)

        assert plain.connections == 0


NOT_PUBLIC = [
    *("localhost", "LOCALHOST", "localhost.", "vm-of-nobody.invalid", "127.0.0.1", "127.1", "2130706433", "0x7f000001"),
    *("0177.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1", "169.254.169.254"),
    *("[::1]", "[::]", "[fe80::1]", "[fd00::1]", "[::ffff:127.0.0.1]", "[::ffff:a9fe:a9fe]", "[::127.0.0.1]"),
    # NAT64 and 6to4: an IPv4 address inside, here of this machine and of a cloud's metadata.
    *("[64:ff9b::7f00:1]", "[64:ff9b::a9fe:a9fe]", "[2002:7f00:1::]", "[2002:a9fe:a9fe::1]"),
    *("224.0.0.1", "255.255.255.255", "[ff02::1]", "[2001::1]", "[2001:db8::1]", "[3fff::1]", "[fec0::1]", "[100::1]"),
]


# Not every machine knows this name of itself.
UNRESOLVED = {"vm-of-nobody.invalid", "localhost."}


@pytest.mark.parametrize("name", NOT_PUBLIC)
def test_addresses_that_are_not_public_are_refused(authority, monkeypatch, name):
    """
    I: no URL leads into our own network, in whatever spelling, by name or by number: nobody is even connected to.
    """
    monkeypatch.setenv("SSL_CERT_FILE", str(authority[0]))
    with jwks_host(authority[1]) as ours:
        ours.publish(a_key())

        with pytest.raises(FetchError) as refused:
            fetch(f"https://{name}:{ours.port}/jwks.json")

        assert "no usable address" in str(refused.value)
        assert refused.value.kind == "refused" or name in UNRESOLVED
        assert ours.connections == 0


def test_private_hosts_are_named_one_by_one(authority, host):
    """
    I: a host that the operator allowed may be private; that says nothing about any other name of the same address.
    """
    host.publish(a_key())

    assert json.loads(fetch(host.url, private_hosts=frozenset({"localhost"})))["keys"]
    for allowed in ("127.0.0.1", "ocalhost", "localhost.example", "*"):
        with pytest.raises(FetchError):
            fetch(host.url, private_hosts=frozenset({allowed}))


def test_by_default_this_machine_is_out_of_reach(http, tenant, host, clock):
    """
    I: without the setting, a client that names the server's own network gets invalid_client, and nobody is asked.
    """
    key = a_key()
    host.publish(key)
    change(http, tenant, jwks_uri=host.url)

    assert_gives_no_keys(http, tenant, key, clock)

    assert host.connections == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(lenient, tenant, host, clock, status):
    """
    I: wherever the host points to, also to itself, the server does not go there, and takes no keys on the way.
    """
    key = a_key()
    keys = json.dumps({"keys": [key.jwk]}).encode()
    host.say(status, keys, f"Location: {host.url}/other", f"Content-Length: {len(keys)}")
    change(lenient, tenant, jwks_uri=host.url)

    assert_gives_no_keys(lenient, tenant, key, clock)

    assert len(host.requests) == 1


@pytest.mark.parametrize("framing", ["length", "close", "chunked"])
def test_at_most_64_kib_are_read(host, framing):
    """
    I: a document of 64 KiB is taken, one of a byte more is refused, however its length is told.
    """
    for size in (LONGEST, LONGEST + 1):
        body = b"{}".ljust(size)
        chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (size, body)
        said = {
            "length": (body, f"Content-Length: {size}"),
            "close": (body, "X-Nothing: 1"),
            "chunked": (chunked, "Transfer-Encoding: chunked"),
        }
        host.say(200, *said[framing])
        if size == LONGEST:
            assert fetch(host.url, private_hosts=OURS) == body
        else:
            with pytest.raises(FetchError):
                fetch(host.url, private_hosts=OURS)


@pytest.mark.parametrize("mistake", ["self-signed", "other name"])
def test_the_certificate_must_be_of_the_host(monkeypatch, tmp_path, authority, mistake):
    """
    I: https means the host of the URL: a certificate of an unknown CA, or of another name, is refused.
    """
    bundle, context = make_ca(tmp_path, "localhost" if mistake == "self-signed" else "keys.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority[0] if mistake == "self-signed" else bundle))
    with jwks_host(context) as impostor:
        impostor.publish(a_key())

        with pytest.raises(FetchError):
            fetch(impostor.url, private_hosts=OURS)

        assert impostor.requests in ([], [""])


def broken_documents(key):
    keys = json.dumps({"keys": [key.jwk]}).encode()
    return {
        "not found": (404, keys),
        "no content": (204, b""),
        "created": (201, keys),
        "error": (500, keys),
        "empty": (200, b""),
        "html": (200, b"<html>"),
        "not UTF-8": (200, b"\xff\xfe"),
        "list": (200, b"[]"),
        "deep": (200, b"[" * 60_000),
        "no keys": (200, b'{"keys": []}'),
        "private": (200, json.dumps({"keys": [{**key.jwk, "d": "AAAA"}]}).encode()),
        "symmetric": (200, json.dumps({"keys": [{"kty": "oct", "k": "AAAA", "kid": key.kid}]}).encode()),
        "cut off": (200, keys[:-1], f"Content-Length: {len(keys)}"),
        "bad chunks": (200, b"zz\r\n" + keys, "Transfer-Encoding: chunked"),
        "compressed": (200, gzip.compress(keys), "Content-Encoding: gzip"),
        "many headers": (200, keys, *[f"X-{number}: 1" for number in range(500)]),
        "long header": (200, keys, "X: " + "x" * 100_000),
    }


# Here no whole answer came, or one that says that it is a fault which may pass.
PASSING = {"error", "bad chunks", "many headers", "long header", "no HTTP", "nothing", "no URL"}


@pytest.mark.parametrize("which", [*broken_documents(a_key()), "no HTTP", "nothing", "no URL"])
def test_what_is_no_key_set_is_no_fault_of_ours(lenient, tenant, host, clock, which):
    """
    I: whatever stands at the URL, the client is not authenticated, and nothing is a 500; it may try again where its
    host did not give a whole answer.
    """
    key = a_key()
    if which in {"no HTTP", "nothing"}:
        host.script = lambda: [b"220 mail.example ESMTP\r\n"] if which == "no HTTP" else []
    elif which != "no URL":
        host.say(*broken_documents(key)[which])
    change(lenient, tenant, jwks_uri="https://127.0.0.1:1/" if which == "no URL" else host.url)

    assert_gives_no_keys(lenient, tenant, key, clock, NO_ANSWER if which in PASSING else NO_CLIENT)


@pytest.mark.parametrize(
    "url",
    [
        *("https://[", "https://[x]/", "https://[::1", "https://a]b/", "https://[v1.x]/", "https://a:99999/"),
        *("https://a:b/", "https://?x", "https://#x", "https://..", "https://%00/", "https://a@b.c/", "https:///"),
        *("https://\\", "https://" + "a" * 300 + ".example/", "https://xn--/", "https://a:0/", "https://-/"),
    ],
)
def test_a_url_that_leads_nowhere_is_no_fault_of_ours(http, tenant, clock, url):
    """
    I: a URL that cannot be read is refused at the registration, or its host is never found; nothing is a 500.
    """
    key = a_key()

    answer = http.patch(f"/api/v1/tenants/{tenant.id}", json={"jwks_uri": url}, headers={"X-API-Key": tenant.api_key})

    assert answer.status_code in {200, 400}
    assert_gives_no_keys(http, tenant, key, clock, NO_ANSWER if answer.status_code == 200 else NO_CLIENT)
