"""Mutation testing: mutmut changes one expression at a time, and tests that still pass have not noticed it."""
