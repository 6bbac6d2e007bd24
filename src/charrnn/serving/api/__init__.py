"""The addresses of the API: what each accepts, does and answers."""
