"""What tagship writes on functions of Lambda, and reads there. Pure."""
