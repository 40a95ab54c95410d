"""What was measured, as a table, a picture and a page."""
