"""A TCP forwarder on loopback: `tagship-proxy --port P --upstream-file F [--pid-file F]`.

Reads the upstream's port from the file at each new connection, so that a release is switched by one rename and the
proxy is never restarted. Connections that are open keep the upstream they have. Without an upstream it answers 503.
"""

import argparse
import asyncio
import contextlib
import functools
import os
import signal

BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
)


def upstream(path: str) -> int | None:
    """Read the port in the file; None without file or port."""
    try:
        with open(path, encoding="ascii") as file:
            port = int(file.read())
    except (OSError, ValueError):
        return None
    return port if 0 < port < 65536 else None


async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Copy one direction until it ends, then end the other side's."""
    # Half-closed connections go on.
    with contextlib.suppress(ConnectionError):
        while block := await source.read(1 << 16):
            sink.write(block)
            await sink.drain()
        sink.write_eof()


async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: bytes) -> None:
    """Answer 503."""
    # The request's head is read first: an answer to an unread one is lost with a reset.
    with contextlib.suppress(Exception):
        await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 1)
    with contextlib.suppress(ConnectionError):
        writer.write(BUSY % (len(line), line))
        await writer.drain()


async def serve(path: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    port = upstream(path)
    try:
        if port is None:
            await refuse(reader, writer, b"tagship-proxy: no version is serving yet\n")
            return
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await refuse(reader, writer, b"tagship-proxy: the version that should serve does not listen\n")
            return
        try:
            await asyncio.gather(pump(reader, up_writer), pump(up_reader, writer))
        finally:
            up_writer.close()
    finally:
        writer.close()


async def run(port: int, path: str, pid_file: str) -> None:
    server = await asyncio.start_server(functools.partial(serve, path), "127.0.0.1", port, backlog=512)
    if pid_file:
        partial = f"{pid_file}.{os.getpid()}"
        with open(partial, "w", encoding="ascii") as file:
            file.write(f"{os.getpid()}\n")
        os.replace(partial, pid_file)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    server.close()


def main() -> None:
    arguments = argparse.ArgumentParser(prog="tagship-proxy", description=__doc__)
    arguments.add_argument("--port", type=int, required=True)
    arguments.add_argument("--upstream-file", required=True)
    arguments.add_argument("--pid-file", default="")
    given = arguments.parse_args()
    try:
        asyncio.run(run(given.port, given.upstream_file, given.pid_file))
    except OSError as reason:
        raise SystemExit(f"tagship-proxy: {reason}") from reason


if __name__ == "__main__":
    main()
