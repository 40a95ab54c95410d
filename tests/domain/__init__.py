"""Rules and rooms."""
