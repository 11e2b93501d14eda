"""One HTTP request as a server saw it: its span, its metrics and its access line, made together."""
