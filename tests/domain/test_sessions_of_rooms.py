"""How the sessions of one room are found among those of all."""

from uuid import UUID

from sqlalchemy import event, text

from app.domain import refresh_tokens

NO_ROOM = UUID(int=7)
EXPLAIN = {"sqlite": "EXPLAIN QUERY PLAN", "postgresql": "EXPLAIN"}


def test_the_end_of_a_room_does_not_look_through_all_sessions(worker, clock):
    """
    The index is of those sessions only that have a room, and both databases see that it will do.
    """
    sent = []
    with worker().database.transaction() as connection:
        dialect = connection.engine.dialect.name
        if dialect == "postgresql":
            # There is nothing in the table, so that to look through it would be best.
            connection.execute(text("SET LOCAL enable_seqscan = off"))
        event.listen(connection, "before_cursor_execute", lambda *given: sent.append(given[2:4]))
        refresh_tokens.end_all_of_room(connection, NO_ROOM, reason="ended", now=clock.now())
        ((statement, parameters),) = sent
        plan = connection.exec_driver_sql(f"{EXPLAIN[dialect]} {statement}", parameters).all()

    assert "ix_families_room" in str(plan)
