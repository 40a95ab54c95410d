"""Who asks: a few connections that are kept, in one process, and a look at every answer."""
