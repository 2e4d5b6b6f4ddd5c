"""Standalone helpers of the repository."""
