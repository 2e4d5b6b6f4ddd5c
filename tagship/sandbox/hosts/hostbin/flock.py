"""A stand-in for flock on a host that has none: `flock [-n] FD`, on a file that the calling shell holds open."""

import fcntl
import sys


def main(words: "list[str]") -> int:
    now = words[:1] == ["-n"]
    if len(words) != 1 + now or not words[-1].isdigit():
        print("flock: the sandbox's stand-in knows flock [-n] FD", file=sys.stderr)
        return 64
    try:
        fcntl.flock(int(words[-1]), fcntl.LOCK_EX | (fcntl.LOCK_NB if now else 0))
    except BlockingIOError:
        return 1
    except OSError as reason:
        print(f"flock: {words[-1]}: {reason.strerror}", file=sys.stderr)
        return 65
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
