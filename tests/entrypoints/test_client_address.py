"""Whose address a request has: the peer's, unless the peer is a proxy of ours."""

import ipaddress

import pytest

from app.entrypoints.headers import client_address

PROXIES = [ipaddress.ip_network(each) for each in ("127.0.0.1", "10.0.0.0/8", "fd00::/8")]
PEER = "127.0.0.1"


@pytest.mark.parametrize(
    ("hops", "client"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("  192.0.2.1\t", "192.0.2.1"),
        ("203.0.113.9, 192.0.2.1", "192.0.2.1"),
        ("203.0.113.9,192.0.2.1,10.1.2.3", "192.0.2.1"),
        ("203.0.113.9, 192.0.2.1, 10.1.2.3, 10.3.2.1", "192.0.2.1"),
        ("10.1.2.3, 192.0.2.1, 10.3.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("192.0.2.1, ::ffff:10.0.0.1", "192.0.2.1"),
        ("192.0.2.1, fd00::7", "192.0.2.1"),
        ("fe80::1%anything at all", "fe80::1"),
        ("10.1.1.1, 10.2.2.2", "10.1.1.1"),
    ],
)
def test_the_nearest_hop_that_is_no_proxy_of_ours_counts(hops, client):
    """
    A19: each proxy vouches for whom it heard; whatever stands left of the client may be made up.
    """
    assert client_address(PEER, hops, PROXIES) == client


@pytest.mark.parametrize("peer", ["192.0.2.7", "2001:db8::7", "11.0.0.1", "127.0.0.2"])
@pytest.mark.parametrize("hops", ["", "203.0.113.9", "203.0.113.9, 10.0.0.1", "127.0.0.1"])
def test_a_peer_that_is_no_proxy_of_ours_is_the_client(peer, hops):
    """
    A19: from anybody else the header changes nothing; without configured proxies from nobody.
    """
    assert client_address(peer, hops, PROXIES) == peer
    assert client_address(PEER, hops, []) == PEER


@pytest.mark.parametrize(
    "junk",
    [
        *("", ",", ", ,", "unknown", "_hidden", "localhost", "\x00", "ä", "%", "::%", "for=192.0.2.1", "9" * 100_000),
        *("192.0.2.1:80", "[2001:db8::1]:80", "192.0.2.256", "192.0.2.01", "1", "0x7f.1", "192.0.2.0/24"),
        "192.0.2.1 192.0.2.2",
    ],
)
def test_what_is_no_address_is_where_it_ends(junk):
    """
    A19: a hop that cannot be read vouches for nothing, and neither does what stands left of it; nothing fails.
    """
    expected = "::" if junk == "::%" else PEER

    assert client_address(PEER, junk, PROXIES) == expected
    assert client_address(PEER, f"203.0.113.9, {junk}", PROXIES) in {expected, PEER}
    assert client_address(PEER, f"{junk}, 192.0.2.1", PROXIES) == "192.0.2.1"


def test_ten_thousand_hops_are_read():
    """
    A16, A19: as many as a header may hold, all of them ours or none, and the client is found.
    """
    ours = ",".join(["10.0.0.1"] * 10_000)

    assert client_address(PEER, f"203.0.113.9,192.0.2.1,{ours}", PROXIES) == "192.0.2.1"
    assert client_address(PEER, ",".join(["203.0.113.9"] * 10_000 + ["192.0.2.1"]), PROXIES) == "192.0.2.1"
    assert client_address(PEER, "," * 10_000, PROXIES) == PEER


@pytest.mark.parametrize("peer", ["", "a socket", "10.0.0.1:80"])
def test_a_peer_without_an_address_is_taken_as_it_is(peer):
    """
    A19: a socket of this machine is no configured proxy, and one source.
    """
    assert client_address(peer, "192.0.2.1", PROXIES) == peer


def test_a_proxy_on_a_unix_socket_is_trusted_by_name():
    """
    A19: a peer there has no address. Nobody else can seem to have none: not a peer on a port, and no hop.
    """
    assert client_address("", "203.0.113.9, 192.0.2.1", ["unix"]) == "192.0.2.1"
    assert client_address("", "203.0.113.9, 192.0.2.1, 10.0.0.1", ["unix", *PROXIES]) == "192.0.2.1"
    assert client_address("", "203.0.113.9, unix", ["unix"]) == ""
    assert client_address("", "203.0.113.9, ", ["unix"]) == ""
    assert client_address(PEER, "203.0.113.9", ["unix"]) == PEER
    assert client_address("unix", "203.0.113.9", ["unix"]) == "unix"
    assert client_address(PEER, "203.0.113.9, , 10.0.0.1", ["unix", *PROXIES]) == "10.0.0.1"


def test_a_proxy_is_known_by_either_kind_of_address():
    """
    A19: a socket for both families names an IPv4 proxy as `::ffff:127.0.0.1`.
    """
    assert client_address("::ffff:127.0.0.1", "192.0.2.1", PROXIES) == "192.0.2.1"
