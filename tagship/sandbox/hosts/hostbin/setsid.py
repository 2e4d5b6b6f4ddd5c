"""A stand-in for setsid on a host that has none: `setsid COMMAND…` becomes the command, in a session of its own."""

import os
import sys


def main(words: "list[str]") -> int:
    if not words:
        print("setsid: no command specified", file=sys.stderr)
        return 1
    if os.getpgrp() == os.getpid() and os.fork():
        return 0  # a group's leader cannot begin a session: its child does
    os.setsid()
    try:
        os.execvp(words[0], words)  # noqa: S606  that is what it is for
    except OSError as reason:
        print(f"setsid: failed to execute {words[0]}: {reason.strerror}", file=sys.stderr)
        return 127 if isinstance(reason, FileNotFoundError) else 126


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
