"""Hosts: folders that stand for machines, and what runs on them."""
