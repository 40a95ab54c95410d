"""
What the README and `chalk-auth demo` tell a newcomer to paste works as it stands there.

In the README, a `bash` block is pasted, and a `text` block right after it is its answer, where `...` stands for
whatever is different each time. A `sh` block is not pasted: it starts the server, or takes too long.
"""

import json
import os
import re
import select
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from bench.torture.faults.ports import free_port
from tests.house.sources import ROOT
from tests.servers import COMMAND, Server, running

README = ROOT / "README.md"
VARIABLES = ["BASE_URL", "TENANT_ID", "API_KEY", "ADMIN_KEY", "ROOM_ID"]

_BLOCK = re.compile(r"^```bash\n(?P<pasted>.*?)^```$(?:\n+^```text\n(?P<answer>.*?)^```$)?", re.MULTILINE | re.DOTALL)
# The lines, then the commands up to the end of the last of them.
_ANNOUNCED = re.compile(
    r"\A(?P<lines>(?:[A-Z_]+=\S+\n)+)(?P<commands>\n#(?s:.*)/auth/refresh\" \\\n(?:.*\\\n)*.*[^\\\n]\n)"
)
_END_OF_BLOCK = "-- end of block --"


class Block(NamedTuple):
    """What is pasted, and what the README says comes back; empty when it says nothing."""

    pasted: str
    answer: str


def blocks(text: str) -> list[Block]:
    """Read the blocks of a page that are to be pasted, in their order."""
    return [Block(match["pasted"], match["answer"] or "") for match in _BLOCK.finditer(text)]


def same_shape(documented: str, real: str) -> bool:
    """Compare an answer with the documented one, character for character but for each `...`."""
    pattern = r'[^"\s]+'.join(re.escape(part) for part in documented.strip().split("..."))
    return re.fullmatch(pattern, real.strip()) is not None


def paste(*texts: str) -> list[str]:
    """
    Paste texts one after the other into one bash, and give what each printed.

    Raises:
        AssertionError: a command failed; the shell stops there.
    """
    script = "".join(f"{text}\necho; echo '{_END_OF_BLOCK}'\n" for text in texts)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    printed = done.stdout.split(f"{_END_OF_BLOCK}\n")[:-1]
    assert done.returncode == 0, f"after {len(printed)} of {len(texts)} texts: {done.stderr}"
    return printed


def announcement(server: Server) -> re.Match[str]:
    """
    Read what the demo prints: the lines to paste, and the commands to try.

    Raises:
        AssertionError: it is not that, or not within half a minute.
    """
    assert server.process.stdout is not None
    descriptor, text, deadline = server.process.stdout.fileno(), "", time.monotonic() + 30
    while select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))[0]:
        more = os.read(descriptor, 65536).decode()
        text += more
        match = _ANNOUNCED.match(text)
        if match:
            return match
        if not more:
            break
    raise AssertionError(f"the demo announced: {text!r}")


def json_values(text: str) -> list[Any]:
    """Read JSON values that stand one after the other."""
    values, decoder, rest = [], json.JSONDecoder(), text.strip()
    while rest:
        value, end = decoder.raw_decode(rest)
        values.append(value)
        rest = rest[end:].strip()
    return values


@pytest.fixture(scope="module")
def demo(new_database: Callable[[str], str]) -> Iterator[re.Match[str]]:
    """A demo on a database of its own, started as `make serve` starts it; gives what it announced."""
    port = free_port()
    command = [COMMAND, "demo", "--port", str(port)]
    with running(command, port, new_database("sqlite"), ISSUER=f"http://127.0.0.1:{port}") as server:
        yield announcement(server)


def test_the_demo_is_what_make_serve_starts():
    """
    The server under these tests is started by the same command, with the same issuer, as the README's own.
    """
    recipe = subprocess.run(
        ["make", "--dry-run", "serve", "PORT=23456"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert 'CHALK_ISSUER="${CHALK_ISSUER:-http://127.0.0.1:23456}"' in recipe
    assert "chalk-auth demo --port 23456" in recipe


def test_the_demo_prints_the_lines_that_the_readme_shows(demo):
    """
    What is to be pasted first is printed under exactly the names, and in the order, that the README uses.
    """
    shown = re.search(r"^```text\n(BASE_URL=.*?)^```$", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)

    assert shown is not None
    assert [line.partition("=")[0] for line in shown[1].splitlines()] == VARIABLES
    assert [line.partition("=")[0] for line in demo["lines"].splitlines()] == VARIABLES


def test_the_readme_works_when_it_is_pasted(demo):
    """
    Every command of the README succeeds in one shell, from top to bottom, and answers what stands under it.
    """
    written = blocks(README.read_text(encoding="utf-8"))

    _, *answers = paste(demo["lines"], *(block.pasted for block in written))

    wrong = {
        block.pasted: real for block, real in zip(written, answers, strict=True) if not same_shape(block.answer, real)
    }
    assert wrong == {}
    assert len(written) >= 8


def test_the_readme_shows_what_it_promises():
    """
    A token, a refresh, a retry, a reuse, OAuth and the JWKS are each shown with an answer.
    """
    written = blocks(README.read_text(encoding="utf-8"))

    pasted = "".join(block.pasted for block in written)
    for address in ("/auth/token", "/auth/refresh", "/rooms/$ROOM_ID", "/oauth/token", "/.well-known/jwks.json"):
        assert address in pasted
    assert "Idempotency-Key" in pasted
    assert all(block.answer for block in written)


def test_the_commands_of_the_demo_work_when_they_are_pasted(demo):
    """
    What the demo prints runs as it stands: the tenant, a token pair of four fields, a room, and the next pair.
    """
    _, printed = paste(demo["lines"], demo["commands"])

    tenant, pair, room, next_pair = (value["data"] for value in json_values(printed))
    given = dict(line.split("=", 1) for line in demo["lines"].splitlines())
    assert tenant["id"] == room["tenant_id"] == given["TENANT_ID"]
    assert room["id"] == given["ROOM_ID"]
    assert set(pair) == set(next_pair) == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert pair["refresh_token"] != next_pair["refresh_token"]


def test_a_readme_that_rotted_is_found():
    """
    An answer with another key, another status or more text is not taken for the documented one.
    """
    documented = '{"data":{"id":"room_...","ended_at":null}}\n200\n'

    assert same_shape(documented, '{"data":{"id":"room_1","ended_at":null}}\n200\n')
    for real in (
        '{"data":{"id":"room_1"}}\n200\n',
        '{"data":{"id":"room_1","name":"","ended_at":null}}\n200\n',
        '{"data":{"id":"room_1","ended_at":null}}\n404\n',
        '{"data":{"id":"room_1","ended_at":null}}\n200\n200\n',
        '{"data":{"id":"p_1","ended_at":null}}\n200\n',
        "",
    ):
        assert not same_shape(documented, real)


def test_a_command_that_fails_is_found():
    """
    A pasted text is not passed over in silence when one of its commands fails, or a variable is missing.
    """
    assert blocks("```sh\nexit 1\n```\n\n```bash\ntrue\n```\n\ntext\n\n```text\n1\n```\n") == [Block("true\n", "")]
    assert paste("X=1", 'echo "$X"') == ["\n", "1\n\n"]
    for text in ("false", "echo 1; false | true", 'echo "$NOT_THERE"', "if"):
        with pytest.raises(AssertionError):
            paste("true", text)
