"""The shape of the package: imports go one way, and the clock is asked at the edges only."""

import ast
import re
from pathlib import Path

import pytest

from feedd import cli

PACKAGE = Path(__file__).parent.parent / "feedd"
GUIDE = (PACKAGE / "README.md").read_text(encoding="utf-8")
MODULES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py") if path.name[0] != "_")

COMMANDS = "commands/*.py"
"""One row for all of them: they do not import each other."""


def reading_order() -> list[str]:
    """The modules in the order of the table in the package's README."""
    table = GUIDE.split("## Reading order")[1].split("\n## ")[0]
    order: list[str] = []
    for row in re.findall(r"^\| (`.+?) \|", table, re.MULTILINE):
        names = re.findall(r"`([\w/*]+\.py)`", row)
        folder = names[0].rpartition("/")[0]
        order += [name if "/" in name or not folder else f"{folder}/{name}" for name in names]
    at = order.index(COMMANDS)
    order[at : at + 1] = [name for name in MODULES if name.startswith("commands/") and name not in order]
    return order


def imported(path: str) -> set[str]:
    """The modules of feedd that a module imports, wherever in it; a package stands for those that it imports itself."""
    tree = ast.parse((PACKAGE / path).read_text(encoding="utf-8"))
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            prefix = "feedd." if node.level else ""
            names |= {f"{prefix}{node.module}", *(f"{prefix}{node.module}.{one.name}" for one in node.names)}
        elif isinstance(node, ast.Import):
            names |= {one.name for one in node.names}
    places = {name.removeprefix("feedd.").replace(".", "/") for name in names if name.startswith("feedd.")}
    doors = [f"{place}/__init__.py" for place in places if (PACKAGE / place / "__init__.py").exists()]
    return ({f"{place}.py" for place in places} & set(MODULES)).union(*map(imported, doors))


def test_every_module_is_in_the_reading_order() -> None:
    assert sorted(reading_order()) == MODULES


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_up_the_reading_order(module: str) -> None:
    order = reading_order()
    later = [name for name in imported(module) if order.index(name) >= order.index(module)]
    assert later == []


def test_commands_do_not_import_each_other() -> None:
    shared = {name for name in reading_order() if name.startswith("commands/")} - set(commands())
    assert all({name for name in imported(command) if name.startswith("commands/")} <= shared for command in commands())


def commands() -> list[str]:
    return [f"commands/{name}.py" for name in cli.COMMANDS.values()]


@pytest.mark.parametrize("command", commands())
def test_a_command_imports_what_it_works_with_only_when_it_works(command: str) -> None:
    """So that `--help`, `--version` and completion are quick: they import each command at the most."""
    tree = ast.parse((PACKAGE / command).read_text(encoding="utf-8"))
    names = {node.module for node in tree.body if isinstance(node, ast.ImportFrom)}
    allowed = re.compile(r"feedd\.(commands\.\w+|errors)")
    assert {name for name in names if name and name.startswith("feedd")} == {
        name for name in names if name and allowed.fullmatch(name)
    }


CLOCKS = {"time.time", "time.time_ns", "time.monotonic", "datetime.now", "datetime.utcnow", "date.today", "time.sleep"}
MAY_ASK = (
    {"testing.py", "content/source.py", "state/database.py", "serve/server.py", "serve/alone.py"}
    | {f"commands/{name}.py" for name in ("edges", "terminal", "build")}
    | {
        f"service/{name}.py"
        for name in ("inbox", "watcher", "schedule", "log", "courier", "hook", "control", "post", "daemon", "web")
    }
)


@pytest.mark.parametrize("module", [name for name in MODULES if name not in MAY_ASK])
def test_the_clock_is_asked_at_the_edges_only(module: str) -> None:
    tree = ast.parse((PACKAGE / module).read_text(encoding="utf-8"))
    asked = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)} & CLOCKS
    assert asked == set()


def test_every_module_says_what_it_is() -> None:
    silent = [name for name in MODULES if not ast.get_docstring(ast.parse((PACKAGE / name).read_text("utf-8")))]
    assert silent == []
