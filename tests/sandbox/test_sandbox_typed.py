"""What the sandbox has people type: a Make target only if it is tagship's, since a team's own deploys for real."""

from __future__ import annotations

from pathlib import Path

import pytest

from tagship.sandbox.play import typed

INV = "inv deploy-dev --env dev --first"


@pytest.mark.parametrize(
    ("makefile", "written", "command"),
    [
        ("", "", INV),
        ("deploy-dev: ; ./deploy/deploy.sh dev\n", "", INV),
        ("deploy-dev:\n\trsync -a . web:/srv\n", "", INV),
        ("deploy-dev:; @echo use tagship: deploy-dev\n", "", INV),
        ("deploy-dev := tagship deploy-dev\n", "", INV),
        ("deploy-dev: setup ; @$(INV) deploy-dev $(ARGS)\n", "", "make deploy-dev ARGS=--first"),
        ("deploy-dev: setup\n\t@invoke deploy-dev $(ARGS)\n", "", "make deploy-dev ARGS=--first"),
        ("", "deploy-dev: x ; @$(TAGSHIP) deploy-dev $(ARGS)\n", "make deploy-dev ARGS=--first"),
        (
            "deploy-dev: ; ./deploy/deploy.sh dev\n",
            "tagship-deploy-dev: x ; @$(TAGSHIP) deploy-dev $(ARGS)\n",
            "make tagship-deploy-dev ARGS=--first",
        ),
    ],
)
def test_what_ships_is_a_target_of_tagships_alone(tmp_path: Path, makefile: str, written: str, command: str) -> None:
    (tmp_path / "Makefile").write_text(makefile)
    (tmp_path / "tagship.mk").write_text(written)
    assert typed.ship(tmp_path, "dev", first_time=True) == command
    assert typed.ship(tmp_path, "dev", first_time=False) == command.replace(" ARGS=--first", "").replace(" --first", "")


def test_the_sandboxs_own_verbs_are_typed_as_init_wrote_them(tmp_path: Path) -> None:
    assert typed.sandbox(tmp_path, "status") == "inv sandbox status"
    (tmp_path / "tagship.mk").write_text("sandbox: x ; @$(TAGSHIP) sandbox $(or $(ARGS),up)\n")
    assert typed.sandbox(tmp_path, "status") == "make sandbox ARGS=status"
    (tmp_path / "tagship.mk").write_text("tagship-sandbox: x ; @$(TAGSHIP) sandbox $(or $(ARGS),up)\n")
    assert typed.sandbox(tmp_path, "down") == "make tagship-sandbox ARGS=down"
