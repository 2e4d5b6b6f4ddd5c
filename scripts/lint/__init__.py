"""Linters that need more than a command: exceptions with their reasons, and policies that are rendered first."""
