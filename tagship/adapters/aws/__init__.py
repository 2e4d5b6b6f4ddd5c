"""AWS, a file a service."""
