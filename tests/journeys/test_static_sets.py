"""A static set through build, publish, deploy, a deploy that fails, and a rollback: what S3 then serves."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tagship import bootstrap
from tagship.adapters.aws.site import AwsSite
from tagship.domain.version import ArtifactId
from tagship.engine.artifacts import verified_manifest
from tagship.engine.attested import provenance_of, sbom_of
from tagship.errors import DeployFailed, ServiceFailed
from tagship.sandbox import lifecycle
from tagship.sandbox.state import Running
from tagship.verbs.build import build
from tagship.verbs.bundle import bundle
from tagship.verbs.deploy import deploy
from tagship.verbs.publish import publish
from tagship.verbs.rollback import rollback
from tests.sandbox.conftest import client, git, repository, start
from tests.sandbox.head import head

SETTINGS = (
    head("shop")
    + """\
[packages.api]
directory = "api"
[static.site]
directory = "public"
keep = 1
headers = [
  { match = "assets/*", cache_control = "public, max-age=31536000, immutable" },
  { match = "*.html", cache_control = "no-cache" },
]
[static.site.environments.dev]
bucket = "shop-site"
prefix = "www/"
distribution = "DISTRIBUTION"
[environments.dev]
branch = "main"
health = { attempts = 2, attempts_after_rollback = 2, passes = 1, cap = 1 }
[environments.dev.lambda.functions.shop-dev-api]
package = "api"
health.expect = { statusCode = 200 }
"""
)
API = "def handler(event, context):\n    return {'statusCode': 200}\n"
ORIGIN: dict[str, Any] = {
    "CallerReference": "site",
    "Comment": "",
    "Enabled": True,
    "Origins": {
        "Quantity": 1,
        "Items": [
            {"Id": "s3", "DomainName": "shop-site.s3.amazonaws.com", "S3OriginConfig": {"OriginAccessIdentity": ""}}
        ],
    },
    "DefaultCacheBehavior": {"TargetOriginId": "s3", "ViewerProtocolPolicy": "allow-all"},
}


class Place:
    def __init__(self, root: Path, running: Running, distribution: str) -> None:
        self.root, self.running, self.distribution = root, running, distribution

    def app(self) -> bootstrap.Wiring:
        return bootstrap.app(self.root)

    def ship(self, version: str, page: str, api: str = API, **assets: str) -> str:
        """Commit a version of page, api and assets, and publish it."""
        (self.root / "public/index.html").write_text(page, "utf-8")
        (self.root / "api/app.py").write_text(api, "utf-8")
        for name, text in assets.items():
            (self.root / f"public/assets/{name}.js").write_text(text, "utf-8")
        git(self.root, "add", "--all")
        git(self.root, "commit", "--quiet", "--allow-empty", "-m", f"Make {version}")
        git(self.root, "tag", "-a", version, "-m", version)
        for verb in (build, bundle, publish):
            verb(self.app(), artifact=version)
        return version

    def served(self, path: str) -> tuple[str, str, str]:
        """A file as S3 serves it: body, type, cache header."""
        answer = client(self.running, "s3").get_object(Bucket="shop-site", Key=f"www/{path}")
        return answer["Body"].read().decode(), answer["ContentType"], answer.get("CacheControl", "")

    def paths(self) -> list[str]:
        listed = client(self.running, "s3").list_objects_v2(Bucket="shop-site", Prefix="www/")
        return [row["Key"].removeprefix("www/") for row in listed["Contents"]]

    def invalidations(self) -> list[list[str]]:
        """The paths of each invalidation, in any order of requests."""
        cloudfront = client(self.running, "cloudfront")
        listed = cloudfront.list_invalidations(DistributionId=self.distribution)["InvalidationList"]
        return [
            cloudfront.get_invalidation(DistributionId=self.distribution, Id=row["Id"])["Invalidation"][
                "InvalidationBatch"
            ]["Paths"]["Items"]
            for row in listed.get("Items", ())
        ]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A sandbox that serves 0.1.1-dev's pages, and served 0.1.0-dev's before."""
    files = {
        "tagship.toml": SETTINGS,
        "tasks.py": "from tagship.tasks import ns\n",
        ".gitignore": ".tagship\n__pycache__\n",
        "api/app.py": API,
        "public/index.html": "zero",
        "public/assets/a1.js": "a",
        "public/logo.svg": "<svg/>",
    }
    root = repository(tmp_path_factory.mktemp("static"), files)
    running = start(root)
    made = client(running, "cloudfront").create_distribution(DistributionConfig=ORIGIN)["Distribution"]["Id"]
    (root / "tagship.toml").write_text(SETTINGS.replace("DISTRIBUTION", made), "utf-8")
    shop = Place(root, running, made)
    deploy(shop.app(), artifact=shop.ship("0.1.0-dev", "first"))
    yield shop
    lifecycle.down(root)


