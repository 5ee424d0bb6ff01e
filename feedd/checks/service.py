"""Service: the systemd unit that runs feedd, and the daemon, if there are any.

In: the configuration, its file, and the machine. Out: the unit as a value, and problems: what the unit keeps feedd from
doing, and where what runs is not what is configured. Without systemd, or without such a unit, there are none.
"""

import shlex
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from feedd import __version__
from feedd.checks.world import World
from feedd.config import Config
from feedd.errors import ControlError, Problem, Severity
from feedd.publish.command import BARE_PATH
from feedd.status import Status, StatusReply, read

UNIT = "feedd.service"
_ASKED = (
    "LoadState", "ExecStart", "User", "WorkingDirectory", "Environment", "ReadWritePaths", "StateDirectory",
    "RuntimeDirectory", "CacheDirectory", "LogsDirectory", "ProtectSystem", "ProtectHome", "PrivateTmp", "MemoryMax",
    "NeedDaemonReload",
)  # fmt: skip
_BELOW = {
    "StateDirectory": "/var/lib",
    "RuntimeDirectory": "/run",
    "CacheDirectory": "/var/cache",
    "LogsDirectory": "/var/log",
}
_HOMES = tuple(map(Path, ("/home", "/root", "/run/user")))
_TEMPORARY = tuple(map(Path, ("/tmp", "/var/tmp")))  # noqa: S108 - what PrivateTmp= hides
_SYSTEM = tuple(map(Path, ("/usr", "/boot", "/efi")))
_ALWAYS = tuple(map(Path, ("/dev", "/proc", "/sys")))
_MEMORY = 64 << 20  # bytes that feedd takes with few articles; then so many for each
_MEMORY_EACH = 2048
_MEND = f"by `systemctl edit {UNIT}`"


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit as systemd has it: what it starts, by which configuration, as whom, and what of the system it leaves it.

    `writable` are directories that it opens; `memory` is in bytes, None without a limit; `stale` tells that its files
    were changed since systemd read them; `path` is where it looks for programs.
    """

    program: Path
    configuration: Path
    user: str
    writable: tuple[Path, ...]
    system: str = "no"
    home: str = "no"
    private_tmp: bool = False
    memory: int | None = None
    stale: bool = False
    path: str = BARE_PATH

    def writes(self, path: Path) -> bool:
        """Whether the unit lets its processes write to a path; permissions left aside."""
        if any(path.is_relative_to(open) for open in self.writable):
            return True
        if self.home in {"yes", "read-only", "tmpfs"} and _is_in(path, _HOMES):
            return False
        if self.system == "strict":
            return _is_in(path, _ALWAYS) or (self.private_tmp and _is_in(path, _TEMPORARY))
        closed = {"yes": _SYSTEM, "full": (*_SYSTEM, Path("/etc"))}.get(self.system, ())
        return not _is_in(path, closed)

    def sees(self, path: Path) -> bool:
        """Whether its processes see at a path what others do."""
        if any(path.is_relative_to(open) for open in self.writable):
            return True
        hidden = self.home in {"yes", "tmpfs"} and _is_in(path, _HOMES)
        return not (hidden or (self.private_tmp and _is_in(path, _TEMPORARY)))


def _is_in(path: Path, folders: tuple[Path, ...]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def unit(world: World) -> Unit | None:
    """The unit that runs feedd, None where there is none."""
    told = world.systemctl(["show", UNIT, f"--property={','.join(_ASKED)}"])
    found = dict(line.split("=", 1) for line in (told or "").splitlines() if "=" in line)
    if found.get("LoadState") != "loaded" or not found.get("ExecStart"):
        return None
    program, *arguments = _command(found["ExecStart"]) or [""]
    opened = (path.lstrip("-+") for path in found.get("ReadWritePaths", "").split())
    below = [f"{base}/{name}" for key, base in _BELOW.items() for name in found.get(key, "").split()]
    memory = found.get("MemoryMax", "")
    return Unit(
        Path(program), _configuration(arguments, found), found.get("User") or "root",
        tuple(map(Path, (*opened, *below))), found.get("ProtectSystem", "no"), found.get("ProtectHome", "no"),
        found.get("PrivateTmp") == "yes", int(memory) if memory.isdecimal() else None,
        found.get("NeedDaemonReload") == "yes", _environment(found).get("PATH", BARE_PATH),
    )  # fmt: skip


def _command(value: str) -> list[str]:
    """The command of `{ path=… ; argv[]=… ; ignore_errors=no ; … }`."""
    return _split(value.partition("argv[]=")[2].partition(" ; ")[0])


def _environment(found: Mapping[str, str]) -> dict[str, str]:
    return dict(item.split("=", 1) for item in _split(found.get("Environment", "")) if "=" in item)


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _configuration(arguments: list[str], found: Mapping[str, str]) -> Path:
    """The configuration file that a command of feedd's reads, as `--config` has it."""
    named = _environment(found).get("FEEDD_CONFIG", "feedd.toml")
    for place, argument in enumerate(arguments):
        if argument in {"--config", "-c"} and place + 1 < len(arguments):
            named = arguments[place + 1]
        elif argument.startswith("--config="):
            named = argument.removeprefix("--config=")
    return Path(found.get("WorkingDirectory", "").lstrip("!-") or "/", named)


