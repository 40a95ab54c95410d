"""How Chalk JSON speaks: bodies, the envelope around them, refusals, and who is asking."""
