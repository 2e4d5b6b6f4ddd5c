"""What one kind of target alone does: its sandbox takes seconds to act, so `make test` leaves these to test-kinds."""
