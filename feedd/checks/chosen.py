"""Chosen: which files somebody asks about: named ones, those of a list, or those that were changed, as Git tells.

In: names, the text of a list, or a revision. Out: paths. Asks the `git` of the system, which writes nothing, but may
refresh its index as `git diff` does. Raises `ChangesError`, with what to do, where Git cannot tell.
"""

import os
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from feedd.content.source import Tree
from feedd.errors import FeeddError, Problem

# In a hook these name the repository of the commit, which need not be the one that the content lies in.
_OF_HOOKS = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR"}
_SETTINGS = {"GIT_OPTIONAL_LOCKS": "0", "GIT_LITERAL_PATHSPECS": "1", "LC_ALL": "C"}


class ChangesError(FeeddError):
    """It cannot be told which files were changed."""


def below(tree: Tree, places: Iterable[Path]) -> set[str]:
    """The files that lie in the content directory, by their paths in it, of all that are named; a folder stands for the
    content in it. What is not there, or lies elsewhere, is left out; what lies behind a symbolic link to a folder
    counts where it really lies, since no link below the content directory is followed.
    """
    found: set[str] = set()
    for place in places:
        real = os.path.realpath(tree.root), os.path.realpath(place)
        for root, path in ((tree.root, os.path.abspath(place)), real):  # noqa: PTH100
            inside = os.path.relpath(path, root)
            is_folder = os.path.isdir(path)  # noqa: PTH112
            is_inside = inside.split("/")[0] != ".." and os.path.lexists(path)
            if is_inside and not tree.linked(f"{inside}/" if is_folder else inside):
                found |= set(tree.files("" if inside == "." else f"{inside}/")) if is_folder else {inside}
                break
    return found


def changed_since(folder: Path, revision: str) -> list[Path]:
    """The files below a directory that differ from where the present branch left `revision`: committed, staged, edited
    or new ones, but ignored ones. Those that were deleted are none any more; one that was renamed has its new name.

    Raises ChangesError without Git, without a repository, or where there is no such revision or common ancestor.
    """
    root = repository(folder)
    if root is None:
        what = f"{folder} is in no Git repository"
        raise _error("no-repository", what, "Name the files, or leave --changed-since out to check all.")
    start = _start(root, revision)
    differing = _git(root, "diff", "--name-only", "--no-renames", "--diff-filter=d", "-z", start, "--", str(folder))
    new = _git(root, "ls-files", "--others", "--exclude-standard", "-z", "--", str(folder))
    return sorted({root / os.fsdecode(name) for name in (differing + new).split(b"\0") if name})


def repository(folder: Path) -> Path | None:
    """The work tree that a directory lies in; None where there is none. Raises ChangesError where Git refuses."""
    done = _run(folder, "rev-parse", "--show-toplevel")
    said = done.stderr.decode(errors="replace").strip()
    if done.returncode and "not a git repository" not in said:
        raise _error("git-failed", f"Git says: {_last(said)}", "Do what it says, or name the files.")
    return None if done.returncode else Path(os.fsdecode(done.stdout.removesuffix(b"\n")))


def listed(text: bytes) -> list[str]:
    """The paths of a list, one a line, or with a NUL after each, as `git … -z` and `find -print0` write them."""
    parts = text.split(b"\0") if b"\0" in text else text.splitlines()
    return [os.fsdecode(part) for part in parts if part]


def _start(root: Path, revision: str) -> str:
    """The commit that the present one and a revision have in common."""
    named = _run(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    shallow = _git(root, "rev-parse", "--is-shallow-repository").strip() == b"true"
    if named.returncode:
        what = f"{revision!r} names no commit" + (" here; this clone is shallow" if shallow else "")
        raise _error("no-revision", what, _DEEPEN if shallow else "Name a branch, a tag or a commit, or `git fetch`.")
    base = _run(root, "merge-base", named.stdout.decode().strip(), "HEAD")
    if base.returncode:
        why = "; this clone is shallow" if shallow else ""
        what = f"{revision!r} and the present commit have no common ancestor{why}"
        raise _error("no-revision", what, _DEEPEN if shallow else "Name another revision.")
    return base.stdout.decode().splitlines()[0]


_DEEPEN = "Fetch more: `git fetch --unshallow`; in GitHub's actions/checkout: `fetch-depth: 0`."


def _git(root: Path, *arguments: str) -> bytes:
    done = _run(root, *arguments)
    if done.returncode:
        said = _last(done.stderr.decode(errors="replace").strip())
        raise _error("git-failed", f"Git says: {said}", "Do what it says, or name the files.")
    return done.stdout


def _run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    environment = {name: value for name, value in os.environ.items() if name not in _OF_HOOKS} | _SETTINGS
    command: Sequence[str] = ("git", "-c", "core.fsmonitor=false", *arguments)
    try:
        return subprocess.run(  # noqa: S603 - no shell; the revision comes after --end-of-options
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False
        )
    except FileNotFoundError as error:
        missing = error.filename == "git"
        what = "there is no git on this machine" if missing else f"{folder} is not there"
        raise _error("git-failed", what, "Install it, or name the files." if missing else "Create it.") from error
    except (OSError, subprocess.SubprocessError) as error:
        raise _error("git-failed", f"git cannot be asked: {error}", "Name the files instead.") from error


def _last(said: str) -> str:
    """The first line of what Git said, which is its reason."""
    return said.partition("\n")[0].removeprefix("fatal: ").rstrip(".") or "nothing"


def _error(kind: str, what: str, remedy: str) -> ChangesError:
    return ChangesError(Problem(kind, what, remedy))
