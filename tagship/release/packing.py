"""What every bundle has beside an app's own files, and how its tar becomes the file that is stored."""

from __future__ import annotations

import hashlib
import io
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from tagship import __version__, resources
from tagship.domain.bundle import GENERATED, GZIP_HEAD, VERSION, HostFiles, Member, sums
from tagship.domain.layout import CONFIGURATION
from tagship.domain.version import ArtifactId
from tagship.ports.app import App

BATCH = 256 * 1024  # bytes compressed at a time; another number gives other bundles (ADR 0018)
AHEAD = 4  # batches that may wait to be compressed
GZIP = 31  # zlib's wbits for a 32 KiB window in gzip's frame


def of_tagship(names: Sequence[str]) -> Iterator[Member]:
    """Yield tagship's own files of these names."""
    for path in names:
        raw = resources.content(path)
        yield Member(path, resources.is_program(raw), len(raw), io.BytesIO(raw).read, f"tagship {__version__}")


def generated(app: App, artifact_id: ArtifactId) -> Iterator[Member]:
    """Yield the version and each environment's configuration, by path."""
    files = {VERSION: f"{artifact_id}\n".encode()}
    for environment in app.settings.environments:
        files |= app.unfilled(environment).files()
    for path in sorted(files):
        yield Member(path, False, len(files[path]), io.BytesIO(files[path]).read, GENERATED)


def host_files(files: Mapping[str, str], names: Sequence[str], *, own: bool) -> HostFiles | None:
    """Record whose host files a bundle has; None if it has none.

    `names` are tagship's own; the repository has its `own`.
    """
    prefix, configured = f"{resources.FOLDER}/", f"{CONFIGURATION}/"
    chosen = names or [path for path in files if path.startswith(prefix) and not path.startswith(configured)]
    if not names and not own:
        return None
    digest = hashlib.sha256(sums({path: files[path] for path in chosen})).hexdigest()
    return HostFiles("repository" if own else "tagship", __version__, digest)


def packed(plain: Iterator[bytes], level: int, to: Path) -> tuple[str, int]:
    """Compress a tar into a file; return its SHA-256 and size.

    The file appears only when whole. The size is in bytes.
    """
    to.parent.mkdir(parents=True, exist_ok=True)
    part, whole = to.with_name(to.name + ".part"), hashlib.sha256()
    with part.open("wb") as file:

        def put(piece: bytes) -> None:
            whole.update(piece)
            file.write(piece)

        _compress(plain, level, put)
    size = part.stat().st_size
    part.replace(to)
    return whole.hexdigest(), size


def _compress(plain: Iterator[bytes], level: int, put: Callable[[bytes], None]) -> None:
    """Compress a tar to gzip.

    Nothing of this machine, its Python or its zlib decides the bytes.
    """
    from zlib_ng import zlib_ng

    compressor = zlib_ng.compressobj(level, wbits=GZIP)
    compressor.compress(b"")  # its own header, dropped because it names this machine's operating system
    put(GZIP_HEAD)
    _read_ahead(_batches(plain), lambda batch: put(compressor.compress(batch)))
    put(compressor.flush())


def _read_ahead(batches: Iterator[bytes], handle: Callable[[bytes], None]) -> None:
    """Read the next batches while one is compressed.

    Compressing leaves the interpreter free; at most AHEAD batches wait.
    """
    from concurrent.futures import Future, ThreadPoolExecutor

    waiting: deque[Future[None]] = deque()
    with ThreadPoolExecutor(1) as compressing:
        for batch in batches:
            waiting.append(compressing.submit(handle, batch))
            if len(waiting) > AHEAD:
                waiting.popleft().result()
        for future in waiting:
            future.result()


def _batches(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Cut a stream into pieces of exactly BATCH bytes.

    Where zlib-ng's input is cut decides its output.
    """
    held = bytearray()
    for chunk in chunks:
        held += chunk
        while len(held) >= BATCH:
            yield bytes(held[:BATCH])
            del held[:BATCH]
    yield bytes(held)
