"""The page of `inv report`: its facts, its charts, and its HTML."""
