"""The drill: from one key to the next over a fleet that serves all the while, and back over the change."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tagship.domain import layout
from tagship.domain.keys import public_keys, with_first
from tagship.errors import NotAuthentic, TagshipError
from tagship.sandbox import lifecycle
from tagship.sandbox.pairs import Pair, make, pair_of
from tagship.verbs.deploy import deploy
from tagship.verbs.pin import pin
from tagship.verbs.resign import resign
from tagship.verbs.rollback import rollback
from tagship.verbs.status import status
from tests.sandbox import shop
from tests.sandbox.conftest import start
from tests.sandbox.head import head
from tests.sandbox.shop import Shop

SIGNING = """\
[signing]
key = "keys/{environment}.key.pem"
public_key = "keys/{environment}.pub.pem"
order_key = "keys/{environment}-orders.key.pem"
order_public_key = "keys/{environment}-orders.pub.pem"
revoked = []
"""


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    settings = head("hello", shop.BUNDLE, signing=SIGNING)
    root = shop.make(tmp_path_factory.mktemp("keys") / "shop", ["k1", "k2"], head=settings)
    made = Shop(root, start(root, hosts=3), "k1")
    yield made
    lifecycle.down(root)


def pair(here: Shop, purpose: str) -> Pair:
    return pair_of(here.running.folder, here.app().settings.signing, "k1", purpose)


def draw(here: Shop, purpose: str) -> None:
    """Make the next key: it signs from now on, and the one before still counts."""
    now = pair(here, purpose)
    before = now.public.read_text()
    now.private.unlink()
    make(now)
    now.public.write_text(with_first(before, now.public.read_text()))


def take_away(here: Shop, purpose: str) -> str:
    """Take the key before away; return its id."""
    file = pair(here, purpose).public
    (_, new), (id_, _) = public_keys(file.read_text()).items()
    file.write_text(new)
    return id_


@contextmanager
def served(here: Shop) -> Iterator[None]:
    """Each host answers each request meanwhile."""
    ended, lost, answers = threading.Event(), list[str](), list[str]()

    def ask() -> None:
        while not ended.wait(0.02):
            for host, version in zip(here.hosts, here.serving(), strict=True):
                answers.append(version)
                lost.extend([] if version else [host.name])

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield
    finally:
        ended.set()
        asking.join()
    assert len(answers) > 100
    assert lost == []


def test_the_keys_of_a_fleet_are_changed_without_a_stop_and_a_rollback_goes_back_over_the_change(here: Shop) -> None:
    old = here.publish("0.1.0")
    deploy(here.app(), artifact=old)
    with served(here):
        for purpose in ("release", "orders"):
            draw(here, purpose)
        new = here.publish("0.1.1")
        with pytest.raises(TagshipError) as early:  # the hosts have not heard of it yet
            deploy(here.app(), artifact=new)
        assert "inv pin --env k1" in str(early.value)
        assert here.serving() == [old] * 3

        assert len(pin(here.app(), env="k1").units) == 3
        deploy(here.app(), artifact=new)
        assert here.serving() == [new] * 3
        assert resign(here.app(), env="k1").signed == (old,)

        gone = [take_away(here, purpose) for purpose in ("release", "orders")]
        settings = here.root / "tagship.toml"
        settings.write_text(settings.read_text().replace("revoked = []", f'revoked = ["{gone[0]}", "{gone[1]}"]'))
        pin(here.app(), env="k1")
        assert rollback(here.app(), to=old).state == "healthy"
        assert here.serving() == [old] * 3
        [found] = status(here.app(), env="k1")
        assert not [unit for unit in found.units if unit.drift]

    late = layout.artifact("hello", "k1", new, layout.signature_by(gone[0]))
    assert here.app().store.get(late) is None
    for host in here.hosts:
        pinned = host.root / "etc/tagship/hello"
        assert [len(list((pinned / folder).iterdir())) for folder in ("keys.d", "orders.d")] == [1, 1]
        assert not {f"{id_}.pem" for id_ in gone} & {file.name for file in pinned.rglob("*.pem")}


def test_an_environments_hosts_believe_no_other_environments_keys(here: Shop) -> None:
    """The sandbox has a pair for each environment and purpose, as an account has after setup."""
    version = here.publish("0.2.0")
    other = Shop(here.root, here.running, "k2")
    for name in (layout.BUNDLE, layout.SIGNATURE, layout.MANIFEST):
        stored = here.app().store.get(layout.artifact("hello", "k1", version, name))
        assert stored
        here.app().store.create(layout.artifact("hello", "k2", version, name), stored.body, stored.metadata)
    with pytest.raises(NotAuthentic, match="which does not belong to this environment"):
        deploy(other.app(), artifact=version, env="k2")
    folders = [host.root / "etc/tagship/hello" for host in (*here.hosts, *other.hosts)]
    keys = {folder: {file.name for file in folder.glob("*.d/*.pem")} for folder in folders}
    assert all(len(names) == 2 for names in keys.values())
    assert len(set.union(*keys.values())) == 4
    assert [(folder / "environment").read_text() for folder in folders] == ["k1\n"] * 3 + ["k2\n"] * 3
