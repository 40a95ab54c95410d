"""
The OpenAPI 3.1 document, made of what the views say of themselves and of the types that they read and print.

Source: OpenAPI Specification 3.1.1; JSON Schema 2020-12, as msgspec prints it.
"""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from apispec import APISpec
from flask import Flask

from app.entrypoints.operations import FORM, JSON, Dialect, Operation, operation_of
from app.flows import refusals

_REF = "#/components/schemas/{name}"
_SECURITY: dict[str, list[dict[str, list[str]]]] = {
    "none": [],
    "key": [{"apiKey": []}],
    "key_or_token": [{"apiKey": []}, {"bearer": []}],
    # The form's own parameters, or the header.
    "client": [{"clientBasic": []}, {}],
}
_SCHEMES = {
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "clientBasic": {"type": "http", "scheme": "basic"},
}
_PAGE = [
    {"name": "cursor", "in": "query", "schema": {"type": "string"}},
    {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}},
]
# What responses carry besides their bodies, and on which of them one may count on it.
_RESPONSE_HEADERS = {
    "X-Request-Id": "Under which the request is logged; the client's own, if it sent a plain one.",
    "WWW-Authenticate": "How to authenticate.",
    "Retry-After": "After how many seconds to try again.",
    "RateLimit-Policy": "The limit that is used up.",
    "RateLimit": "After how many seconds it is not any more.",
    "ETag": "For `If-None-Match`.",
    "Cache-Control": "How long it may be kept.",
}
_HEADERS_OF = {
    "401": ("WWW-Authenticate",),
    "429": ("Retry-After", "RateLimit-Policy", "RateLimit"),
    "503": ("Retry-After",),
}
# Where a limit counts the request, and there is one; a reference would promise them always.
_LEFT = {
    "RateLimit-Policy": "The limit nearest to its end that the request was counted against, if any.",
    "RateLimit": "How much is left of it, and after how many seconds it begins anew.",
}
_OF_LEFT = {name: {"description": meaning, "schema": {"type": "string"}} for name, meaning in _LEFT.items()}
_HEADERS_OF_CACHED = ("ETag", "Cache-Control")


def document(app: Flask, dialects: Sequence[Dialect], version: str, server: str) -> dict[str, Any]:
    """Describe every view of the application that says what it is."""
    described = list(_described(app))
    types = {repr(kind): kind for one in described for kind in _types(one.operation)}
    types |= {repr(dialect.error): dialect.error for dialect in dialects}
    schemas, components = msgspec.json.schema_components(list(types.values()), ref_template=_REF)
    schema_of = dict(zip(types, schemas, strict=True))

    spec = APISpec(
        title="Chalk Auth",
        version=version,
        openapi_version="3.1.0",
        info={"description": "API keys in, RS256 tokens out. Two dialects, one server."},
        servers=[{"url": server}],
    )
    for name, schema in components.items():
        spec.components.schema(name, schema)
    for name, meaning in _RESPONSE_HEADERS.items():
        header = {"description": meaning, "required": True, "schema": {"type": "string"}}
        spec.components.header(name, header)
    for name, scheme in _SCHEMES.items():
        spec.components.security_scheme(name, scheme)
    for one in described:
        dialect = next(dialect for dialect in dialects if one.path.startswith(dialect.prefixes))
        spec.path(path=one.path, operations={one.method: _operation(one, dialect, schema_of)})
    return spec.to_dict()


@dataclass(frozen=True)
class _Described:
    path: str
    method: str
    view: Callable[..., Any]
    operation: Operation


def _described(app: Flask) -> Iterator[_Described]:
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        operation = operation_of(view)
        if operation is not None:
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield _Described(re.sub(r"<(?:[^<>]*:)?(\w+)>", r"{\1}", rule.rule), method.lower(), view, operation)


def _types(operation: Operation) -> list[Any]:
    return [kind for kind in (operation.json, operation.form, *operation.answers.values()) if kind is not None]


def _operation(one: _Described, dialect: Dialect, schema_of: Mapping[str, Any]) -> dict[str, Any]:
    operation, module = one.operation, one.view.__module__.split(".")
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", one.path)
    ]
    for place, named in (("header", operation.headers), ("query", operation.filters)):
        for name, kind in named.items():
            schema = msgspec.json.schema(kind)
            # Pages show what is said of the parameter, and not of its schema.
            parameters.append({"name": name, "in": place, "description": schema.pop("description"), "schema": schema})
    described: dict[str, Any] = {
        "operationId": f"{module[-1]}_{one.view.__name__}",
        "tags": [module[2]],
        "summary": inspect.cleandoc(one.view.__doc__ or "").split("\n", 1)[0],
        "parameters": parameters + (_PAGE if operation.paged else []),
        "responses": _responses(operation, dialect, schema_of),
        "security": _SECURITY[operation.security],
    }
    body = operation.json or operation.form
    if body is not None:
        content = {JSON if operation.form is None else FORM: {"schema": schema_of[repr(body)]}}
        described["requestBody"] = {"required": operation.body_required, "content": content}
    return described


def _responses(operation: Operation, dialect: Dialect, schema_of: Mapping[str, Any]) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for success, kind in operation.answers.items():
        content = {} if kind is None else {"content": {operation.content_type: {"schema": schema_of[repr(kind)]}}}
        cached = _HEADERS_OF_CACHED if operation.cached else ()
        left = _OF_LEFT if refusals.RateLimitedError in operation.refuses else {}
        responses[str(success)] = {"description": "Success.", "headers": _headers(cached) | left, **content}
    if operation.cached:
        responses["304"] = {"description": "What the caller has is current.", "headers": _headers(_HEADERS_OF_CACHED)}

    error = {JSON: {"schema": schema_of[repr(dialect.error)]}}
    sentences: dict[str, list[str]] = {}
    for refusal in operation.all_refusals:
        sentences.setdefault(str(dialect.status_of(refusal)), []).append(refusal.public)
    for status, said in sentences.items():
        description = "; ".join(dict.fromkeys(said)) + "."
        headers = _headers(_HEADERS_OF.get(status, ()))
        responses[status] = {"description": description, "headers": headers, "content": error}
    return dict(sorted(responses.items()))


def _headers(names: Sequence[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-Id", *names)}
