"""The doors: JSON, OAuth and the command line are dialects. They translate; they never decide."""
