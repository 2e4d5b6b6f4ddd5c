"""The roles that tagship talks to, a file a role. Adapters play them; tests play them by hand."""
