"""
What a session costs in a small table and in a large one: `make bench-families`, told in docs/performance.md.

The large table is some hundred times as long, and of the same shape: as many sessions a tenant, a key and a room.
"""
