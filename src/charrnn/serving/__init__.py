"""The HTTP server: an API that existing clients speak, and a page to look at a model with. Needs charrnn[serve]."""

LOOPBACK = ("localhost", "127.0.0.1", "::1")  # the names of this machine for itself
