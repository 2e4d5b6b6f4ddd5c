"""What an environment runs on: one module and one line in bootstrap each."""
