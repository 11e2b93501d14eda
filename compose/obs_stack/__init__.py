"""The stack around services: generated configuration, local mode, and the programs that it runs."""
