"""What of a push's output is shown as it comes: a hook's and the server's lines, and none of git's own."""

from __future__ import annotations

from tagship.adapters.git.answer import Listener

PUSHED = b"""remote: policy 7: only the release team
error: atomic push failed for ref refs/heads/dev. status: 5
error: failed to push some refs to 'origin'
hint: Updates were rejected because the remote contains work that you do not have locally.
the hook of this repository says hello
"""


def test_gits_own_complaints_are_left_to_the_error_that_follows() -> None:
    lines = list[str]()
    listener = Listener(lines.append)
    listener.err(PUSHED)
    listener.end()
    assert lines == ["remote: policy 7: only the release team", "the hook of this repository says hello"]
