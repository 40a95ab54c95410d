"""Servers of ours to be tortured: processes, their database, the proxies around them, and what can be done to them."""
