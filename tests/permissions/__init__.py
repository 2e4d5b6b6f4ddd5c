"""Every verb, for each kind, under exactly the policies that `setup` makes, as the role that is to run it."""
