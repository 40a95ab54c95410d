"""Who an OAuth client is: as it shows itself, authenticated, or known from before."""
