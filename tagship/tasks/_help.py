"""What `inv VERB --help` prints: the verb's one line, its flags, and examples, in at most 80 columns."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from invoke.program import Program

WIDEST = 80  # columns
FLAGS = 24  # columns of a flag and what is before it; a longer one has a line of its own
# By verb, as they are typed after `inv`. tests/unit/test_help.py parses each.
EXAMPLES: dict[str, tuple[str, ...]] = {
    "adopt": ("adopt --env dev --dry-run", "adopt --env dev --undo"),
    "build": ("build --version 0.1.30-dev",),
    "bundle": ("bundle --version 0.1.30-dev",),
    "cleanup": ("cleanup --dry-run --explain", "cleanup --env dev --days 30 --keep 10"),
    "continue": ("continue --env prod",),
    "demo": ("demo", "demo --kind ecs"),
    "deploy": ("deploy --version 0.1.30-dev", "deploy --version 0.1.30-dev --skip web-3 --wait 10m"),
    "deploy-dev": ("deploy-dev", "deploy-dev --version 0.2.0-dev --yes"),
    "doctor": ("doctor", "doctor --fix"),
    "drill": ("drill --env prod", "drill --env dev --for-real"),
    "eject": ("eject --yes",),
    "freeze": ('freeze --env prod --until "friday 18:00" --reason "the sale"',),
    "heal": ("heal --env dev",),
    "history": (
        "history --env dev",
        "history --version 0.1.30-dev --evidence",
        "history --since 7d --state rolled-back",
    ),
    "infra.apply": ("infra --env dev --dry-run", "infra --env dev --version 0.1.30-dev"),
    "infra.lock": ("infra.lock --env dev",),
    "infra.plan": ("infra.plan --env dev --detailed",),
    "infra.unlock": ("infra.unlock --env dev --id 7f3a0e52-5c4b-4d0e-9f60-1c2d3e4f5a6b",),
    "init": ("init", "init --kind ecs --cluster main --service api --yes"),
    "lock": ("lock --env dev",),
    "logs": ("logs --env dev --unit web-1 --since 2h", "logs --env dev --follow"),
    "mark-bad": ('mark-bad --version 0.1.30-dev --env dev --reason "it mails twice"',),
    "mark-good": ('mark-good --version 0.1.30-dev --env dev --reason "it was the database"',),
    "metrics": ("metrics --env prod --since 90d", "metrics --openmetrics"),
    "notify": ("notify --test",),
    "pin": ("pin --env dev",),
    "preview.close": ("preview.close --pr 51 --wait 10m",),
    "preview.sweep": ("preview.sweep --dry-run",),
    "promote": ("promote --to prod", "promote --from dev --to preprod --version 0.1.30-dev"),
    "publish": ("publish --version 0.1.30-dev",),
    "report": ("report --output report.html --since 90d",),
    "resign": ("resign --env dev",),
    "resume": ("resume --env dev --wait 10m",),
    "rollback": ("rollback --to 0.1.29-dev", "rollback --to 0.1.29-dev --freeze 8h"),
    "sandbox": ("sandbox up --hosts 3", "sandbox stop-host hello-dev-1", "sandbox pull-request 51", "sandbox down"),
    "sbom": ("sbom --version 0.1.30-dev --output sbom.json",),
    "setup": ("setup --dry-run", "setup --env dev"),
    "shell": ("shell --env dev --unit web-1",),
    "status": ("status", "status --version 0.1.30-dev", "status --env prod --check", "status --watch"),
    "tag": ("tag --suffix dev", "tag --env dev --dry-run"),
    "tag-undo": ("tag-undo --version 0.1.30-dev",),
    "tested": ("tested --version 0.1.30-dev --env dev",),
    "thaw": ("thaw --env prod",),
    "unlock": ("unlock --env dev --id 20261120-171109-435747-c8efa5",),
    "user-data": ("user-data --env dev --output user-data.sh",),
    "validate": ("validate",),
    "verify": ("verify --version 0.1.30-dev",),
    "versions": ("versions --count 10",),
    "watch": ("watch --env dev --every 1m", "watch --env dev --heal"),
    "why-not": ("why-not prod 0.1.30-dev", "why-not all 0.1.30-dev"),
}


# What serves whoever types `tagship`: Invoke's other options are for tasks that run a shell.
OPTIONS = (
    ("-h, --help", "print this, or after a verb its flags and examples"),
    ("-l, --list", "list the verbs"),
    ("-V, --version", "print the version"),
    ("-d, --debug", "print tracebacks, and what happens inside"),
    ("--print-completion-script=SHELL", "print what completes verbs and flags in bash, zsh or fish"),
)


def print_program_help(program: Program) -> None:
    """Print the program's help in place of Invoke's."""
    from shutil import get_terminal_size

    width = min(WIDEST, get_terminal_size().columns)
    called = program.called_as or program.binary
    print(f"Usage: {called} VERB [flags]\n\nA verb's flags and examples: {called} VERB --help\n\nOptions:")
    for flag, text in OPTIONS:
        print("\n".join(_flag(flag, text, width)))
    print()
    program.list_tasks()


def print_task_help(program: Program, name: str) -> None:
    """Print a task's help in place of Invoke's."""
    from shutil import get_terminal_size

    width = min(WIDEST, get_terminal_size().columns)
    print("\n".join(_lines(program, name, width)))


def _lines(program: Program, name: str, width: int) -> Iterator[str]:
    called = program.called_as or program.binary
    yield f"Usage: {called} {name} [flags]"
    yield ""
    yield f"  {inspect.getdoc(program.collection[name]) or ''}"
    if flags := program.parser.contexts[name].help_tuples():
        yield from ("", "Flags:")
        for flag, text in flags:
            yield from _flag(_once(flag), text or "", width)
    if examples := EXAMPLES.get(name, ()):
        yield from ("", "Examples:")
        yield from (f"  {called} {example}" for example in examples)


def _once(flag: str) -> str:
    """Spell a flag of several names with its value behind the last."""
    *names, last = flag.split(", ")
    return ", ".join([*(name.partition("=")[0] for name in names), last])


def _flag(flag: str, text: str, width: int) -> Iterator[str]:
    """Set a flag beside its text, a long one above it."""
    from textwrap import wrap

    first, *rest = wrap(text, width - FLAGS) or [""]
    if len(flag) + 4 > FLAGS:
        yield f"  {flag}"
        rest = [first, *rest]
    else:
        yield f"  {flag}".ljust(FLAGS) + first
    yield from (" " * FLAGS + line for line in rest)
