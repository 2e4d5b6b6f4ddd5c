"""Functions of Lambda, each behind an alias."""
