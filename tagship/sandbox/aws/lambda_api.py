"""The operations of Lambda, in one account and region; lambda_.py says what they follow, and what they don't model."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from tagship.sandbox.aws import lambda_answers as answers
from tagship.sandbox.aws import lambda_snapstart as snapstart
from tagship.sandbox.aws.lambda_around import Around
from tagship.sandbox.aws.lambda_code import located, read
from tagship.sandbox.aws.lambda_faults import Faults
from tagship.sandbox.aws.lambda_kept import Kept
from tagship.sandbox.aws.lambda_metrics import counted
from tagship.sandbox.aws.lambda_requests import DEFAULTS, SET, Given, LambdaError, check_revision, chosen_of
from tagship.sandbox.aws.logs import function_wrote
from tagship.sandbox.functions.function import LATEST, Alias, Function, Snapshot, Version
from tagship.sandbox.functions.images import Images
from tagship.sandbox.functions.running import pretended, run
from tagship.sandbox.pace import now
from tagship.sandbox.world import World


@dataclass
class LambdaApi:
    """The operations of Lambda.

    Each takes a request's members, and returns the answer's.
    """

    world: World
    kept: Kept
    faults: Faults = field(default_factory=Faults)
    _changing: threading.RLock = field(default_factory=threading.RLock)

    @property
    def operations(self) -> Sequence[Callable[[Given], Given | None]]:
        return (
            self.create_function,
            self.delete_function,
            self.list_functions,
            self.get_function,
            self.get_function_configuration,
            self.update_function_code,
            self.update_function_configuration,
            self.publish_version,
            self.list_versions_by_function,
            self.create_alias,
            self.get_alias,
            self.update_alias,
            self.delete_alias,
            self.list_aliases,
            self.invoke,
            *self.around.operations,
        )

    @property
    def around(self) -> Around:
        return Around(self.kept, self._ready, lambda: self.faults.strikes("failed_provisionings"))

    def set_state(self, name: str, version: str, state: str) -> None:
        """Set the state of a version, if its function is known."""
        if name in self.kept.functions:
            self.kept.functions[name].versions[version].state = state

    # -- functions -----------------------------------------------------------------------------------------------------

    def create_function(self, given: Given) -> Given:
        name = given["FunctionName"]
        if name in self.kept.functions:
            raise LambdaError("ResourceConflictException", f"Function already exist: {name}", 409)
        content = read(self._images, given.get("Code", {}), DEFAULTS | chosen_of(given, *SET), self.kept.place.region)
        snapstart.check(content)
        return self._configuration(self.kept.add(Function(name, content, tags=dict(given.get("Tags", {})))))

    def delete_function(self, given: Given) -> None:
        """Delete a function, or a version that no alias names."""
        function = self.kept.function(given)
        number = given.get("Qualifier")
        if number is None:
            del self.kept.functions[function.name]
        elif any(number in {alias.version, *alias.weights} for alias in function.aliases.values()):
            raise LambdaError("ResourceConflictException", f"Version {number} is currently used by an alias.", 409)
        else:
            function.versions.pop(number, None)

    def list_functions(self, _given: Given) -> Given:
        return {"Functions": [self._configuration(function) for function in self.kept.functions.values()]}

    def get_function(self, given: Given) -> Given:
        configuration = self.get_function_configuration(given)
        function = self.kept.function(given)
        version = self.kept.version(function, given.get("Qualifier", LATEST))
        content = version.content if version else function.content
        code = answers.code(content, located(self.world, content))
        return {"Configuration": configuration, "Code": code, "Tags": function.tags}

    def get_function_configuration(self, given: Given) -> Given:
        function = self.kept.function(given)
        version = self.kept.version(function, given.get("Qualifier", LATEST))
        return self._configuration(function, version)

    def update_function_code(self, given: Given) -> Given:
        with self._changing:
            function = self.kept.changeable(given)
            settings = {**function.content.settings, **chosen_of(given, "Architectures")}
            content = read(self._images, given, settings, self.kept.place.region)
            if bool(content.image) != bool(function.content.image):
                raise LambdaError(
                    "InvalidParameterValueException", "Please do not change the PackageType of a function."
                )
            if given.get("DryRun"):
                return self._configuration(function)
            return self._updated(function, content)

    def update_function_configuration(self, given: Given) -> Given:
        with self._changing:
            function = self.kept.changeable(given)
            settings = {**function.content.settings, **chosen_of(given, *SET)}
            return self._updated(function, replace(function.content, settings=settings))

    def _updated(self, function: Function, content: Snapshot) -> Given:
        snapstart.check(content)
        failed = self.faults.strikes("failed_updates")
        failure = ("InvalidZipFileException", "The zip file could not be read.") if failed else ("", "")
        function.update(content, self._ready(), failure)
        return self._configuration(function)

    # -- versions ------------------------------------------------------------------------------------------------------

    def publish_version(self, given: Given) -> Given:
        with self._changing:
            function = self.kept.changeable(given)
            wanted = given.get("CodeSha256") or function.content.code_sha256
            if wanted != function.content.code_sha256:
                raise LambdaError(
                    "InvalidParameterValueException",
                    f"CodeSHA256 ({wanted}) is different from current CodeSHA256 in $LATEST "
                    f"({function.content.code_sha256}). Please try again with the CodeSHA256 in $LATEST.",
                )
            if function.versions and self.faults.strikes("lost"):
                return self._configuration(function, function.versions[str(function.published)])
            last, version = function.published, function.publish(given.get("Description", ""), self._ready())
            if function.published > last:
                failing = snapstart.chosen(version.content.settings) and self.faults.strikes("failed_snapshots")
                snapstart.begin(version, self.faults.snapshot, fails=failing)
            return self._configuration(function, version)

    def list_versions_by_function(self, given: Given) -> Given:
        function = self.kept.function(given)
        versions = [None, *function.versions.values()]
        first, most = int(given.get("Marker") or 0), min(int(given.get("MaxItems") or 50), 50)
        rows = [self._configuration(function, version) for version in versions[first : first + most]]
        more = {"NextMarker": str(first + most)} if first + most < len(versions) else {}
        return {"Versions": rows, **more}

    # -- aliases -------------------------------------------------------------------------------------------------------

    def create_alias(self, given: Given) -> Given:
        with self._changing:
            function = self.kept.function(given)
            name = given["Name"]
            if name in function.aliases:
                arn = answers.arn(self.kept.place, function.name, name)
                raise LambdaError("ResourceConflictException", f"Alias already exists: {arn}", 409)
            alias = Alias(name, self.kept.existing(function, given["FunctionVersion"]), given.get("Description", ""))
            alias.weights = self.kept.weights(function, given)
            function.aliases[name] = alias
            return answers.alias(self.kept.place, function, alias)

    def get_alias(self, given: Given) -> Given:
        function = self.kept.function(given)
        return answers.alias(self.kept.place, function, self.kept.alias(function, given["Name"]))

    def update_alias(self, given: Given) -> Given:
        """Change what is given; what is left out stays."""
        with self._changing:
            function = self.kept.function(given)
            alias = self.kept.alias(function, given["Name"])
            check_revision(given, alias.revision)
            changed = Alias(alias.name, alias.version, alias.description, alias.weights)
            if "FunctionVersion" in given:
                changed.version = self.kept.existing(function, given["FunctionVersion"])
            if "RoutingConfig" in given:
                changed.weights = self.kept.weights(function, given)
            changed.description = given.get("Description", alias.description)
            function.aliases[alias.name] = changed
            if changed.version != alias.version:
                self.around.moved(function, alias.name)
            return answers.alias(self.kept.place, function, changed)

    def delete_alias(self, given: Given) -> None:
        self.kept.function(given).aliases.pop(given["Name"], None)

    def list_aliases(self, given: Given) -> Given:
        function = self.kept.function(given)
        return {"Aliases": [answers.alias(self.kept.place, function, alias) for alias in function.aliases.values()]}

    # -- invocations ---------------------------------------------------------------------------------------------------

    def invoke(self, given: Given) -> Given:
        """Run the handler of what the qualifier chooses."""
        if self.faults.strikes("throttled"):
            raise LambdaError("TooManyRequestsException", "Rate Exceeded.", 429)
        function = self.kept.function(given)
        version = self.kept.version(function, given.get("Qualifier", LATEST))
        content = version.content if version else function.runs
        number = version.number if version else LATEST
        if version and version.current_state != "Active":
            raise self._not_ready(version)
        ran = (
            pretended(content)
            if self.faults.simulated
            else run(content, function.name, number, given["Payload"], self.world.folder)
        )
        counted(self.kept.place, function.name, given.get("Qualifier", ""), number, failed=bool(ran.error))
        function_wrote(self.kept.place, function.name, number, ran.log)
        answer: dict[str, Any] = {"StatusCode": 200, "ExecutedVersion": number, "Payload": ran.payload}
        answer |= {"FunctionError": ran.error} if ran.error else {}
        return answer | ({"LogResult": ran.tail} if given["LogType"] == "Tail" else {})

    def _not_ready(self, version: Version) -> LambdaError:
        state = version.current_state
        if state == "Inactive":  # the first invocation wakes it up, and is refused
            version.state, version.ready = "Active", self._ready()
        if snapstart.chosen(version.content.settings) and state != "Failed":
            return snapstart.not_ready()
        return LambdaError(
            "ResourceConflictException",
            "The operation cannot be performed at this time. The function is currently in the following state: "
            f"{state}",
            409,
        )

    @property
    def _images(self) -> Images:
        return Images(self.world.folder / "images")

    # -- what they share -----------------------------------------------------------------------------------------------

    def _ready(self) -> Any:
        return now() + timedelta(seconds=self.faults.update)

    def _configuration(self, function: Function, version: Version | None = None) -> Given:
        return answers.configuration(self.kept.place, function, version)
