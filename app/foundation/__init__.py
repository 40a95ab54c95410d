"""What any service needs: a clock, chance, identifiers, a database, errors. No business word appears here."""
