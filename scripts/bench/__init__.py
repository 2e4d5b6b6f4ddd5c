"""Benches: each a ratio (or a difference) of two things measured in turns in the same run, beside its target."""
