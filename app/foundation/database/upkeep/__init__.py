"""What operators do with a database, and what they have to know of it."""
