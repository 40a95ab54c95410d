"""Clients that others wrote, against a server that really runs."""
