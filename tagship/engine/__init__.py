"""How an environment is changed: what deploy, promote, rollback, heal and resume share."""
