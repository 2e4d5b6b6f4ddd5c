"""One module per thing talked to."""
