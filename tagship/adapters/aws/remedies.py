"""What to do when AWS can't be asked, by who asks: a job of CI, a person with a profile, or the sandbox."""

from __future__ import annotations

from typing import Any

from tagship.domain import aws_commands, commands
from tagship.domain.aws_commands import Where


class ClientRemedies:
    """The remedies of one session; see tagship.adapters.aws.session.Aws."""

    region: str
    endpoint: str | None
    profile: str
    people: str
    account: str
    sandbox: bool
    ci: bool

    @property
    def where(self) -> Where:
        """Return what a command names that a person types there."""
        return Where(self.region, self.profile or self.people)

    @property
    def _sign_in(self) -> str:
        if self.ci:
            return (
                "Give the job `id-token: write` and the step aws-actions/configure-aws-credentials, then run it again"
            )
        return f"Sign in: {aws_commands.sign_in(self.profile)}"

    @property
    def _renew(self) -> str:
        """Say how to get credentials that last long enough."""
        if not self.ci:
            return self._sign_in
        step = "the step aws-actions/configure-aws-credentials"
        return f"Give {step} role-duration-seconds for the whole job, or repeat it before this one, then run it again"

    @property
    def _of_account(self) -> str:
        """Say how to get credentials of the account that is wanted."""
        if self.ci:
            take = f"Have the step aws-actions/configure-aws-credentials take a role of {self.account}"
            return f"{take}; a job that promotes from there is let read by: {commands.setup()}"
        if self.profile:
            return f"Sign in to {self.account} with that profile: {aws_commands.sign_in(self.profile)}"
        return f"Name its profile as aws.profile in tagship.toml; these are known: {aws_commands.profiles()}"

    @property
    def _try_it(self) -> str:
        if self.ci:
            return self._sign_in
        return f"Fix the profile, or sign in; then try: {aws_commands.caller(self.where)}"

    @property
    def _reach(self) -> str:
        return (
            f"Start the sandbox: {commands.sandbox('up')}"
            if self.sandbox
            else f"Try it: curl -sS https://sts.{self.region}.amazonaws.com"
        )

    def _create_bucket(self, error: Any, doing: str) -> str:
        if self.sandbox:
            return f"Set up the sandbox again: {commands.sandbox('reset')}"
        name = error.response.get("Error", {}).get("BucketName") or doing.partition("s3://")[2].partition("/")[0]
        return f"Correct aws.bucket in tagship.toml, or create it: {aws_commands.create_bucket(name, self.where)}"
