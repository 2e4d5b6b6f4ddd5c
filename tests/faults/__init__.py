"""Faults, races and crashes, against the sandbox as it runs. `make test-faults` counts a tenth."""
