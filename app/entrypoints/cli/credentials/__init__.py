"""Commands about keys of every kind."""
