"""Attacks: each test is somebody with a foothold who tries to reach further; its row is in docs/security.md."""
