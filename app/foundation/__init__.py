# house: ten small tools, each with a name of its own; none belongs into another
"""What any service needs: a clock, chance, identifiers, a database, errors. No business word appears here."""
