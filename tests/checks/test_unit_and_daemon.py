"""Service: the systemd unit that runs feedd, by what `systemctl` prints, and the daemon, by what it says of itself."""

import os
from pathlib import Path

import pytest

from feedd import __version__
from feedd.check import check
from feedd.checks.service import Daemon, Unit, daemon, unit
from feedd.checks.world import Who, World, systemctl
from feedd.config import load
from feedd.desk import Desk
from feedd.status import InForce, Status, StatusReply, told
from feedd.testing import NOON, Site, quiet_world, running

ROOT = Path(__file__).parent.parent.parent

# As systemd 252 prints the unit in `config/`.
SHOWN = """\
ExecStart={ path=/opt/feedd/bin/feedd ; argv[]=/opt/feedd/bin/feedd run --config /etc/feedd/feedd.toml ; \
ignore_errors=no ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }
LoadState=loaded
User=feedd
WorkingDirectory=
Environment=PYTHONFAULTHANDLER=1
ReadWritePaths=/srv/feedd/feeds
StateDirectory=feedd
RuntimeDirectory=feedd
CacheDirectory=
LogsDirectory=
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
MemoryMax=infinity
NeedDaemonReload=no
"""


def machine(shown: str | None) -> World:
    return quiet_world(systemctl=lambda _: shown)


def the_unit(**changes: str) -> Unit:
    """The unit in `config/`, with other properties."""
    lines = (line.partition("=") for line in SHOWN.splitlines())
    found = unit(machine("\n".join(f"{name}={changes.get(name, value)}" for name, _, value in lines)))
    assert found is not None
    return found


# What systemctl prints


def test_the_unit_is_read_as_systemd_prints_it() -> None:
    assert the_unit() == Unit(
        program=Path("/opt/feedd/bin/feedd"),
        configuration=Path("/etc/feedd/feedd.toml"),
        user="feedd",
        writable=tuple(map(Path, ("/srv/feedd/feeds", "/var/lib/feedd", "/run/feedd"))),
        system="strict",
        home="yes",
        private_tmp=True,
    )


def test_the_unit_in_config_has_these_properties() -> None:
    text = (ROOT / "config" / "feedd.service").read_text(encoding="utf-8")
    written = dict(line.split("=", 1) for line in text.splitlines() if "=" in line and line[0] not in "#[")
    asked = dict(line.split("=", 1) for line in SHOWN.splitlines())
    for name in ("User", "ReadWritePaths", "StateDirectory", "RuntimeDirectory", "ProtectSystem", "ProtectHome"):
        assert asked[name] == written[name]
    assert f"argv[]={written['ExecStart']} ;" in asked["ExecStart"]


@pytest.mark.parametrize(
    ("command", "environment", "folder", "file"),
    [
        ("feedd run --config /a.toml", "", "", "/a.toml"),
        ("feedd run --config=/a.toml", "", "", "/a.toml"),
        ("feedd run -c /a.toml", "", "", "/a.toml"),
        ("feedd run -c 'a b.toml'", "", "/srv", "/srv/a b.toml"),
        ("feedd run", "FEEDD_CONFIG=/e.toml X=1", "", "/e.toml"),
        ("feedd run -c /a.toml", "FEEDD_CONFIG=/e.toml", "", "/a.toml"),
        ("feedd run", "", "!/srv", "/srv/feedd.toml"),
        ("feedd run", "", "", "/feedd.toml"),
    ],
)
def test_the_configuration_is_that_of_the_command(command: str, environment: str, folder: str, file: str) -> None:
    started = f"{{ path=/x ; argv[]={command} ; ignore_errors=no ; }}"
    assert str(the_unit(ExecStart=started, Environment=environment, WorkingDirectory=folder).configuration) == file


def test_the_command_of_hooks_is_looked_for_where_the_unit_looks(site: Site) -> None:
    (site.folder / "purge").write_text("#!/bin/sh\n")
    (site.folder / "purge").chmod(0o755)
    site.configure('[hooks]\ncommand = ["purge"]\n')
    shown = f"LoadState=loaded\nUser=root\nExecStart={{ argv[]=/bin/sh run -c {site.file} ; }}\n"
    for environment, kinds in (("", ["hook-missing"]), (f"Environment=PATH=/bin:{site.folder}\n", [])):
        found = check(Desk(site.config), site.file, site.now, machine(shown + environment))[0]
        assert [one.kind for one in found] == kinds


@pytest.mark.parametrize("shown", [None, "", "LoadState=not-found\nExecStart=\n", "LoadState=loaded\nExecStart=\n"])
def test_without_a_unit_there_is_none(shown: str | None) -> None:
    assert unit(machine(shown)) is None


# What it lets feedd do


@pytest.mark.parametrize(
    ("properties", "path", "writes", "sees"),
    [
        ({}, "/srv/feedd/feeds/topics", True, True),
        ({}, "/srv/feedd", False, True),
        ({}, "/srv/feedd/feeds2", False, True),
        ({}, "/var/lib/feedd", True, True),
        ({}, "/run/feedd", True, True),
        ({}, "/home/ann/feeds", False, False),
        ({}, "/tmp/feeds", True, False),
        ({"PrivateTmp": "no"}, "/tmp/feeds", False, True),
        ({"ProtectHome": "read-only"}, "/home/ann/feeds", False, True),
        ({"ProtectHome": "tmpfs"}, "/root/feeds", False, False),
        ({"ProtectHome": "no", "ProtectSystem": "no"}, "/home/ann/feeds", True, True),
        ({"ProtectSystem": "full"}, "/etc/feeds", False, True),
        ({"ProtectSystem": "yes"}, "/etc/feeds", True, True),
        ({"ProtectSystem": "yes"}, "/usr/share/feeds", False, True),
        ({"ReadWritePaths": "-/home/ann/feeds +/opt"}, "/home/ann/feeds", True, True),
        ({"CacheDirectory": "feedd/x"}, "/var/cache/feedd/x", True, True),
    ],
)
def test_what_a_unit_opens_and_hides(properties: dict[str, str], path: str, writes: bool, sees: bool) -> None:
    found = the_unit(**properties)
    assert (found.writes(Path(path)), found.sees(Path(path))) == (writes, sees)


