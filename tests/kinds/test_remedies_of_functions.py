"""Functions of Lambda: every way out that a failure prints, typed literally, leads out."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults.ground import Ran
from tests.faults.remedies import next_lines
from tests.journeys import test_release_of_functions as functions
from tests.journeys.example import FIRST, SECOND, files
from tests.kinds.at_a_terminal import QUESTION, Terminal, error
from tests.kinds.denying import denied
from tests.kinds.ground import Ground, first, sandbox
from tests.kinds.leading_out import Calls, Failure, commands_of, lead_out, of_calls, settled, take
from tests.sandbox.conftest import until

APP = files("lambda")["api/app.py"].replace(
    "\n\n\ndef handler",
    '\nCONFIG["fault"] = CONFIG["fault"] or ("error" if Path("OUTSIDE").exists() else "")\n\n\ndef handler',
)
API, MIGRATE = functions.API, functions.MIGRATE
REPOSITORY = "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop"


class Functions(Ground):
    """A function of an image and one of a zip file, which change together."""

    place: functions.Place

    def answers(self) -> str:
        return str(self.place.answer()["version"])

    def calm(self) -> None:
        self.switch(**{"lambda": {"update": 0.1, "throttled": 0, "lost": 0, "failed_updates": 0}})
        self.platform("")
        self.runs_on("x86_64")

    def runs_on(self, architecture: str) -> None:
        """Have the api's function run on these processors, as infrastructure does."""
        now = self.place.lambda_.get_function(FunctionName=API)
        if now["Configuration"]["Architectures"] != [architecture]:
            image = now["Code"]["ImageUri"]
            self.place.lambda_.update_function_code(FunctionName=API, ImageUri=image, Architectures=[architecture])
            self.place.lambda_.get_waiter("function_updated_v2").wait(FunctionName=API)

    def goes_on(self) -> str:
        rows = [self.place.lambda_.get_function_configuration(FunctionName=name) for name in (API, MIGRATE)]
        names = [row["FunctionName"] for row in rows if row.get("LastUpdateStatus") == "InProgress"]
        return f"an update of {names[0]} is in progress" if names else ""

    def versions(self) -> int:
        """How many versions the api's function has."""
        return len(self.place.lambda_.list_versions_by_function(FunctionName=API)["Versions"])


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Functions]:
    with sandbox("lambda", tmp_path_factory.mktemp("functions"), {"api/app.py": APP}) as (running, outside):
        made = Functions(functions.Place(running), outside)
        first(made)
        yield made


# -- what goes wrong ---------------------------------------------------------------------------------------------------


def answers_badly(ground: Ground) -> Ran:
    """Its new version answers 500, for something outside is down."""
    ground.outside.touch()
    return ground.inv("deploy", "--version", ground.publish())


def nothing_answers(ground: Ground) -> Ran:
    """A rollback, while neither version answers well."""
    ground.outside.touch()
    return ground.inv("rollback", "--to", FIRST)


def cannot_be_put_back(ground: Ground) -> Ran:
    """One alias moves, and from then on the identity may move none."""
    return ground.inv("deploy", "--version", ground.publish(), before=denied("UpdateAlias", from_=4))


def under_way(ground: Functions) -> tuple[Any, str]:
    """A deployment that is making its versions, slowly."""
    version, before = ground.publish(anew=True), ground.versions()
    ground.switch(**{"lambda": {"update": 3}})
    child = ground.launched("deploy", "--version", version)
    until(lambda: ground.versions() > before)
    return child, version


def is_superseded(ground: Functions) -> Ran:
    """Somebody moves an alias meanwhile."""
    child, version = under_way(ground)
    ground.place.lambda_.update_alias(FunctionName=API, Name="live", FunctionVersion="1")
    return ground.ended(child, "deploy", "--version", version)


def is_interrupted(ground: Functions) -> Ran:
    """Ctrl-C, without a terminal to ask at."""
    child, version = under_way(ground)
    child.send_signal(signal.SIGINT)
    return ground.ended(child, "deploy", "--version", version)


def lost_its_image(ground: Functions) -> Ran:
    version = ground.publish(anew=True)
    del ground.published[""]
    images = ground.running.images(lambda _: None)
    image = images.find(REPOSITORY, version)
    assert image
    shutil.rmtree(images.folder / image.digest.replace(":", "-"))
    return ground.inv("deploy", "--version", version)


def is_for_other_processors(ground: Functions) -> Ran:
    ground.runs_on("arm64")
    return ground.inv("deploy", "--version", ground.publish())


def of_its_processors(ground: Functions, command: str) -> None:
    """The next image is built for them; or infrastructure takes others."""
    if command.startswith("inv deploy-dev"):
        ground.platform("linux/arm64")
    else:
        ground.runs_on("x86_64")


FAILURES = {
    "it answers badly": Failure(answers_badly, 6, mended=Ground.up),
    "a rollback, and nothing answers": Failure(nothing_answers, 9, mended=Ground.up),
    "it can't be put back": Failure(cannot_be_put_back, 7, serves=""),
    **of_calls(Calls("GetAlias", "UpdateFunctionCode", "PublishVersion", anew=True), unchanged=6, serves=SECOND),
    "somebody else changes it": Failure(is_superseded, 4, serves=""),
    "Ctrl-C": Failure(is_interrupted, 130),
    "its image is gone": Failure(lost_its_image, 5),
    "it is for other processors": Failure(is_for_other_processors, 5, mended=of_its_processors),
}


@pytest.mark.parametrize("name", FAILURES)
def test_every_way_out_of_a_failure_leads_out(ground: Functions, name: str) -> None:
    lead_out(ground, FAILURES[name])


def test_ctrl_c_at_a_terminal_asks_nothing_as_nothing_goes_on_without_its_runner(ground: Functions) -> None:
    ground.begin()
    version, before = ground.publish(anew=True), ground.versions()
    ground.switch(**{"lambda": {"update": 3}})
    window = Terminal(ground, version)
    window.deploy()
    until(lambda: ground.versions() > before)
    window.interrupt()
    lines, code = window.end()
    assert code == 130, lines
    assert QUESTION not in "\n".join(lines)
    last = error(lines)
    assert last[0] == "error: Interrupted while the functions were changing.", lines
    assert "The change of the functions stopped where this runner left it" in last[1], lines
    assert ground.answers() == SECOND
    [way, *_] = commands_of(next_lines("\n".join(last)))
    ground.calm()
    settled(ground, take(ground, way))
    assert ground.answers() == version
