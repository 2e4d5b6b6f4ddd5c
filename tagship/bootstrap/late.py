"""An app whose settings name outputs of infrastructure, once they are known."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self, cast

from tagship.bootstrap.accounts import Accounts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tagship.settings import Settings

ANEW = frozenset({"_by_bucket", "_regions", "hurried", "_filled", "_there"})  # made of the settings


class Late(Accounts):
    """The app before its outputs are filled in, and after."""

    def filled(self, environment: str) -> Settings:
        from tagship.adapters.outputs import filled

        if environment not in self._filled:
            self._filled[environment] = filled(cast("Any", self), environment)
        return self._filled[environment]

    @cached_property
    def _filled(self) -> dict[str, Settings]:
        return {}

    def with_outputs(self, environment: str, outputs: Mapping[str, str]) -> Self:
        from tagship.settings.late import with_outputs

        return self._with(with_outputs(self.settings, environment, outputs))

    def _with(self, settings: Settings) -> Self:
        """Return the same app of other settings, with its ports."""
        made: Self = replace(cast("Any", self), settings=settings)
        own = {field.name for field in fields(cast("Any", self))} | ANEW
        vars(made).update({name: port for name, port in vars(self).items() if name not in own})
        return made

    def there(self, environment: str) -> Self:
        """Return the app with an environment's outputs.

        Raises SettingsError if one that its target needs is not known.
        """
        from tagship.settings.late import require_known

        settings = self.filled(environment)
        if settings is self.settings:
            return self
        require_known(settings, environment, settings.environment(environment).target.table)
        if environment not in self._there:
            self._there[environment] = self._with(settings)
        return self._there[environment]

    @cached_property
    def _there(self) -> dict[str, Self]:
        return {}
