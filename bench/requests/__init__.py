"""
What a request costs: `make bench`, told in docs/performance.md.

The result is a ratio: the processor time that all processes of a server spend on a request, the database's included,
over that of one bare RSA-2048 signature, which nobody who mints RS256 tokens can do without.
"""
