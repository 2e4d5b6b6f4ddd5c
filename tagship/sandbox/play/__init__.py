"""What a person does with a sandbox: practise on a clone, see how it stands, play the demo."""
