"""What an Auto Scaling group of the sandbox does: instances, their boots, and refreshes. See aws/autoscaling."""
