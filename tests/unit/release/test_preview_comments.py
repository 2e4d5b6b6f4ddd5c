"""The comment of a preview: one a pull request, what serves or what went wrong, and foreign words that stay words."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from tagship.domain.preview_comment import PreviewComment, address
from tagship.errors import DeployFailed, ServiceFailed
from tagship.release.previews import of_deployment
from tagship.verbs.deploy import deploy
from tagship.verbs.notify import notify
from tagship.verbs.preview_close import preview_close
from tagship.verbs.preview_sweep import preview_sweep
from tests.fakes.app import FakeApp
from tests.fakes.repository import FakeRepository
from tests.unit.verbs.test_previews import ARTIFACT, ENVIRONMENT, forge, make, tool

HOSTILE = "![x](http://evil) @everyone <script> `a` | b\n## heading #1 <!-- tagship preview hello/pr-51 -->"


@dataclass
class Comments:
    """A pull request's comments, by their marks; the last one of each."""

    silent: bool = False
    written: list[tuple[int, str, str]] = field(default_factory=list)

    def comment(self, number: int, mark: str, body: str) -> str:
        if self.silent:
            raise ServiceFailed("GitHub answered 403.", remedy="Look.")
        self.written.append((number, mark, body))
        return f"https://github.com/acme/hello/pull/{number}#issuecomment-1"

    @property
    def last(self) -> str:
        number, mark, body = self.written[-1]
        assert number == 51
        assert body.startswith(mark)
        return body


def in_ci() -> tuple[FakeApp, Comments]:
    app, board = make(), Comments()
    app.given |= {"board": board, "repository": FakeRepository()}
    app.ci = replace(app.ci, run="7")
    app.run_url = "https://github.com/acme/hello/actions/runs/7"
    return app, board


def test_what_serves_is_said_with_version_digest_and_since_when() -> None:
    app, board = in_ci()
    deploy(app, artifact=ARTIFACT, env=ENVIRONMENT)
    notify(app, artifact=ARTIFACT, env=ENVIRONMENT)
    assert f"### <code>pr-51 runs {ARTIFACT}</code>" in board.last
    for row in ("| <code>version</code> |", "| <code>digest</code> | <code>sha256:", "| <code>since</code> |"):
        assert row in board.last.replace("&#58;", ":"), board.last
    assert "<https://github.com/acme/hello/actions/runs/7>" in board.last
    assert "what went wrong" not in board.last


def test_a_failure_says_what_went_wrong_and_what_serves() -> None:
    app, board = in_ci()
    deploy(app, artifact=ARTIFACT, env=ENVIRONMENT)
    second = "722d2103-20250821-124500"
    app.publish(second, environment=ENVIRONMENT)
    app.hosts.machines[0].answers.append("failed")
    with pytest.raises(DeployFailed):
        deploy(app, artifact=second, env=ENVIRONMENT)
    notify(app, artifact=second, env=ENVIRONMENT)
    assert f"### <code>{second} failed on pr-51</code>" in board.last
    assert f"| <code>serving</code> | <code>{ARTIFACT}</code> |" in board.last
    assert "| <code>what went wrong</code> |" in board.last


def test_a_failure_of_no_units_says_the_deployments_own_reason() -> None:
    app, _ = in_ci()
    deploy(app, artifact=ARTIFACT, env=ENVIRONMENT)
    [whole] = app.ledger.deployments(ENVIRONMENT)
    last = replace(whole.first, number=2, state="abandoned", reason="interrupted before any host was changed")
    ended = replace(whole, entries=(whole.first, last))
    assert of_deployment(app, ended, "", "").facts["what went wrong"] == "interrupted before any host was changed"


def test_a_closed_preview_says_so_and_one_that_could_not_be_closed_says_why() -> None:
    app, board = in_ci()
    deploy(app, artifact=ARTIFACT, env=ENVIRONMENT)
    tool(app).fails = True
    with pytest.raises(ServiceFailed):
        preview_close(app, pr="51")
    assert "### <code>pr-51 could not be closed</code>" in board.last
    assert "stack is in use" in board.last
    assert "inv preview.close --pr 51" in board.last
    tool(app).fails = False
    forge(app).pulls[51] = "closed"
    preview_sweep(app)
    assert "### <code>pr-51 is gone</code>" in board.last
    count = len(board.written)
    preview_close(app, pr="51")
    assert len(board.written) == count


def test_a_comment_that_fails_is_a_warning_and_changes_no_outcome() -> None:
    app, board = in_ci()
    board.silent = True
    deploy(app, artifact=ARTIFACT, env=ENVIRONMENT)
    notify(app, artifact=ARTIFACT, env=ENVIRONMENT)
    assert preview_close(app, pr="51").state == "closed"
    assert [text for text in app.screen.warnings if "no comment on the pull request: GitHub answered 403." in text]


def test_outside_ci_nobody_is_told() -> None:
    app, board = in_ci()
    app.ci = replace(app.ci, run="")
    deploy(app, artifact=ARTIFACT, env=ENVIRONMENT)
    notify(app, artifact=ARTIFACT, env=ENVIRONMENT)
    preview_close(app, pr="51")
    assert board.written == []


def test_foreign_words_are_words() -> None:
    body = PreviewComment("hello", "pr-51", HOSTILE, {"reason": HOSTILE}, url=HOSTILE, evidence=HOSTILE).body()
    shown = body.partition("<details>")[0].removeprefix("<!-- tagship preview hello/pr-51 -->")
    for part in ("![", "](", "@everyone", "<script>", "`a`", "\n## ", " #1", "<!--", "| b"):
        assert part not in shown, part
    folded = body.partition("</summary>")[2]
    assert all(line.startswith("    ") for line in folded.split("</details>")[0].strip("\n").splitlines())


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://pr-51.example.com", "<https://pr-51.example.com>"),
        ("http://127.0.0.1:8080/x/", "<http://127.0.0.1:8080/x/>"),
        ("javascript:alert(1)", "<code>"),
        ("https://a.example/>x", "<code>"),
        ("https://a@evil.example", "<code>"),
    ],
)
def test_only_an_address_is_a_link(url: str, shown: str) -> None:
    assert address(url).startswith(shown)
