"""The GitHub that the sandbox embeds: a runner of workflow files, and the REST API that a run is followed by."""
