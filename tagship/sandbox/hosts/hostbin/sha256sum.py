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
    """How one line of a list does: ok, failed, unread, or improper."""
    found = LINE.fullmatch(line)
    if not found:
        return "improper"
    try:
        good = digest(found[2]) == found[1].lower()
    except OSError as reason:
        complain(found[2], reason)
        print(f"{found[2]}: FAILED open or read")
        return "unread"
    if not good or not quiet:
        print(f"{found[2]}: {'OK' if good else 'FAILED'}")
    return "ok" if good else "failed"


def check(name: str, quiet: bool, strict: bool) -> int:
    try:
        with sys.stdin if name == "-" else open(name, encoding="utf-8", errors="surrogateescape") as file:
            said = [checked(line, quiet) for line in file.read().splitlines()]
    except OSError as reason:
        complain(name, reason)
        return 1
    sys.stdout.flush()
    if not set(said) - {"improper"}:
        print(f"sha256sum: {name}: no properly formatted checksum lines found", file=sys.stderr)
        return 1
    warn(said.count("improper"), "line is improperly formatted", "lines are improperly formatted")
    warn(said.count("unread"), "listed file could not be read", "listed files could not be read")
    warn(said.count("failed"), "computed checksum did NOT match", "computed checksums did NOT match")
    return 1 if {"unread", "failed"} & set(said) or (strict and "improper" in said) else 0


def warn(count: int, one: str, many: str) -> None:
    if count:
        print(f"sha256sum: WARNING: {count} {one if count == 1 else many}", file=sys.stderr)


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
