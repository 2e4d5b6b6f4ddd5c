"""What [packages.<name>] and [static.<name>] have in common: a directory, what fills it, and what that is made of."""

from collections.abc import Iterator

from tagship.settings.section import Finding, Section, Text, Values, outside


class Part(Section):
    """A directory of a release, which a command may fill.

    `inputs` are the paths that the command reads, and `tools` commands whose answers are versions of what it runs: with
    both the same as those of the version that runs, nothing is built.
    """

    directory: Text  # of the repository
    command: tuple[Text, ...] = ()  # run in the repository's top; none: the directory is there as it is
    inputs: tuple[Text, ...] = ()  # files and folders of the repository; none: what comes out is compared
    tools: tuple[tuple[Text, ...], ...] = ()

    @classmethod
    def problems(cls, values: Values) -> Iterator[Finding]:
        yield from outside("directory", [values.get("directory", "")])
        yield from outside("inputs", values.get("inputs", ()))
        if values.get("inputs") and not values.get("command"):
            yield "inputs", "is for what a command makes: without one, the directory itself is compared"
        if values.get("tools") and not values.get("inputs"):
            yield "tools", "is compared beside inputs: name those too"
        for tool in values.get("tools", ()) if isinstance(values.get("tools"), (list, tuple)) else ():
            if isinstance(tool, (list, tuple)) and not tool:
                yield "tools", 'has an empty command: name one such as ["node", "--version"]'


class Package(Part):
    """A zip file of a directory, which a command may fill."""
