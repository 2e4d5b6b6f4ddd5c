"""Git: few calls, each of them plumbing or with its output spelled out, whatever the user's configuration says.

`program` runs git (`process` is one run of it, `environment` what it runs in, `answer` its result); `tags`,
`history`, `remote` and `files` are what is asked of it; `repository` is the port.
"""

from tagship.adapters.git.repository import GitRepository

__all__ = ["GitRepository"]
