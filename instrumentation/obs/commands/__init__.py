"""The sub-commands that a plain installation has."""
