"""The manual pages: feedd(1) out of the commands, feedd.toml(5) out of the schema of the configuration.

In: the command line as click knows it, or the schema. Out: a page in the macros of man(7), as groff and mandoc read it.
Every word is that of `--help` or of the schema, so that nothing can be forgotten here.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import click

ENVIRONMENT = {
    "FEEDD_CONFIG": "The configuration file, where --config names none.",
    "FEEDD_SOCKET": "The daemon's socket, where --socket names none.",
    "NO_COLOR": "If it is not empty, nothing is coloured.",
    "FORCE_COLOR": "If it is not empty, output is coloured also where it is no terminal.",
}
"""The variables that commands read."""


def of_commands(main: click.Group, version: str) -> str:
    """The page about all commands of `main`, whose help ends with a paragraph on exit codes, `0 fine, 1 …`."""
    root = click.Context(main, info_name="feedd")
    about, *further, exits = _paragraphs(main.help or "")
    lines = [
        f'.TH FEEDD 1 "" "feedd {version}" "User Commands"',
        *(".SH NAME", f"feedd \\- {_text(about[0].lower() + about[1:].rstrip('.'))}"),
        *(".SH SYNOPSIS", *_synopsis(root)),
        *(".SH DESCRIPTION", _text(about), *_apart(further)),
        ".SH COMMANDS",
        *(line for name in main.list_commands(root) for line in _command(main, name, root)),
        *(".SH EXIT STATUS", *_terms(_codes(exits))),
        *(".SH ENVIRONMENT", *_terms(ENVIRONMENT.items())),
        *(".SH SEE ALSO", ".BR feedd.toml (5)"),
    ]
    return "\n".join(lines) + "\n"


def of_configuration(schema: Mapping[str, Any], version: str) -> str:
    """The page about all tables and keys that a schema of the configuration describes."""
    lines = [
        f'.TH FEEDD.TOML 5 "" "feedd {version}" "File Formats"',
        *(".SH NAME", "feedd.toml \\- configuration of feedd"),
        *(".SH DESCRIPTION", _text(_ABOUT_CONFIGURATION)),
        *(line for name, table in schema["properties"].items() for line in _table(name, table)),
        *(".SH SEE ALSO", ".BR feedd (1)"),
    ]
    return "\n".join(lines) + "\n"


_ABOUT_CONFIGURATION = (
    "A TOML file. Relative paths start from its directory. A key that is left out has the default that is shown here."
    " `feedd check` tells whether a file is right."
)


def _table(name: str, table: Mapping[str, Any]) -> Iterator[str]:
    """A table, its keys, and the tables below it; one that may be there many times is in double brackets."""
    every, required = _keys(table) or {}, table.get("items", table).get("required", ())
    yield from (f".SH {_text(f'[[{name}]]' if 'items' in table else f'[{name}]')}", _text(table["description"]))
    settings = {key: one for key, one in every.items() if not _keys(one)}
    yield from _terms((_setting(key, one, key in required), one["description"]) for key, one in settings.items())
    for key, one in every.items():
        if _keys(one):
            yield from _table(f"{name}.{key}", one)


def _keys(value: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The keys of a table, or of each of several; None for what is none."""
    found: Mapping[str, Any] | None = value.get("items", value).get("properties")
    return found


def _setting(key: str, value: Mapping[str, Any], required: bool) -> str:
    """A key with its default, as TOML has it, if it has one."""
    if "default" in value:
        return f"{key} = {json.dumps(value['default'], ensure_ascii=False)}"
    return f"{key} (required)" if required else key


def _command(main: click.Group, name: str, root: click.Context) -> Iterator[str]:
    command = main.get_command(root, name)
    assert command is not None  # noqa: S101 - it is one of the list
    context = click.Context(command, info_name=name, parent=root)
    yield f".SS {_text(name)}"
    yield from _synopsis(context)
    yield from _apart(_paragraphs(command.help or ""))
    yield from _terms(record for one in command.params if (record := one.get_help_record(context)))
    yield from _example(command.epilog or "")


def _synopsis(context: click.Context) -> Iterator[str]:
    """How a command is called: its name bold, what is to be filled in in italics."""
    yield f".B {_text(context.command_path)}"
    yield from (f".I {_text(piece)}" for piece in context.command.collect_usage_pieces(context))


def _example(epilog: str) -> Iterator[str]:
    label, _, code = epilog.partition(": ")
    yield from (".PP", f"{_text(label)}:", ".PP", ".RS 4", ".EX", _text(code), ".EE", ".RE")


def _apart(paragraphs: Iterable[str]) -> Iterator[str]:
    for paragraph in paragraphs:
        yield from (".PP", _text(paragraph))


def _terms(terms: Iterable[tuple[str, str]]) -> Iterator[str]:
    """What is explained, each in bold, with the explanation below it."""
    for term, says in terms:
        yield from (".TP", f".B {_text(term)}", _text(" ".join(says.split())))


def _codes(sentence: str) -> Iterator[tuple[str, str]]:
    """`Exit codes: 0 fine, 1 …` as codes and their meanings."""
    return ((code, says) for code, says in re.findall(r"(\d+) ([^,.]+)", sentence))


def _paragraphs(text: str) -> list[str]:
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", text.strip())]


def _text(words: str) -> str:
    """Words as roff takes them literally, in ASCII: what starts a command or an escape does not; code in bold."""
    plain = words.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace('"', "\\(dq")
    guarded = "\\&" + plain if plain.startswith(".") else plain
    bold = re.sub(r"`([^`]+)`", r"\\fB\1\\fR", guarded)
    return re.sub(r"[^\x00-\x7f]", lambda found: f"\\[u{ord(found[0]):04X}]", bold)
