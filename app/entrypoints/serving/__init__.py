"""What happens to every request, whichever door it comes through."""
