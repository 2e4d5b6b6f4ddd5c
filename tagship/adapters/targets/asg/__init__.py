"""Auto Scaling groups: a version of a launch template names the artifact."""
