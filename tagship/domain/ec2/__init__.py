"""EC2 hosts: what reaches them and what they answer. Pure."""
