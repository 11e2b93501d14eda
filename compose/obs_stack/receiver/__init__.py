"""Local mode's store: OTLP comes in over HTTP, SQLite keeps it, a small API and plain pages show it."""
