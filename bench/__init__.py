"""What things cost, measured; not part of the suite."""
