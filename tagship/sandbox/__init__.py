"""The embedded AWS: moto on loopback, an SSM that executes, hosts, a Git remote and a runner."""