def test_a_static_set_goes_with_its_release(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    assert place.served("index.html") == ("first", "text/html; charset=utf-8", "no-cache")
    immutable = ("a", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable")
    assert place.served("assets/a1.js") == immutable
    assert place.served("logo.svg") == ("<svg/>", "image/svg+xml", "")

    put: list[str] = []
    real = AwsSite.put
    monkeypatch.setattr(AwsSite, "put", lambda self, path, *rest: (put.append(path), real(self, path, *rest))[1])
    before = place.invalidations()
    deploy(place.app(), artifact=place.ship("0.1.1-dev", "second", b2="b"))
    assert put == ["assets/b2.js", "index.html"]
    assert place.served("index.html")[0] == "second"
    assert sorted(place.invalidations()) == sorted([*before, ["/", "/index.html"]])

    monkeypatch.setattr(AwsSite, "put", _refuses_pages(real))
    third = place.ship("0.1.2-dev", "third", c3="c")
    with pytest.raises(DeployFailed) as failed:
        deploy(place.app(), artifact=third)
    assert "writing s3://shop-site/www/index.html" in str(failed.value)
    assert place.served("index.html")[0] == "second"
    alias = client(place.running, "lambda").get_alias(FunctionName="shop-dev-api", Name="live")
    assert "0.1.1-dev" in str(alias), alias

    monkeypatch.setattr(AwsSite, "put", real)
    rollback(place.app(), to="0.1.0-dev", env="dev", yes=True)
    assert place.served("index.html") == ("first", "text/html; charset=utf-8", "no-cache")
    assert place.served("assets/a1.js") == immutable


def test_files_of_no_recent_set_are_deleted(place: Place) -> None:
    (place.root / "public/assets/a1.js").unlink()
    deploy(place.app(), artifact=place.ship("0.1.3-dev", "fourth", d4="d"))
    assert "assets/a1.js" not in place.paths()
    assert {"assets/d4.js", "index.html"} <= set(place.paths())


def _refuses_pages(real: Any) -> Any:
    def put(site: AwsSite, path: str, body: bytes, file: Any) -> None:
        if path == "index.html" and body == b"third":
            raise ServiceFailed(f"writing s3://{site.bucket}/{site.prefix}{path}: AccessDenied.", remedy="Allow it")
        real(site, path, body, file)

    return put


def test_provenance_and_sbom_name_the_set_and_its_files(place: Place) -> None:
    app = place.app()
    version = place.ship("0.1.4-dev", "fifth")
    manifest = verified_manifest(app, "dev", ArtifactId(version))
    subjects, ref = provenance_of(app, manifest).subjects, manifest.static["site"]
    assert subjects[f"shop/dev/{version}/static/site.zip"] == f"sha256:{ref.sha256}"
    assert subjects[f"shop/dev/{version}/static/site.json"] == f"sha256:{ref.files_sha256}"
    parts = {part["name"]: part["hashes"][0]["content"] for part in parts_of(sbom_of(app, manifest))}
    assert parts["static/site/index.html"] == hashlib.sha256(b"fifth").hexdigest()


def parts_of(bill: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = bill["metadata"]["component"]["components"]
    return found
