"""Records kept in the bucket, over a Store."""
