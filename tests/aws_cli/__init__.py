"""What the AWS CLI sees of what tagship did; run by `nox -s aws_cli`, which installs it."""
