"""ECS in a sandbox: services, their revisions and tasks, and deployments that go on whenever somebody looks."""
