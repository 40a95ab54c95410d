"""How the database is: what it holds of us, what was wrong, and whether it answers at all."""
