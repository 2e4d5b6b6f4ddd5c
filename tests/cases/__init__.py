"""Inputs that tagship once failed on, each a test: `make test-cases`."""
