"""
The release before goes on working on the new schema: migrations only add what it does not have to know, and build
indexes beside the traffic (docs/decisions/0026-migrations-beside-traffic.md).

What is judged is the SQL that a migration sends to PostgreSQL, however it is written.
"""

import io
import re
from types import ModuleType

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory

from tests.conftest import ROOT

# Nothing before it was ever released.
FIRST = "0011"
_NAME = r'"?(\w+)"?'
# What is wrong with a statement, unless it is about a table that the same migration makes.
RULES = {
    rf"DROP TABLE (?:IF EXISTS )?{_NAME}": "drops a table",
    rf"ALTER TABLE {_NAME} DROP COLUMN": "drops a column",
    rf"ALTER TABLE {_NAME} RENAME": "renames",
    rf"ALTER TABLE {_NAME} ALTER (?:COLUMN )?\S+ (?:SET DATA )?TYPE": "changes a type",
    rf"ALTER TABLE {_NAME} ALTER (?:COLUMN )?\S+ SET NOT NULL": "demands a value",
    rf"ALTER TABLE {_NAME} ALTER (?:COLUMN )?\S+ DROP NOT NULL": "brings NULL to whoever does not expect it",
    rf"ALTER TABLE {_NAME} ALTER (?:COLUMN )?\S+ DROP DEFAULT": "takes a default away",
    rf"ALTER TABLE {_NAME} ADD COLUMN (?!.*\bDEFAULT\b).*\bNOT NULL\b": "adds a column that demands a value",
    rf"ALTER TABLE {_NAME} ADD CONSTRAINT": "adds a constraint, which rows of the release before may break",
    rf"CREATE UNIQUE INDEX .*?\bON {_NAME}": "adds a unique index, which rows of the release before may break",
    rf"CREATE INDEX (?!CONCURRENTLY\b).*?\bON {_NAME}": "builds an index while nobody can write",
    rf"ALTER INDEX {_NAME} RENAME": "renames",
}


def sent(migration: ModuleType) -> list[str]:
    """Give the statements that a migration sends to PostgreSQL on its way up."""
    script = io.StringIO()
    context = MigrationContext.configure(
        dialect_name="postgresql", opts={"as_sql": True, "output_buffer": script, "transactional_ddl": False}
    )
    with Operations.context(context):
        migration.upgrade()
    return [" ".join(statement.split()) for statement in script.getvalue().split(";") if statement.strip()]


def problems(migration: ModuleType) -> list[str]:
    """Name what the release before would stumble over; nothing where the migration says why it may be: `contract`."""
    if str(getattr(migration, "contract", "")).strip():
        return []
    statements = sent(migration)
    made = {name for each in statements for name in re.findall(rf"CREATE TABLE {_NAME}", each)}
    return [
        f"{migration.revision} {what}: {statement[:80]}"
        for statement in statements
        for rule, what in RULES.items()
        if (found := re.match(rule, statement, re.IGNORECASE)) and found[1] not in made
    ]


def migrations() -> list[ModuleType]:
    """List the migrations that have to keep the rule."""
    scripts = ScriptDirectory(str(ROOT / "migrations")).walk_revisions()
    return [each.module for each in scripts if each.revision >= FIRST]


def test_the_release_before_can_work_on_the_schema_of_this_one():
    """
    No migration since the first release takes away, renames or demands anything; one that does says so, and why.
    """
    assert migrations()
    assert [line for each in migrations() for line in problems(each)] == []


def migration(body: str, head: str = "") -> ModuleType:
    """Write a migration."""
    module = ModuleType("migration")
    lines = body.replace("\n", "\n    ")
    source = (
        f"import sqlalchemy as sa\nfrom alembic import op\nrevision = '0012'\n{head}\ndef upgrade():\n    {lines}\n"
    )
    exec(source, vars(module))
    return module


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("op.drop_table('rooms')", "drops a table"),
        ("op.drop_column('rooms', 'name')", "drops a column"),
        ("op.alter_column('rooms', 'name', new_column_name='title')", "renames"),
        ("op.rename_table('rooms', 'halls')", "renames"),
        ("op.alter_column('rooms', 'name', type_=sa.Text())", "changes a type"),
        ("op.alter_column('rooms', 'name', nullable=False)", "demands a value"),
        ("op.alter_column('rooms', 'name', nullable=True)", "brings NULL"),
        ("op.alter_column('rooms', 'mode', server_default=None)", "takes a default away"),
        ("op.add_column('rooms', sa.Column('x', sa.Integer(), nullable=False))", "adds a column that demands"),
        ("op.create_check_constraint('ck', 'rooms', 'name <> 1')", "adds a constraint"),
        ("op.create_foreign_key('fk', 'rooms', 'tenants', ['x'], ['id'])", "adds a constraint"),
        ("op.create_index('uq', 'rooms', ['name'], unique=True, postgresql_concurrently=True)", "adds a unique index"),
        ("op.create_index('ix', 'rooms', ['name'])", "builds an index"),
        ("op.execute('alter table rooms\\n drop column name')", "drops a column"),
        ("with op.batch_alter_table('rooms') as rooms:\n    rooms.drop_column('name')", "drops a column"),
    ],
)
def test_a_migration_that_the_release_before_stumbles_over_is_found(body, what):
    """
    Each is named, and let pass only when the migration gives its reason.
    """
    assert [line.partition(":")[0] for line in problems(migration(body))] == [f"0012 {what}" + _rest(what)]
    assert problems(migration(body, "contract = 'nothing reads it since 0.2.0'")) == []
    assert problems(migration(body, "contract = ' '"))


def _rest(what: str) -> str:
    return next(full.removeprefix(what) for full in RULES.values() if full.startswith(what))


def test_what_only_adds_is_let_pass():
    """
    A table of its own with whatever it needs, columns that may be empty or have a default, an index beside traffic.
    """
    body = """
from app.foundation.database import without_transaction
op.create_table('x', sa.Column('id', sa.Integer(), nullable=False))
op.create_index('uq_x', 'x', ['id'], unique=True)
op.create_unique_constraint('uq', 'x', ['id'])
op.add_column('rooms', sa.Column('a', sa.Text()))
op.add_column('rooms', sa.Column('b', sa.Text(), nullable=False, server_default='live'))
with without_transaction(op.get_context()):
    op.create_index('ix', 'rooms', ['a'], postgresql_concurrently=True)
op.drop_index('ix_rooms', 'rooms')
"""
    assert problems(migration(body.strip())) == []
