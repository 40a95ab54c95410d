"""One file an RFC."""
