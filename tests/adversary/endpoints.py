"""Every endpoint of an application, from its own route table: so that none which is new can be forgotten."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from app.entrypoints.operations import Operation, operation_of
from tests.adversary.tenancies import Ids, missing_ids

# Parameters that name something of nobody's.
OF_NOBODY = {"/docs/<name>"}

# What is sent to the operations that want a body.
BODIES: dict[str, Any] = {
    "chalk.tenants.create": {"name": "Mine"},
    "chalk.tenants.change": {"name": "Mine"},
    "chalk.api_keys.create": {"name": "Mine"},
    "chalk.api_keys.change": {"name": "Mine"},
    "chalk.rooms.create": {"name": "Mine"},
    "chalk.rooms.change": {"name": "Mine"},
    "chalk.participants.create": {"display_name": "Eve"},
    "chalk.participants.create_many": {"participants": [{"display_name": "Eve"}]},
    "chalk.participants.change": {"display_name": "Eve"},
}


@dataclass(frozen=True)
class Endpoint:
    """A method of a route, with what its view says of itself, and a body that it takes."""

    name: str
    method: str
    path: str
    arguments: frozenset[str]
    operation: Operation
    body: Any

    def __str__(self) -> str:
        """Print it as documentation does."""
        return f"{self.method} {self.path}"

    @property
    def takes_tokens(self) -> bool:
        """Tell whether an access token opens it, beside a key."""
        return self.operation.security == "key_or_token"

    def ask(self, http: FlaskClient, ids: Ids, headers: dict[str, str], **query: Any) -> TestResponse:
        """Send the request, with these ids in its path, under an X-Request-Id that is always the same."""
        path = self.path
        for name in self.arguments:
            path = re.sub(f"<([^<>]*:)?{name}>", ids[name], path)
        sent = headers | {"X-Request-Id": "always-the-same"}
        return http.open(path, method=self.method, json=self.body, headers=sent, query_string=query)


def endpoints(app: Flask) -> Iterator[Endpoint]:
    """
    List every method of every route for which somebody must be known.

    Fails for one that names something the tests have no id for, or that wants a body they do not have.
    """
    for rule in app.url_map.iter_rules():
        unknown = rule.arguments - missing_ids().keys()
        assert not unknown or rule.rule in OF_NOBODY, (
            f"{rule.rule} names something by {sorted(unknown)}, of which the isolation matrix has no id: "
            "give Tenancy.ids and missing_ids one"
        )
        operation = operation_of(app.view_functions[rule.endpoint])
        if operation is None:
            assert not rule.arguments or rule.rule in OF_NOBODY, f"{rule.rule} names something, and says nothing of it"
        elif operation.security in {"key", "key_or_token"}:
            yield from _methods(rule, operation)
        else:
            assert not rule.arguments, f"{rule.rule} shows by id to whom it does not know"


def _methods(rule: Rule, operation: Operation) -> Iterator[Endpoint]:
    body = BODIES.get(rule.endpoint)
    assert body is not None or operation.json is None or not operation.body_required, (
        f"{rule.endpoint} wants a body, and the isolation matrix has none for it: give it one in BODIES"
    )
    for method in sorted(rule.methods or ()):
        yield Endpoint(rule.endpoint, method, rule.rule, frozenset(rule.arguments), operation, body)


def seen(answer: TestResponse) -> tuple[int, bytes, list[tuple[str, str]]]:
    """Give all that a caller sees of an answer, but how much is left to its own key, which is less each time."""
    headers = sorted((name, value) for name, value in answer.headers.items() if name != "RateLimit")
    return answer.status_code, answer.data, headers
