"""Located: problems of places, told at the key of the configuration that names the place.

In: problems, the configuration and its file. Out: the same, those of directories with the file and line of a key, so
that an editor opens where they are to be mended. Others stay as they are.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from msgspec.structs import replace

from feedd.config import Config, Where, dotted, noted
from feedd.errors import Problem


def at_keys(config: Config, file: Path, problems: Iterable[Problem]) -> list[Problem]:
    """Problems, each where it is to be mended."""
    keys = {str(place): where for where, place in _places(config)}
    named = {dotted(where): where for where in keys.values()}
    return [_located(file, problem, keys.get(problem.file) or named.get(problem.field)) for problem in problems]


def _places(config: Config) -> Iterator[tuple[Where, Path]]:
    """The keys that name a place, and the place."""
    taxonomy = (("topics", config.taxonomy.topics), ("providers", config.taxonomy.providers))
    listed = ((("taxonomy", key, count), place) for key, places in taxonomy for count, place in enumerate(places, 1))
    for where, place in chain(listed, [(("pages", "templates"), config.pages.templates)]):
        if place:
            yield where, place
    yield ("content", "path"), config.content.path
    yield ("state", "path"), config.state.path
    yield ("output", "path"), config.output.path


def _located(file: Path, problem: Problem, where: Where | None) -> Problem:
    if where is None or problem.file == str(file) or not problem.file.startswith("/"):
        return problem
    told = noted(file, problem.kind, where, problem.what, problem.remedy)
    what = problem.what if problem.what.startswith("/") else f"{problem.file} {problem.what}"
    return replace(told, what=what, severity=problem.severity)
