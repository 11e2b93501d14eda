"""What init() builds: start, re-configure, fork, flush, stop, and the report of what was enabled."""
