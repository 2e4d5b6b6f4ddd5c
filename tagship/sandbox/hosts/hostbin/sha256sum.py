"""A stand-in for sha256sum on a host that has none: `sha256sum [-c] [--quiet] [--strict] [FILE…]`."""

import hashlib
import re
import sys

LINE = re.compile(r"([0-9a-fA-F]{64}) [ *](.+)")


def digest(name: str) -> str:
    if name == "-":
        return hashlib.sha256(sys.stdin.buffer.read()).hexdigest()
    with open(name, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def complain(name: str, reason: OSError) -> None:
    print(f"sha256sum: {name}: {reason.strerror}", file=sys.stderr)


def print_all(names: "list[str]") -> int:
    bad = 0
    for name in names:
        try:
            print(f"{digest(name)}  {name}")
        except OSError as reason:
            complain(name, reason)
            bad = 1
    return bad


def checked(line: str, quiet: bool) -> str:
    """Check one line of a list: ok, failed, unread, or improper."""
    match = LINE.fullmatch(line)
    if not match:
        return "improper"
    try:
        good = digest(match[2]) == match[1].lower()
    except OSError as reason:
        complain(match[2], reason)
        print(f"{match[2]}: FAILED open or read")
        return "unread"
    if not good or not quiet:
        print(f"{match[2]}: {'OK' if good else 'FAILED'}")
    return "ok" if good else "failed"


def check(name: str, quiet: bool, strict: bool) -> int:
    try:
        with sys.stdin if name == "-" else open(name, encoding="utf-8", errors="surrogateescape") as file:
            results = [checked(line, quiet) for line in file.read().splitlines()]
    except OSError as reason:
        complain(name, reason)
        return 1
    sys.stdout.flush()
    if not set(results) - {"improper"}:
        print(f"sha256sum: {name}: no properly formatted checksum lines found", file=sys.stderr)
        return 1
    warn(results.count("improper"), "line is improperly formatted", "lines are improperly formatted")
    warn(results.count("unread"), "listed file could not be read", "listed files could not be read")
    warn(results.count("failed"), "computed checksum did NOT match", "computed checksums did NOT match")
    return 1 if {"unread", "failed"} & set(results) or (strict and "improper" in results) else 0


def warn(count: int, singular: str, plural: str) -> None:
    if count:
        print(f"sha256sum: WARNING: {count} {singular if count == 1 else plural}", file=sys.stderr)


def main(words: "list[str]") -> int:
    flags = {word for word in words if word.startswith("-") and word != "-"}
    names = [word for word in words if not word.startswith("-") or word == "-"] or ["-"]
    if flags - {"-c", "--check", "--quiet", "--strict"}:
        print("sha256sum: the sandbox's stand-in knows -c, --quiet and --strict", file=sys.stderr)
        return 1
    if not flags & {"-c", "--check"}:
        return print_all(names)
    return max(check(name, "--quiet" in flags, "--strict" in flags) for name in names)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
