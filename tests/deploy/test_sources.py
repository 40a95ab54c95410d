"""What nginx takes for one source of requests, when it limits them."""

import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.torture.faults.ports import free_port
from tests.deploy.edge import SHIPPED, read_all, running

# The shipped maps and zones, before an address that this machine does not have.
CONFIGURATION = """
worker_processes 1;
pid {folder}/nginx.pid;
events {{}}
http {{
    access_log off;
    include chalk-auth/http.conf;
    server {{
        listen 127.0.0.1:{port};
        set_real_ip_from 127.0.0.1;
        real_ip_header X-Forwarded-For;
        location / {{
            limit_req zone=chalk_tokens;
            limit_req_status 429;
        }}
    }}
}}
"""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """An nginx that allows one request at a time, twenty milliseconds apart."""
    with tempfile.TemporaryDirectory(prefix="chalk-nginx-") as name:
        folder, port = Path(name), free_port()
        folder.chmod(0o755)
        shutil.copytree(SHIPPED / "chalk-auth", folder / "chalk-auth")
        (folder / "log").mkdir()
        (folder / "nginx.conf").write_text(CONFIGURATION.format(folder=folder, port=port))
        with running(folder, port):
            yield port


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("203.0.113.7", "203.0.113.7", True),
        ("203.0.113.9", "203.0.113.8", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:fffe", True),
        ("2001:db8:1::1", "2001:db8:1:0:a:b:c:d", True),
        ("2001:db8:2:2::1", "2001:db8:2:3::1", False),
        ("2001:db8:1:a0a::a0a", "2001:db8:1:a0a::d", True),
        ("2001:db8:2:a0a::1", "2001:db8:2:a0b::1", False),
    ],
)
def test_a_network_of_64_bits_is_one_source(port, one, other, same):
    """
    A17: whoever has a network of IPv6 gets no more for using all of it; IPv4 addresses are told apart.
    """
    pair = ((one, ""), (other, "Connection: close\r\n"))
    # In one piece, so that there is no pause between the two.
    asked = "".join(f"GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {each}\r\n{last}\r\n" for each, last in pair)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as wire:
        wire.sendall(asked.encode())
        answers = read_all(wire)

    assert [each.status for each in answers] == [404, 429 if same else 404]
