"""Join the parts; nothing else does."""

import contextlib
import functools
import importlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask import Flask, Response, g, request
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy

from app import settings as configuration
from app.entrypoints import chalk, cli, oauth, probes, reference
from app.entrypoints.headers import finish, request_id
from app.entrypoints.serving import watching
from app.entrypoints.serving.aside import work_aside
from app.entrypoints.serving.express import Express
from app.entrypoints.wiring import Launcher, Wiring, refusal_of, wire, wired
from app.flows import tools as workshop
from app.flows.adopt_api_keys import adopt_api_keys
from app.flows.record_sightings import record_sightings
from app.flows.refusals import (
    DatabaseAwayError,
    InternalError,
    InvalidRequestError,
    KeyInBrowserError,
    MasterKeyAwayError,
    NotFoundError,
    ServiceError,
)
from app.flows.tend_signing_keys import tend_signing_keys
from app.foundation import logs, master_key_files
from app.foundation.clock import Clock, SystemClock
from app.foundation.database import Base, Database, engine_options, prepare
from app.foundation.errors import ConfigurationError
from app.foundation.master_keys import MasterKeys
from app.protocol import metadata
from app.protocol.server import Server
from app.settings import Settings

_MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"
# One of these is worth an alert: see deploy/prometheus/.
_ALARMING = ([InternalError.code, MasterKeyAwayError.code], ["refresh.healed"])


