"""The files for systemd: what they promise, and that systemd itself takes them."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from feedd.cli import find_command
from feedd.commands.terminal import CONFIGURATION
from feedd.config import load
from feedd.serve.crowd import Bounds
from feedd.serve.listening import BACKLOG

CONFIG = Path(__file__).parent.parent / "config"
UNIT = CONFIG / "feedd.service"
SOCKET = CONFIG / "feedd.socket"
DROP_IN = CONFIG / "feedd.notify-reload.conf"
USERS = CONFIG / "feedd.sysusers.conf"
PLACES = CONFIG / "feedd.tmpfiles.conf"
MOST_EXPOSED = 1.5
SITE = '[site]\ntitle = "News"\nurl = "https://news.example/"\nfeeds_url = "https://news.example/feeds/"\n'


def statements(file: Path) -> list[str]:
    """The lines of a file that say something to systemd."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith(("#", "["))]


def settings(file: Path = UNIT) -> dict[str, list[str]]:
    """The settings of a unit: all values of each, in their order."""
    found: dict[str, list[str]] = {}
    for line in statements(file):
        name, _, value = line.partition("=")
        found.setdefault(name, []).append(value)
    return found


def setting(name: str) -> str:
    """The one value of a setting of the unit."""
    (value,) = settings()[name]
    return value


def places() -> dict[str, tuple[str, str, str]]:
    """The directories of the tmpfiles: mode, owner and group of each."""
    rows = [line.split() for line in statements(PLACES)]
    return {path: (mode, owner, group) for kind, path, mode, owner, group, _ in rows if kind == "d"}


def seconds(span: str) -> int:
    return int(span.removesuffix("s"))


