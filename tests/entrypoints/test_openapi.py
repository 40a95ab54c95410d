"""
GET /openapi.json: OpenAPI 3.1, with every route of both dialects in it, made of the types that read and print bodies.
"""

import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from flask import Flask, Response

from app.entrypoints import oauth
from app.entrypoints.chalk.dialect import errors as chalk_errors
from app.entrypoints.chalk.dialect.bodies import TokenBody
from app.entrypoints.chalk.dialect.tenants import ChangeTenantRequest
from app.entrypoints.oauth.bodies import IntrospectionAnswer, TokenForm
from app.entrypoints.operations import Operation, describes
from app.entrypoints.reference import openapi
from app.protocol.errors import TABLE

DIALECTS = {"chalk": chalk_errors.TABLE, "oauth": TABLE}
# The reference does not describe itself, and probes are for the inside; nothing redirects, so nothing else is left out.
UNDESCRIBED = {"/openapi.json", "/docs", "/docs/<name>", "/healthz", "/readyz", "/metrics"}

Document = Mapping[str, Any]


@pytest.fixture
def document(http) -> Any:
    """The document, as it is served."""
    response = http.get("/openapi.json")
    assert response.mimetype == "application/json"
    return response.get_json()


def operations(document: Document) -> Iterator[tuple[str, str, Any]]:
    """Walk the operations: path, method, and what is said of it."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def routes(app: Flask) -> set[tuple[str, str]]:
    """Give what the application really serves, as the document would write it."""
    return {
        (re.sub(r"<(?:[^<>]*:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.rule not in UNDESCRIBED
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def listed(document: Document) -> set[tuple[str, str]]:
    """Give what the document says that there is."""
    return {(path, method) for path, method, _ in operations(document)}


def references(node: Any) -> Iterator[str]:
    """Find every `$ref` in the document."""
    match node:
        case {"$ref": str(target)}:
            yield target
        case dict():
            yield from itertools.chain.from_iterable(map(references, node.values()))
        case list():
            yield from itertools.chain.from_iterable(map(references, node))
        case _:
            return


def lookup(document: Document, reference: str) -> Any:
    """Follow a `$ref` within the document."""
    found: Any = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def test_it_is_valid_openapi_3_1(document):
    """
    A tool that takes OpenAPI 3.1 takes ours: the document, each schema in it, and everything that it points at.
    """
    schemathesis.openapi.from_dict(document).validate()

    assert document["openapi"].startswith("3.1.")
    for schema in document["components"]["schemas"].values():
        jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})
    assert all(lookup(document, target) for target in references(document))


def test_every_route_is_described(app, document):
    """
    Whoever adds a route and forgets to describe it is told; so is whoever describes one that does not exist.
    """
    assert listed(document) == routes(app)


def test_every_operation_has_a_name_and_a_sentence(document):
    """
    Generated clients get a method of its own for each operation, and people a sentence.
    """
    names = [operation["operationId"] for *_, operation in operations(document)]

    assert len(names) == len(set(names)) == len(listed(document))
    assert all(re.fullmatch(r"[a-z_]+", name) for name in names)
    assert all(operation["summary"].endswith(".") for *_, operation in operations(document))


def test_every_status_is_one_that_its_dialect_knows(document):
    """
    No operation promises a refusal that its dialect has no code for, and each says what an outage looks like.
    """
    for path, method, operation in operations(document):
        known = {str(status) for status, _ in DIALECTS[operation["tags"][0]].values()}
        refused = {status for status in operation["responses"] if status >= "400"}

        assert refused <= known, (path, method)
        assert {"500", "503"} <= refused, (path, method)
        assert set(operation["responses"]) & {"200", "201", "202", "204"}, (path, method)


def test_refusals_and_headers_are_those_of_the_dialect(document):
    """
    A client that reads the document knows the shape of each refusal, and which headers it may count on.
    """
    for _, _, operation in operations(document):
        shape = "ErrorBody" if operation["tags"] == ["chalk"] else "ErrorAnswer"
        for status, response in operation["responses"].items():
            wanted = {"401": {"WWW-Authenticate"}, "503": {"Retry-After"}}.get(status, set())
            assert {"X-Request-Id"} | wanted <= set(response["headers"])
            if status >= "400":
                schema = response["content"]["application/json"]["schema"]
                assert schema == {"$ref": f"#/components/schemas/{shape}"}


def test_schemas_are_those_of_the_types_that_read_and_print(document):
    """
    What is described is what is validated: the document holds no shape that somebody wrote down a second time.
    """
    schemas = document["components"]["schemas"]
    exchanged = document["paths"]["/api/v1/auth/token"]["post"]["responses"]["200"]["content"]["application/json"]
    token_form = document["paths"]["/oauth/token"]["post"]["requestBody"]["content"]

    assert exchanged["schema"] == {"$ref": "#/components/schemas/Data_TokenBody_"}
    assert list(schemas["TokenBody"]["properties"]) == list(TokenBody.__struct_fields__)
    assert set(schemas["IntrospectionAnswer"]["properties"]) == set(IntrospectionAnswer.__struct_fields__)
    assert schemas["IntrospectionAnswer"]["required"] == ["active"]
    change = schemas["ChangeTenantRequest"]
    assert set(change["properties"]) == set(ChangeTenantRequest.__struct_fields__)
    assert (change["additionalProperties"], change["required"]) == (False, [])
    offered = token_form["application/x-www-form-urlencoded"]["schema"]["discriminator"]["mapping"]
    assert list(offered) == [form.__struct_config__.tag for form in TokenForm.__args__]


def test_the_document_says_what_the_metadata_says(http, document):
    """
    The grants of the one document are those of the other, and both name the same server.
    """
    metadata = http.get("/.well-known/oauth-authorization-server").get_json()

    form = document["paths"]["/oauth/token"]["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"]
    assert sorted(form["schema"]["discriminator"]["mapping"]) == sorted(metadata["grant_types_supported"])
    assert [server["url"] for server in document["servers"]] == [metadata["issuer"]]


def test_it_is_cached_until_it_changes(http):
    """
    Whoever has the document already is told so in a line, and for how long to believe it.
    """
    first = http.get("/openapi.json")
    again = http.get("/openapi.json", headers={"If-None-Match": first.headers["ETag"]})
    other = http.get("/openapi.json", headers={"If-None-Match": '"another"'})

    assert first.headers["Cache-Control"] == "public, max-age=300"
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert (other.status_code, other.data) == (200, first.data)


def test_a_route_that_was_forgotten_would_be_found():
    """
    The comparison of routes is not blind: an undescribed view is missing in the document, a described one is there.
    """
    app = Flask("forgetful", static_folder=None)
    app.add_url_rule("/oauth/new/<name>", "forgotten", Response, provide_automatic_options=False)

    @app.get("/oauth/told")
    @describes(Operation(answers={200: IntrospectionAnswer}))
    def told() -> Response:
        """Tell."""
        return Response()

    made = openapi.document(app, [oauth.DIALECT], "1", "https://auth.example")

    assert routes(app) - listed(made) == {("/oauth/new/{name}", "get")}
    assert made["paths"]["/oauth/told"]["get"]["summary"] == "Tell."
