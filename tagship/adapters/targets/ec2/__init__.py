"""EC2 hosts, by SSM Run Command."""
