"""The HTTP server: an API that existing clients speak, and a page to look at a model with. Needs charrnn[serve]."""
