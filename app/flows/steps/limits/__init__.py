"""What may be done how often: guesses at credentials, uses of keys, tokens."""
