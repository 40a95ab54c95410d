"""The tests: every promise, on SQLite and on PostgreSQL."""
