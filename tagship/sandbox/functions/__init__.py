"""The Lambda functions of a sandbox: what they are, and how they run."""
