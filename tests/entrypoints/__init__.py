"""The doors, over HTTP."""
