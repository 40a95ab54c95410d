"""
Rotation of refresh tokens under races and faults: `make torture`, told in docs/rotation.md.

Clients refresh, thieves replay and admins revoke while processes die, connections break and clocks step. Everything
that was asked and answered is written down, and a checker looks for what may never be, in the history alone. It needs
to know nothing of the server, so that it can be run against any.
"""
