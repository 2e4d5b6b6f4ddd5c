"""What setup and doctor share."""