def create_app(settings: Settings | None = None, clock: Clock | None = None, *, warm: bool = True) -> Flask:
    """
    Build the application.

    Args:
        settings: read from the environment when not given.
        clock: the machine's own when not given.
        warm: read the signing key now, or make the first one, rather than in the first request.

    Raises:
        ConfigurationError: it cannot start like this; the message says what to do.
    """
    clock = clock or SystemClock()
    alone = settings is None
    if settings is None:
        settings = configuration.read()
        # Made from the environment, it has the process to itself; with settings given, the logs are the caller's.
        logs.start(settings.logs.level, clock)

    app = _Application("app", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.http.max_body_bytes
    # OPTIONS is a method like any other here: it does not exist. And no path is redirected to another.
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.merge_slashes = False

    tools = workshop.lay_out(clock, _database(app, settings), _master_keys(settings), settings)
    resource, longest = settings.http.audiences[0], settings.http.max_body_bytes
    wiring = Wiring(
        tools=tools,
        server=Server(tools),
        issuer=settings.http.issuer,
        resource_metadata_url=metadata.resource_url(resource),
        jwks_max_age_seconds=settings.keys.jwks_max_age_seconds,
        trusted_proxies=settings.http.trusted_proxies,
    )
    wire(app, wiring)
    _count(tools, events=alone)
    spans = None if settings.logs.traces == "off" else _spans(tools)
    if spans is not None:
        watching.trace(app, spans)
    _open_doors(app, settings.http.issuer, resource)
    express = Express(app.wsgi_app, wiring, [*chalk.LANES, *oauth.LANES], longest, lambda it: _refused(it, tools))
    express.spans = spans
    if settings.http.express == "on":
        app.wsgi_app = express  # type: ignore[method-assign]
    if alone and warm:
        work_aside(app, express, tools, every=timedelta(seconds=settings.keys.keyring_max_age_seconds))
    if warm:
        _warm(tools)
    return app


class _Application(Flask):
    """Flask, which asks of every function that it calls whether it is a coroutine; ours are none."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Give the function as it is."""
        return func


def command_line() -> None:
    """Run `chalk-auth`."""
    cli.run(Launcher(lambda: create_app(warm=False), create_app, str(_MIGRATIONS), f"{__name__}:create_app"))


def _count(tools: workshop.Tools, *, events: bool) -> None:
    tools.metrics.expect(*_ALARMING)
    if events:
        logs.listen(tools.metrics.happened)


def _spans(tools: workshop.Tools) -> watching.Spans:
    try:
        # house: an extra, which costs whoever does not want it nothing, not even its loading
        tracing = importlib.import_module("app.foundation.tracing").Tracing()
    except ModuleNotFoundError as error:
        raise ConfigurationError("CHALK_TRACES needs OpenTelemetry. Run: pip install 'chalk-auth[otel]'") from error
    tools.database.observe(tracing.statement)
    return watching.Spans(tracing, tools.http.trusted_proxies)


def _master_keys(settings: Settings) -> MasterKeys:
    given, directory = settings.keys.master_key, Path(settings.keys.directory)
    # At a first start, one is made; whoever reads them again makes none.
    master_key_files.load(given, directory)
    return MasterKeys(
        functools.partial(master_key_files.load, given, directory, first_start=False),
        functools.partial(master_key_files.stamp, given, directory),
        settings.keys.keyring_max_age_seconds,
    )


def _database(app: Flask, settings: Settings) -> Database:
    url = settings.database.url
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(
        url,
        pool_size=settings.database.pool_size,
        timeout_seconds=settings.database.timeout_seconds,
        by_transaction=settings.database.pooler == "transaction",
    )
    extension = SQLAlchemy(app, model_class=Base)
    Migrate(app, extension, directory=str(_MIGRATIONS))
    with app.app_context():
        engine = extension.engine
    prepare(engine)
    return Database(engine)


def _open_doors(app: Flask, issuer: str, resource: str) -> None:
    app.register_blueprint(chalk.blueprint())
    app.register_blueprint(oauth.blueprint(issuer, resource))
    app.register_blueprint(reference.blueprint([oauth.DIALECT, chalk.DIALECT]))
    app.register_blueprint(probes.blueprint())
    app.before_request(_begin)
    app.after_request(_finish)
    app.register_error_handler(Exception, _refuse)
    app.teardown_request(lambda _: logs.end())


def _begin() -> None:
    g.request_id = request_id(request.headers.get("X-Request-Id"))
    g.key_rotating_until = None
    g.takes_bearer = False
    g.body_was_read = False
    watching.begin(g)
    wired().tools.quotas.begin()
    if request.environ.get("PATH_INFO", "").startswith("//"):
        # The router would overlook the second slash; a rule of the proxy in front would not.
        raise NotFoundError
    if "," in request.headers.get("Host", ""):
        # The server joins what is sent twice; who decided by the one must not be told of the other.
        raise InvalidRequestError("Host", "must stand once")


def _finish(response: Response) -> Response:
    tools = wired().tools
    finish(response, g.request_id, g.key_rotating_until, tools.quotas.nearest)
    if not g.body_was_read and (request.content_length or request.headers.get("Transfer-Encoding")):
        # Refused before the body arrived: the server will not read it, and the client must not send another
        # request behind it.
        response.headers["Connection"] = "close"
    route = None if request.url_rule is None else request.url_rule.rule
    watching.finish(g, request.method, route, response.status_code, tools.metrics)
    return response


def _refuse(error: Exception) -> Response:
    # Each dialect refuses in its own words, also where no route matched.
    refuse = oauth.refuse if request.path.startswith(oauth.DIALECT.prefixes) else chalk.refuse
    refusal = refusal_of(error, g.get("request_id"))
    _refused(refusal, wired().tools)
    return refuse(refusal)


def _refused(refusal: ServiceError, tools: workshop.Tools) -> None:
    watching.refused(refusal, tools.metrics)
    if isinstance(refusal, KeyInBrowserError):
        # Here and not in the story, whose transaction had to be over first; nobody but a browser waits for it.
        with contextlib.suppress(DatabaseAwayError):
            record_sightings(tools)


def _warm(tools: workshop.Tools) -> None:
    try:
        tend_signing_keys(tools)
        adopt_api_keys(tools)
    except DatabaseAwayError:
        # Start anyway: the first request that finds the database back reads the key.
        return
