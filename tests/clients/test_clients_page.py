"""
docs/clients.md: whoever pastes its snippets gets a token, and a resource server that refuses what it must.
"""

import itertools
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import pytest
import requests
from joserfc import jwt

from app.flows import steps
from tests.builders import Tenant
from tests.entrypoints.test_readme import same_shape
from tests.house.sources import ROOT
from tests.live import OTHER_AUDIENCE, Live

PAGE = ROOT / "docs" / "clients.md"
RUN_HERE = ("bash", "python", "js")
NOT_RUN = "Not run by the suite"

_PART = re.compile(
    r"^(?P<level>#+) (?P<heading>[^\n]+)$"
    r"|^```(?P<language>\w+)\n(?P<code>.*?)^```$(?:\n+^```text\n(?P<answer>.*?)^```$)?",
    re.MULTILINE | re.DOTALL,
)

Done = subprocess.CompletedProcess[str]
Run = Callable[["Snippet", Mapping[str, str]], Done]


class Snippet(NamedTuple):
    """One block of the page: under which headings it stands, what it says, and what it prints."""

    chapter: str
    title: str
    language: str
    code: str
    answer: str


def snippets(text: str) -> Iterator[Snippet]:
    """Read the blocks of the page, in their order."""
    chapter = title = ""
    for part in _PART.finditer(text):
        if part["level"] == "##":
            chapter = title = part["heading"]
        elif part["level"] is not None:
            title = part["heading"]
        else:
            yield Snippet(chapter, title, part["language"], part["code"], part["answer"] or "")


ALL = list(snippets(PAGE.read_text(encoding="utf-8")))
RUNNABLE = [one for one in ALL if one.language in RUN_HERE]
VERIFIERS = [one for one in RUNNABLE if one.chapter == "Verify a token offline"]


@pytest.fixture(scope="session")
def run(workshop, run_node) -> Run:
    """Run a snippet with these variables in its environment; warnings of Python are errors."""
    numbers = itertools.count(1)

    def start(snippet: Snippet, variables: Mapping[str, str]) -> Done:
        if snippet.language == "js":
            script = workshop / f"snippet{next(numbers)}.mjs"
            script.write_text(snippet.code)
            return run_node(script.name, variables)  # type: ignore[no-any-return]

        commands = {"bash": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-W", "error", "-c"]}
        return subprocess.run(
            [*commands[snippet.language], snippet.code],
            env=os.environ | variables, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    return start


def variables(live: Live, client: Tenant, token: str) -> dict[str, str]:
    """Give the variables that the page speaks of."""
    return {"BASE_URL": live.url, "TENANT_ID": client.id, "API_KEY": client.api_key, "ACCESS_TOKEN": token}


def token_of(live: Live, client: Tenant, kind: str = "access_token", **form: str) -> str:
    """Get a token of the client."""
    form = {"grant_type": "client_credentials", "scope": "rooms:read offline_access", **form}
    answer = requests.post(f"{live.url}/oauth/token", form, auth=(client.id, client.api_key), timeout=10)
    token: str = answer.json()[kind]
    return token


def signed(live: Live, client: Tenant, *, typ: str = "at+jwt", **changes: object) -> str:
    """Sign the claims of a good token once more, by the server's own key, with something changed; None leaves out."""
    signer = steps.signer(live.tools)
    claims = jwt.decode(token_of(live, client), signer.key).claims | changes
    header = {"alg": "RS256", "typ": typ, "kid": signer.kid}
    return jwt.encode(header, {name: value for name, value in claims.items() if value is not None}, signer.key)


def bad_tokens(live: Live, client: Tenant) -> dict[str, str]:
    """Give tokens that no resource server may take, by what is wrong with them."""
    header, claims, signature = token_of(live, client).split(".")
    return {
        "a refresh token": token_of(live, client, "refresh_token"),
        "for another resource server": token_of(live, client, resource=OTHER_AUDIENCE),
        "changed on the way": f"{header}.{claims[:-4]}AAAA.{signature}",
        "of another kind": signed(live, client, typ="JWT"),
        "by another server": signed(live, client, iss=OTHER_AUDIENCE),
        "expired": signed(live, client, exp=1_000_000_000),
        "without an end": signed(live, client, exp=None),
        "for nobody": signed(live, client, aud=None),
        "of a test key": signed(live, client, mode="test"),
    }


@pytest.mark.parametrize("snippet", RUNNABLE, ids=lambda one: f"{one.title}-{one.language}")
def test_a_snippet_does_what_the_page_says(run, live, client, snippet):
    """
    Pasted as it stands, it works, and prints what stands below it.
    """
    done = run(snippet, variables(live, client, token_of(live, client)))

    assert done.returncode == 0, done.stderr
    assert snippet.answer != ""
    assert same_shape(snippet.answer, done.stdout), done.stdout


@pytest.mark.parametrize("snippet", VERIFIERS, ids=lambda one: one.title)
def test_a_verifier_of_the_page_refuses_what_it_must(run, live, client, snippet):
    """
    Each check that the page demands of a resource server is in each of its snippets.
    """
    taken = [
        name
        for name, token in bad_tokens(live, client).items()
        if run(snippet, variables(live, client, token)).returncode == 0
    ]

    assert taken == []
    assert run(snippet, variables(live, client, signed(live, client))).returncode == 0


def test_the_page_says_what_nobody_runs():
    """
    The languages that were promised are there, and a block that no test runs is marked.
    """
    marked = re.findall(rf"^{NOT_RUN}[^\n]*\n\n```(\w+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)

    assert marked == [one.language for one in ALL if one.language not in RUN_HERE]
    assert {one.language for one in ALL} == {"bash", "python", "js", "go", "java", "nginx"}
    assert len(VERIFIERS) == 4