@pytest.mark.parametrize("file", [UNIT, SOCKET, DROP_IN, USERS, PLACES], ids=lambda file: file.name)
def test_every_statement_has_its_own_comment(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    bare = [
        line
        for before, line in zip(["", *lines], lines, strict=False)
        if line in statements(file) and before[:2] != "# "
    ]

    assert statements(file)
    assert bare == []


@pytest.mark.parametrize("file", [UNIT, SOCKET, DROP_IN, USERS, PLACES], ids=lambda file: file.name)
def test_file_opens_with_its_name_and_where_it_goes(file: Path) -> None:
    text = file.read_text(encoding="utf-8")

    assert text.startswith(f"# {file.name}: ")
    assert re.search(
        r"^# It goes to /etc/(systemd/system|sysusers\.d|tmpfiles\.d)/feedd[\w./-]*[;. ]", text, re.MULTILINE
    )
    assert all(len(line) <= 120 for line in text.splitlines())


def test_no_setting_is_said_twice_but_the_filter_of_system_calls() -> None:
    assert [name for name, values in settings().items() if len(values) > 1] == ["SystemCallFilter"]


def test_wrong_configuration_is_not_tried_again_and_other_failures_are() -> None:
    assert setting("RestartPreventExitStatus") == str(CONFIGURATION)
    assert setting("Restart") == "on-failure"


def test_ready_and_alive_are_said_by_feedd_itself() -> None:
    assert setting("Type") == "notify"
    assert setting("NotifyAccess") == "main"
    assert 20 <= seconds(setting("WatchdogSec")) <= 300


def test_stopping_is_given_more_time_than_feedd_takes_and_workers_are_feedds_to_end() -> None:
    assert seconds(setting("TimeoutStopSec")) >= 10
    assert setting("KillMode") == "mixed"
    assert setting("OOMPolicy") == "continue"


@pytest.mark.parametrize(("name", "command"), [("ExecStart", "run"), ("ExecReload", "reload")])
def test_commands_of_the_unit_are_feedds(name: str, command: str) -> None:
    program, called, *arguments = shlex.split(setting(name))

    assert program == "/opt/feedd/bin/feedd"
    assert called == command
    assert find_command(command).make_context(command, arguments).params["file"] == Path("/etc/feedd/feedd.toml")


def test_places_that_the_unit_asks_for_make_a_configuration_and_are_the_ones_it_gives(tmp_path: Path) -> None:
    asked = re.findall(r'^#     (\[\w+\]) (\w+ = "[^"]+")', UNIT.read_text(encoding="utf-8"), re.MULTILINE)
    file = tmp_path / "feedd.toml"
    file.write_text(SITE + "".join(f"{table}\n{line}\n" for table, line in asked), encoding="utf-8")
    config = load(file)

    assert config.output.path == Path(setting("ReadWritePaths"))
    assert config.state.path == Path("/var/lib") / setting("StateDirectory")
    assert config.control.socket == Path("/run") / setting("RuntimeDirectory") / "control.sock"
    assert not str(config.content.path).startswith(("/home/", "/root/", "/run/user/", "/tmp/", "/var/tmp/"))
    assert {str(config.content.path), str(config.output.path)} < set(places())


def test_feeds_are_feedds_to_write_and_the_articles_are_not() -> None:
    user = setting("User")

    assert [path for path, (_, owner, _) in places().items() if owner == user] == [setting("ReadWritePaths")]
    assert {mode for mode, _, _ in places().values()} == {"0755"}
    assert setting("UMask") == "0022"
    assert setting("ProtectSystem") == "strict"


def test_state_is_for_feedd_alone_and_the_socket_for_its_group() -> None:
    assert setting("StateDirectoryMode") == "0700"
    assert setting("RuntimeDirectoryMode") == "0750"


def test_user_of_the_unit_is_made() -> None:
    (line,) = statements(USERS)

    assert line.split()[:3] == ["u", setting("User"), "-"]
    assert setting("Group") == setting("User")


def test_locks_can_be_read_so_that_a_second_daemon_names_the_first() -> None:
    assert "ProcSubset" not in settings()


def test_only_this_machine_is_reached_unless_somebody_allows_more() -> None:
    assert setting("IPAddressDeny") == "any"
    assert setting("IPAddressAllow") == "localhost"
    assert set(setting("RestrictAddressFamilies").split()) == {"AF_UNIX", "AF_INET", "AF_INET6"}


def test_there_are_files_for_as_many_connections_as_are_taken() -> None:
    assert int(setting("LimitNOFILE")) >= Bounds().connections + 1000 > 11_000


def test_the_server_may_let_others_go_first_and_has_no_other_say_in_who_does() -> None:
    assert settings()["SystemCallFilter"] == ["@system-service", "~@privileged @resources", "setpriority"]


def test_socket_of_systemd_is_what_feedd_asks_for() -> None:
    found = settings(SOCKET)
    host, _, port = found["ListenStream"][0].rpartition(":")

    assert (host, port) == ("127.0.0.1", "8000")
    assert found["FileDescriptorName"] == ["http"]
    assert found["Backlog"] == [str(BACKLOG)]


def test_drop_in_asks_by_signal_alone() -> None:
    assert settings(DROP_IN) == {"Type": ["notify-reload"], "ExecReload": [""]}


# What systemd says


def tool(name: str) -> str:
    """The path of a program of systemd; without it the test is skipped."""
    return shutil.which(name) or pytest.skip(f"{name} is missing: it is in the package systemd")


def called(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [tool(name), *map(str, arguments)]
    environ = os.environ | {"SYSTEMD_PAGER": "cat", "SYSTEMD_COLORS": "0", "LC_ALL": "C"}
    return subprocess.run(command, capture_output=True, text=True, env=environ, timeout=50, check=False)


def version() -> int:
    (number,) = re.findall(r"^systemd (\d+)", called("systemd-analyze", "--version").stdout)
    return int(number)


def runnable(folder: Path) -> Path:
    """A copy of the unit whose program is there, as systemd asks for."""
    unit = folder / UNIT.name
    unit.write_text(re.sub(r"/opt/feedd/bin/feedd", sys.executable, UNIT.read_text("utf-8")), encoding="utf-8")
    return unit


def test_exposure_is_low() -> None:
    said = called("systemd-analyze", "security", "--offline=true", UNIT)
    (exposure,) = re.findall(r"Overall exposure level for feedd\.service: ([\d.]+)", said.stdout)

    assert said.stderr == ""
    assert float(exposure) <= MOST_EXPOSED


def test_systemd_has_nothing_to_say_against_the_unit(tmp_path: Path) -> None:
    said = called("systemd-analyze", "verify", runnable(tmp_path))

    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


def test_systemd_has_nothing_to_say_against_the_socket(tmp_path: Path) -> None:
    runnable(tmp_path)
    shutil.copy(SOCKET, tmp_path)
    said = called("systemd-analyze", "verify", tmp_path / SOCKET.name)

    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


def test_systemd_has_nothing_to_say_against_the_drop_in(tmp_path: Path) -> None:
    if version() < 253:
        pytest.skip("this systemd is older than what the drop-in is for")
    unit = runnable(tmp_path)
    (tmp_path / "feedd.service.d").mkdir()
    shutil.copy(DROP_IN, tmp_path / "feedd.service.d" / "notify-reload.conf")
    said = called("systemd-analyze", "verify", unit)

    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to another user")
def test_user_and_directories_are_made(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    users = called("systemd-sysusers", f"--root={tmp_path}", USERS)
    made = called("systemd-tmpfiles", f"--root={tmp_path}", "--create", PLACES)
    (user,) = re.findall(r"^feedd:[^:]*:(\d+):", (tmp_path / "etc" / "passwd").read_text(), re.MULTILINE)
    found = {path: (tmp_path / path[1:]).stat() for path in places()}

    assert (users.returncode, made.returncode) == (0, 0), users.stderr + made.stderr
    assert {path: (f"{status.st_mode & 0o7777:04o}", status.st_uid) for path, status in found.items()} == {
        path: (mode, int(user) if owner == "feedd" else 0) for path, (mode, owner, _) in places().items()
    }
