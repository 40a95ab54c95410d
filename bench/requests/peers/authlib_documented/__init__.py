"""Authlib in Flask as its documentation shows it: its models, grants and JWT tokens (RFC 9068), and no more."""
