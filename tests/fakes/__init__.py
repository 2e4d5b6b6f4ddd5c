"""The ports, played by hand: one module a port, held to the same contract tests as the adapters."""
