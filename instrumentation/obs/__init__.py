"""Logs, metrics and traces of any service, correlated, in one line: `import obs; obs.init()`."""
