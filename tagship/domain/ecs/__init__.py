"""What tagship writes on task definitions of ECS, and what its answers mean. Pure."""
