"""What guards the sandbox's port: it executes what it is sent, so not everybody on this machine may send."""