# What is wrong with the unit


def is_for(unit: Unit, file: Path) -> bool:
    """Whether a unit runs feedd by this configuration file."""
    return unit.configuration.resolve() == file.resolve()


def of_unit(unit: Unit, config: Config, file: Path, articles: int) -> Iterator[Problem]:
    """What is wrong with a unit; nothing but that, if it is for another configuration."""
    if not is_for(unit, file):
        what = f"{UNIT} runs by {unit.configuration}, not by this file"
        yield _problem("unit-other", what, f"If it should, change ExecStart= {_MEND}.", severity="suggestion")
        return
    if unit.stale:
        what = f"the files of {UNIT} were changed since systemd read them"
        yield _problem("unit-stale", what, "Run `systemctl daemon-reload`.")
    if not unit.program.exists():
        what = f"{UNIT} starts {unit.program}, which is not there"
        yield _problem("unit-program", what, f"Install feedd there, or change ExecStart= {_MEND}.", severity="error")
    yield from _closed(unit, config)
    least = _MEMORY + _MEMORY_EACH * articles
    if unit.memory is not None and unit.memory < least:
        what = f"{UNIT} may take {unit.memory >> 20} MiB, but {articles} articles may need {least >> 20} at the start"
        yield _problem("unit-memory", what, f"Raise MemoryMax= {_MEND}.")


def _closed(unit: Unit, config: Config) -> Iterator[Problem]:
    """Directories that a unit keeps feedd from."""
    written = {"output.path": config.output.path, "state.path": config.state.path}
    if config.control.socket and config.control.socket.parent != config.state.path:
        written["control.socket"] = config.control.socket.parent
    for name, path in written.items():
        if not unit.writes(path):
            what = f"{UNIT} does not let feedd write to {path}"
            yield _problem("unit-closed", what, f"Add ReadWritePaths={path} {_MEND}.", name, "error")
    for name, path in {"content.path": config.content.path, **written}.items():
        if not unit.sees(path) and (unit.writes(path) or name not in written):
            what = f"{UNIT} hides {path} from feedd, or from others what feedd writes there"
            remedy = f"Choose a place outside of /home, /root and /tmp, or change ProtectHome= or PrivateTmp= {_MEND}."
            yield _problem("unit-closed", what, remedy, name, "error")


def _problem(kind: str, what: str, remedy: str, name: str = "", severity: Severity = "warning") -> Problem:
    return Problem(kind, what, remedy, field=name, severity=severity)


# The daemon


@dataclass(frozen=True, slots=True)
class Daemon:
    """What is known of the daemon: whether it `runs`, None if it must not be asked; its status; why there is none."""

    runs: bool | None
    status: Status | None = None
    problem: Problem | None = None


def daemon(socket: Path | None, world: World) -> Daemon:
    """The daemon that listens at a socket, asked shortly."""
    if socket is None:
        return Daemon(False)
    try:
        return Daemon(True, read(world.status(socket), StatusReply).status)
    except ControlError as error:
        runs = {"not-running": False, "not-permitted": None}.get(error.problem.kind, True)
        return Daemon(runs, problem=error.problem if runs else None)


def of_daemon(daemon: Daemon, file: Path, fingerprint: str | None) -> Iterator[Problem]:
    """Where a daemon that runs is not what is configured: by this file, with this fingerprint unless another
    configuration is yet to take the file's place.
    """
    if daemon.problem:
        yield daemon.problem
    status = daemon.status
    if status is None:
        return
    if status.version != __version__:
        what = f"the daemon is feedd {status.version}, this command is {__version__}"
        yield _problem("daemon-version", what, "Run `systemctl restart feedd`.")
    with suppress(OSError):
        if not file.samefile(status.configuration.file):
            what = f"the daemon that answers there works by {status.configuration.file}"
            remedy = "Give each its own control.socket, state.path and output.path."
            yield _problem("daemon-other", what, remedy, "control.socket")
            return
    if fingerprint is None:
        return
    if status.configuration.last_error:
        what = f"the daemon refused the configuration: {status.configuration.last_error[0]}"
        yield _problem("daemon-refused", what, "Mend it, then run `feedd reload`.", severity="error")
    elif status.configuration.fingerprint != fingerprint:
        what = "the daemon works by the configuration from before this file was changed"
        yield _problem("daemon-behind", what, "Run `feedd reload`.")