# By a program that plays systemctl


def played(folder: Path, text: str, code: int = 0) -> None:
    """Puts a program `systemctl` into a folder; it prints a text, and notes what it was asked."""
    program = folder / "systemctl"
    program.write_text(f"#!/bin/sh\nprintf '%s\\n' \"$@\" > {folder}/asked\ncat <<'END'\n{text}\nEND\nexit {code}\n")
    program.chmod(0o755)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    return tmp_path / "bin"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")


def test_the_systemctl_of_the_system_is_asked(folder: Path, site: Site) -> None:
    shown = SHOWN.replace("/etc/feedd/feedd.toml", str(site.file))
    shown = shown.replace("NeedDaemonReload=no", "NeedDaemonReload=yes")
    played(folder, shown.replace("PrivateTmp=yes", "PrivateTmp=no"))
    site.story("a.md")
    found = check(Desk(site.config, thorough=True), site.file, site.now, quiet_world(systemctl=systemctl))[0]
    assert [one.kind for one in found] == ["unit-stale", "unit-program", "unit-closed", "unit-closed"]
    assert (folder / "asked").read_text().splitlines()[:2] == ["show", "feedd.service"]


@pytest.mark.parametrize("code", [1, 4])
def test_a_systemctl_that_fails_is_none(code: int, folder: Path) -> None:
    played(folder, SHOWN, code)
    assert systemctl(["show", "feedd.service"]) is None


def test_a_system_without_systemctl_has_no_unit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(folder))
    assert systemctl(["show", "feedd.service"]) is None


def test_a_unit_for_another_configuration_is_a_suggestion_and_nothing_else(site: Site) -> None:
    found = check(Desk(site.config, thorough=True), site.file, site.now, machine(SHOWN))[0]
    assert [(one.kind, one.severity) for one in found] == [("unit-other", "suggestion")]


# The daemon


def test_without_a_daemon_it_does_not_run(site: Site) -> None:
    assert daemon(site.config.control.socket, quiet_world()) == Daemon(False)


def test_a_daemon_that_runs_by_this_configuration_is_no_problem(site: Site) -> None:

    site.story("a.md")
    real = World(uid=0).status
    with running(site):
        found = check(Desk(site.config, thorough=True), site.file, site.now, quiet_world(status=real))[0]
    assert found == []


def test_a_configuration_that_the_daemon_has_not_loaded_is_said(site: Site) -> None:
    site.configure("[watch]\nconfiguration = false\n")
    real = World(uid=0).status
    with running(site):
        site.configure("[watch]\nconfiguration = false\n[output]\nlimit = 3\n")
        found = check(Desk(site.config, thorough=True), site.file, site.now, quiet_world(status=real))[0]
    assert [one.kind for one in found] == ["daemon-behind"]


def test_a_configuration_that_is_yet_to_be_loaded_is_no_other_daemons(site: Site) -> None:
    new = site.folder / "feedd.toml.new"
    new.write_text(site.file.read_text() + '[output]\nlimit = 3\n[control]\nsocket = "other.sock"\n')
    real = World(uid=0).status
    with running(site):
        desk = Desk(load(new, site.file), thorough=True)
        asks = quiet_world(status=real, systemctl=lambda _: SHOWN.replace("/etc/feedd/feedd.toml", str(site.file)))
        found = check(desk, new, site.now, asks, instead_of=site.file)[0]
        alone = check(desk, new, site.now, asks)[0]
    assert {one.kind for one in found} == {"unit-program", "unit-closed"}
    assert [one.kind for one in alone] == ["unit-other"]


def test_what_listens_while_the_daemon_runs_is_the_daemon(site: Site) -> None:
    site.configure('[server]\nlisten = "127.0.0.1:8000"\n')
    taken = {"refusal": lambda _: "another program listens there"}
    status = Status(__version__, 1, NOON, NOON, 0.0, "ready", InForce(str(site.file), NOON, site.config.fingerprint))
    runs = quiet_world(status=lambda _: told(StatusReply(True, status)), **taken)
    alone = check(Desk(site.config), site.file, site.now, quiet_world(**taken))[0]
    assert [one.kind for one in alone] == ["address-taken"]
    assert check(Desk(site.config), site.file, site.now, runs)[0] == []


@pytest.mark.parametrize(("uid", "kinds"), [(0, ["unreadable-by-service"]), (4711, [])], ids=["root", "itself"])
def test_whom_the_service_runs_as_asks_for_itself(uid: int, kinds: list[str], site: Site) -> None:
    """What it cannot read it finds when it reads."""
    site.story("a.md").chmod(0o600)
    shown = f"LoadState=loaded\nUser=feedd\nExecStart={{ argv[]=/bin/sh run -c {site.file} ; }}\n"
    feedd = Who("feedd", 4711, frozenset())
    asks = quiet_world(uid=uid, systemctl=lambda _: shown, account=lambda _: feedd)
    found = check(Desk(site.config), site.file, site.now, asks)[0]
    assert [one.kind for one in found if one.kind.startswith("unreadable")] == kinds
