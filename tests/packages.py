"""Packages beside feedd, as a test has them installed."""

import tomllib
from collections.abc import Mapping
from pathlib import Path


def install(folder: Path, project: str, modules: Mapping[str, str]) -> None:
    """Lay into a folder of `sys.path` what an installer does for a pure project with this `pyproject.toml` and these
    modules, by name; in place of another version of it.
    """
    told = tomllib.loads(project)["project"]
    name, version = told["name"], told["version"]
    info = folder / f"{name.replace('-', '_')}.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    groups = told.get("entry-points", {}).items()
    lines = [line for group, points in groups for line in (f"[{group}]", *(f"{a} = {b}" for a, b in points.items()))]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for module, text in modules.items():
        (folder / f"{module}.py").write_text(text, encoding="utf-8")


def project(group: str, points: Mapping[str, str], name: str = "feedd-beside", version: str = "1.0") -> str:
    """The `pyproject.toml` of a package that brings something."""
    lines = "\n".join(f'{point} = "{value}"' for point, value in points.items())
    return f'[project]\nname = "{name}"\nversion = "{version}"\n[project.entry-points."{group}"]\n{lines}\n'
