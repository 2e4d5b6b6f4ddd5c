"""Tell people: GitHub's pages, webhooks, topics of SNS. What fails is a warning; nothing here changes an outcome."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tagship.domain import layout
from tagship.domain.news import News
from tagship.domain.version import Version
from tagship.errors import ServiceFailed, SettingsError, TagshipError
from tagship.ports.app import App
from tagship.ports.board import ALWAYS, COMMENTS, RELEASES, Board, Hook
from tagship.ports.bucket import Conflict

ATTEMPTS = 20  # of one webhook for one deployment; each is noted before it is made


def tell(app: App, news: News) -> None:
    """Tell GitHub and each webhook or topic, in a run of CI.

    Outside CI a person asks for themselves.
    """
    if not app.ci.run:
        return
    with _warned(app):
        if app.board:
            _tell_github(app, app.board, news)
    for name, hook in app.hooks.items():
        if (news.is_good or news.is_bad) and not (hook.failures_only and news.is_good):
            with _warned(app):
                _send_once(app, news, name, hook)


def try_github(app: App) -> dict[str, str]:
    """Try what the token may write on GitHub, and say it.

    Returns what is wrong, by page. Nothing is written there.
    """
    if app.board is None:
        app.screen.say("There is no token for GitHub. In CI, give the step GITHUB_TOKEN.")
        return {}
    try:
        verdicts = dict(app.board.tried(_pages(app)))
    except ServiceFailed as failure:
        app.screen.warn(f"{failure.what} {failure.remedy}")
        return {"GitHub": failure.what}
    for page, problem in verdicts.items():
        if problem:
            app.screen.warn(f"GitHub takes no {page} from this token: {problem}")
        else:
            app.screen.say(f"GitHub takes {page} from this token.")
    return verdicts


def _pages(app: App) -> list[str]:
    """List the pages that the settings have GitHub told by."""
    wanted = {RELEASES: bool(app.settings.notify.release), COMMENTS: bool(app.settings.previews.environment)}
    return [*ALWAYS, *(page for page, is_wanted in wanted.items() if is_wanted)]


def try_hooks(app: App) -> dict[str, str]:
    """Send a test to each receiver; say what went wrong, by name."""
    if not app.hooks:
        app.screen.say("tagship.toml names no receiver: add [notify.webhooks.<name>] or [notify.topics.<name>].")
    return {name: _try(app, name, hook) for name, hook in app.hooks.items()}


def _try(app: App, name: str, hook: Hook) -> str:
    headline = f"A test of tagship, by {app.who}: nothing was deployed."
    test = News("test", app.settings.app, "test", "0.0.0", "", "healthy", headline, app.run_url)
    try:
        hook.send(test.message(hook.kind))
    except (ServiceFailed, SettingsError) as failure:
        app.screen.warn(f"{failure.what} {failure.remedy}")
        return failure.what
    app.screen.say(f"{name} took the test.")
    return ""


def _tell_github(app: App, board: Board, news: News) -> None:
    """Tell each page by itself; any may fail."""
    pages: list[Callable[[News], object]] = [board.deployment, board.status, board.checks] if news.commit else []
    for page in pages:
        with _warned(app):
            page(news)
    if _is_release(app, news):
        with _warned(app):
            if address := board.release(news):
                app.screen.say(f"Released: {address}")
    if news.newest:
        with _warned(app):
            if address := board.issue(news):
                app.screen.say(f"{'Closed' if news.is_good else 'Reported'}: {address}")


def _is_release(app: App, news: News) -> bool:
    """Tell whether a final version is out, by the settings."""
    if not news.is_good or news.environment != app.settings.notify.release:
        return False
    version = Version.maybe(news.version)
    return version is not None and not version.suffix


@contextmanager
def _warned(app: App) -> Iterator[None]:
    """Make a failure a warning."""
    try:
        yield
    except TagshipError as failure:
        app.screen.warn(f"not notified: {failure.what} {failure.remedy}")


def _send_once(app: App, news: News, name: str, hook: Hook) -> None:
    """Send news to a receiver that was not told of it before.

    A note is there before each attempt. Without one that says that it failed, the attempt may have arrived.
    """
    attempt = _claimed(app, news, name)
    if not attempt:
        return
    try:
        hook.send(news.message(hook.kind))
    except (ServiceFailed, SettingsError):
        _note(app, news, f"{attempt}-failed")
        raise


def _claimed(app: App, news: News, name: str) -> str:
    """Note the next attempt; return its name.

    Empty if an earlier one may have arrived.
    """
    for attempt in (f"{name}-{number}" for number in range(1, ATTEMPTS + 1)):
        try:
            _note(app, news, attempt)
            return attempt
        except Conflict:
            if app.store.head(_key(app, news, f"{attempt}-failed")) is None:
                return ""
    return ""


def _note(app: App, news: News, name: str) -> None:
    body = {"at": app.clock.now().isoformat(), "state": news.state}
    app.store.create(_key(app, news, name), json.dumps(body).encode())


def _key(app: App, news: News, name: str) -> str:
    return layout.notified(app.settings.app, news.environment, news.id, name)
