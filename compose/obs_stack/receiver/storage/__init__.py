"""Where logs and traces are kept: one store a signal, one writer, a few readers, two caps."""
