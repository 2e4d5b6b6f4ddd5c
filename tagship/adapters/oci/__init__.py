"""A client of registries: the OCI distribution API, with the ways that each wants to be logged in to."""
