"""Tests on real hosts: a real Docker engine, a real registry, real systemd as PID 1. Linux, as root."""
