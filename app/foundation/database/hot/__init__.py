"""Statements of the hot paths: compiled once, and run by the driver itself."""
