"""Services of ECS."""
