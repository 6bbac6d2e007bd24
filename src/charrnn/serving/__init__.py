"""The HTTP server: an API that existing clients speak, and a page that shows a model at work. Needs charrnn[serve].

Imports run downwards: app, server → guard, api → service → metrics → engine | http | models | limits. `engine` writes
texts and knows no HTTP; `http` knows no model; `api` turns requests into calls of the service, and errors into answers.
"""
