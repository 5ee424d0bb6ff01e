"""The command of [hooks] from end to end: what it is told, also when it, processes and disks fail."""

import json
import re
import shutil
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from feedd.cli import main
from feedd.publish.directory import Directory
from feedd.service.inbox import Inbox
from feedd.testing import Service, Site, asked, eventually, no_sync, running

NOTES = """\
#!/bin/sh
cat > "{folder}/part" && mv "{folder}/part" "{folder}/told.$(date +%s%N)"
"""


class Noted:
    """A site with a command that notes what it is told: a file for each start, and then does what a script says."""

    def __init__(self, site: Site, settings: str = "") -> None:
        self.site, self.folder = site, site.folder / "notes"
        self.folder.mkdir()
        self.script = site.folder / "hook"
        self.does("")
        self.settings = settings
        site.configure(f'{settings}\n[hooks]\ncommand = ["./hook"]\n')

    def does(self, script: str) -> None:
        self.script.write_text(NOTES.format(folder=self.folder) + script)
        self.script.chmod(0o755)

    def starts(self) -> list[list[str]]:
        """What it was told at each of its starts."""
        return [path.read_text().splitlines() for path in sorted(self.folder.glob("told.*"))]

    def told(self) -> set[str]:
        """What it was told since this was last asked."""
        found = {path for start in self.starts() for path in start}
        for path in self.folder.glob("told.*"):
            path.unlink()
        return found


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture
def noted(site: Site) -> Noted:
    return Noted(site, "[watch]\nquiet = '10ms'\n")


def feedd(site: Site, *arguments: str) -> Result:
    return CliRunner().invoke(main, [arguments[0], "--config", str(site.file), *arguments[1:]])


def changed(before: dict[str, bytes], after: dict[str, bytes]) -> set[str]:
    """The documents that are others, new, or gone."""
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


def waiting(inbox: Inbox) -> int:
    """Of how many documents it is yet to be told."""
    return int(asked(inbox, "status")["status"]["hook"]["waiting"])


# What it is told


def test_the_command_is_told_exactly_what_changed(site: Site) -> None:
    noted = Noted(site, "[pages]\nenabled = true\n")
    site.story("a.md")
    site.story("b.md", topics=["Sea"])
    assert feedd(site, "build").exit_code == 0
    assert noted.told() == set(site.documents())

    before = site.documents()
    site.story("a.md", title="Another title")
    assert feedd(site, "build").exit_code == 0
    assert noted.told() == changed(before, site.documents())


def test_nothing_changed_starts_nothing(noted: Noted) -> None:
    noted.site.story("a.md")
    feedd(noted.site, "build")
    noted.told()
    noted.site.story("a.md", heat=7)
    feedd(noted.site, "build")
    feedd(noted.site, "build")
    assert noted.starts() == []


def test_documents_that_are_gone_are_told_of(site: Site) -> None:
    noted = Noted(site, "[output]\nlimit = 1\n")
    for month in range(1, 5):
        site.story(f"{month}.md", publishedDateTime=f"2024-0{month}-01T08:00:00Z")
    feedd(site, "build")
    before = site.documents()
    noted.told()
    for month in range(1, 4):
        site.story(f"{month}.md", publishedDateTime=f"2024-0{month}-01T08:00:00Z", published=False)
    feedd(site, "build")
    gone = before.keys() - site.documents().keys()
    assert "all/2024-02.atom" in gone
    assert noted.told() == changed(before, site.documents())


def test_what_was_lost_and_is_written_again_is_told_of(noted: Noted) -> None:
    site = noted.site
    site.story("a.md")
    feedd(site, "build")
    noted.told()
    (site.feeds / "all.atom").unlink()
    feedd(site, "build")
    assert noted.told() == {"all.atom"}


def test_an_unpublished_article_is_told_of_by_nothing(noted: Noted) -> None:
    site = noted.site
    site.story("a.md")
    feedd(site, "build")
    noted.told()
    site.story("secret.md", topics=["Secret"], published=False)
    site.story("later.md", topics=["Later"], publishedDateTime="2999-01-01T00:00:00Z")
    feedd(site, "build")
    assert noted.starts() == []


# feedd run


def test_a_publication_starts_the_command(noted: Noted) -> None:
    site = noted.site
    site.story("a.md")
    with running(site) as inbox:
        eventually(lambda: waiting(inbox) == 0)
        assert noted.told() == set(site.documents())
        before = site.documents()
        site.story("b.md")
        eventually(noted.starts)
        eventually(lambda: waiting(inbox) == 0)
        assert noted.told() == changed(before, site.documents())


def test_a_command_that_hangs_delays_no_publication_and_no_end(noted: Noted) -> None:
    site = noted.site
    noted.does("trap '' TERM\nwhile :; do sleep 600; done\n")
    site.story("a.md")
    with running(site) as inbox:
        eventually(noted.starts)
        site.story("b.md")
        eventually(lambda: "b" in site.titles())
        status = asked(inbox, "status")["status"]
        assert (status["hook"]["runs"], status["degraded"]) == (True, False)
        assert status["hook"]["waiting"] == len(site.documents())
    assert len(noted.starts()) == 1
    noted.does("")
    with running(site) as inbox:
        eventually(lambda: waiting(inbox) == 0)
    assert set(noted.starts()[1]) == set(site.documents())


def test_a_failure_is_a_problem_until_it_is_none(noted: Noted, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "feedd")
    site, gate = noted.site, noted.site.folder / "gate"
    noted.does(f'echo "to $FEEDD_FEEDS_URL"\necho "no way" >&2\ntest -e {gate}\n')
    site.story("a.md")
    with running(site) as inbox:
        eventually(lambda: asked(inbox, "status")["status"]["degraded"])
        status = asked(inbox, "status")["status"]
        assert status["hook"]["error"] == "ended with exit code 1"
        assert status["hook"]["waiting"] == len(site.documents())
        assert f"{noted.script} ended with exit code 1" in status["reasons"][0]
        gate.touch()
        site.now += 7  # it rests for 5 seconds at the most
        eventually(lambda: not asked(inbox, "status")["status"]["degraded"])
        assert waiting(inbox) == 0
    told = [(one.levelname, one.getMessage(), getattr(one, "fields", {})) for one in caplog.records]
    assert ("INFO", "hook-says", {"line": "to https://news.example/feeds/"}) in told
    assert ("WARNING", "hook-says", {"line": "no way"}) in told
    assert [fields["kind"] for _, event, fields in told if event == "problem"] == ["hook-fails"]
    assert [fields["kind"] for _, event, fields in told if event == "over"] == ["hook-fails"]


def test_a_reload_takes_another_command(noted: Noted) -> None:
    site = noted.site
    noted.does("exit 1\n")
    site.story("a.md")
    with running(site) as inbox:
        eventually(lambda: asked(inbox, "status")["status"]["degraded"])
        site.configure(f'{noted.settings}\n[hooks]\ncommand = ["cp", "/dev/stdin", "{site.folder}/copy"]\n')
        asked(inbox, "reload")
        eventually(lambda: waiting(inbox) == 0)
        assert not asked(inbox, "status")["status"]["degraded"]
        assert set((site.folder / "copy").read_text().splitlines()) == set(site.documents())
        site.configure(noted.settings)
        asked(inbox, "reload")
        assert asked(inbox, "status")["status"]["hook"] is None


def test_what_was_under_way_when_the_daemon_was_killed_is_told_by_the_next(noted: Noted, tmp_path: Path) -> None:
    site = noted.site
    noted.does(f"echo $$ > {tmp_path}/process\nexec sleep 600\n")
    site.story("a.md")
    with Service(site.file, tmp_path) as service:
        service.wait_for("READY=1")
        eventually((tmp_path / "process").exists)
        process = int(eventually_read(tmp_path / "process"))
        service.process.send_signal(signal.SIGKILL)
        service.process.wait()
        eventually(lambda: not Path(f"/proc/{process}").exists() or state_of(process) == "Z")  # it died as well
    assert noted.told() == set(site.documents())
    noted.does("")
    with Service(site.file, tmp_path) as service:
        service.wait_for("READY=1")
        eventually(noted.starts)
        eventually(lambda: "was told of all changes" in feedd(site, "status").output)
        assert noted.told() == set(site.documents())
        assert service.stop() == 0


def eventually_read(path: Path) -> str:
    eventually(path.read_text)
    return path.read_text()


def state_of(process: int) -> str:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "Z"


def test_a_command_that_does_not_end_delays_the_end_by_a_moment(noted: Noted, tmp_path: Path) -> None:
    noted.does("trap '' TERM\nwhile :; do sleep 600; done\n")
    noted.site.story("a.md")
    with Service(noted.site.file, tmp_path) as service:
        service.wait_for("READY=1")
        eventually(noted.starts)
        assert service.stop(timeout=5) == 0


def test_a_command_of_a_service_inherits_nothing_of_it(noted: Noted, tmp_path: Path) -> None:
    site = noted.site
    site.configure(f'{noted.settings}\n[server]\nlisten = "{tmp_path}/http.sock"\n[hooks]\ncommand = ["./hook"]\n')
    noted.does(f"{{ env; ls -l /proc/self/fd; grep ^SigBlk /proc/self/status; }} > {tmp_path}/part2; "
               f"mv {tmp_path}/part2 {tmp_path}/inherited\n")  # fmt: skip
    site.story("a.md")
    with Service(site.file, tmp_path, CREDENTIALS_DIRECTORY="/run/credentials/x", SECRET="s") as service:
        service.wait_for("READY=1")
        eventually((tmp_path / "inherited").exists)
        assert service.stop() == 0
    inherited = (tmp_path / "inherited").read_text()
    assert "FEEDD_OUTPUT=" in inherited
    for other in ("NOTIFY_SOCKET", "CREDENTIALS", "SECRET", "socket:", "anon_inode", str(site.state)):
        assert other not in inherited
    assert "SigBlk:\t0000000000000000" in inherited


def test_the_process_that_serves_inherits_nothing_of_a_command(noted: Noted, tmp_path: Path) -> None:
    site = noted.site
    site.configure(f'{noted.settings}\n[server]\nlisten = "{tmp_path}/http.sock"\n[hooks]\ncommand = ["./hook"]\n')
    noted.does("exec sleep 600\n")
    site.story("a.md")
    with Service(site.file, tmp_path) as service:
        service.wait_for("READY=1")
        eventually(noted.starts)
        children = Path(f"/proc/{service.process.pid}/task")
        serving = [
            int(one) for task in children.iterdir() for one in (task / "children").read_text().split()
            if b"feedd.serve" in Path(f"/proc/{one}/cmdline").read_bytes()
        ]  # fmt: skip
        assert len(serving) == 1
        service.process.send_signal(signal.SIGHUP)
        (process,) = serving
        held = {str(path.readlink()) for path in Path(f"/proc/{process}/fd").iterdir()}
        assert not any("memfd" in one or "documents" in one for one in held)
        assert service.stop() == 0


# Crashes


class Killed(Directory):
    """An output directory whose process dies when all documents are in their places, and none is remembered."""

    def settle(self) -> None:
        raise KeyboardInterrupt


def test_documents_that_a_killed_run_put_into_their_places_are_told_of(noted: Noted) -> None:
    site = noted.site
    site.story("a.md")
    feedd(site, "build")
    noted.told()
    before = site.documents()
    site.story("a.md", title="Another title")
    site.story("b.md", topics=["New"])
    with pytest.raises(KeyboardInterrupt):
        site.build(directory=Killed(site.feeds, sync=no_sync))
    assert site.build().written == ()
    feedd(site, "build")
    assert noted.told() == changed(before, site.documents())


def test_a_state_that_is_lost_loses_no_change(noted: Noted) -> None:
    site = noted.site
    site.story("a.md")
    feedd(site, "build")
    noted.told()
    shutil.rmtree(site.state)
    site.story("b.md", topics=["New"])
    before = site.documents()
    feedd(site, "build")
    assert noted.told() >= changed(before, site.documents())


# feedd build


def test_a_build_tells_what_others_left(noted: Noted) -> None:
    noted.site.story("a.md")
    assert feedd(noted.site, "build", "--no-hooks").exit_code == 0
    assert noted.starts() == []
    assert feedd(noted.site, "build").exit_code == 0
    assert noted.told() == set(noted.site.documents())


def test_a_run_tells_what_a_build_left(noted: Noted) -> None:
    noted.site.story("a.md")
    feedd(noted.site, "build", "--no-hooks")
    with running(noted.site) as inbox:
        eventually(lambda: waiting(inbox) == 0)
    assert noted.told() == set(noted.site.documents())


def test_a_rehearsal_starts_nothing(noted: Noted) -> None:
    noted.site.story("a.md")
    feedd(noted.site, "build")
    noted.told()
    noted.site.story("b.md")
    assert "would write" in feedd(noted.site, "build", "--dry-run").output
    assert noted.starts() == []


def test_a_build_whose_command_fails_is_fine_and_says_so(noted: Noted) -> None:
    noted.does('echo "no way" >&2\nexit 3\n')
    noted.site.story("a.md")
    built = feedd(noted.site, "build")
    assert built.exit_code == 0
    assert "hook: no way\n" in built.stderr
    assert f"warning: hooks.command: {noted.script} ended with exit code 3" in built.stderr
    problems = json.loads(feedd(noted.site, "build", "--json").stdout)["problems"]
    assert [problem["kind"] for problem in problems] == ["hook-fails"]
    noted.does("")
    assert feedd(noted.site, "build").stderr == ""


def test_a_build_that_is_interrupted_ends_its_command(noted: Noted, tmp_path: Path) -> None:
    noted.does(f"echo $$ > {tmp_path}/process\nexec sleep 600\n")
    noted.site.story("a.md")
    build = [sys.executable, "-m", "feedd", "build", "--config", str(noted.site.file)]
    with subprocess.Popen(build, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        eventually((tmp_path / "process").exists)
        command = int(eventually_read(tmp_path / "process"))
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
    assert state_of(command) == "Z"
    noted.does("")
    feedd(noted.site, "build")
    assert set(noted.starts()[1]) == set(noted.site.documents())


def test_a_build_without_hooks_does_not_import_them(site: Site) -> None:
    site.story("a.md")
    script = (
        "import sys; from feedd.cli import main\n"
        f"try: main(['build', '--config', {str(site.file)!r}])\n"
        "finally: print(sorted({'feedd.service.hook', 'feedd.publish.command'} & sys.modules.keys()))"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"


# The documentation

HANDBOOK = (Path(__file__).parent.parent / "config" / "README.md").read_text(encoding="utf-8")
(SCRIPT,) = re.findall(r"^```shell\n(.*?)^```$", HANDBOOK, re.MULTILINE | re.DOTALL)


class Cache:
    """What stands before the feeds, on loopback: `purged` are the paths that it was told to forget, to which it answers
    with `status`.
    """

    def __init__(self) -> None:
        self.purged: list[str] = []
        self.status = 200
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/feeds/"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def __enter__(self) -> "Cache":
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(cache) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            def do_PURGE(self) -> None:
                cache.purged.append(self.path.removeprefix("/feeds/"))
                self.send_response(cache.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nobody reads it."""

        return Handler


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
def test_the_script_of_the_documentation_works_as_it_stands(site: Site) -> None:
    (site.folder / "purge").write_text(SCRIPT)
    (site.folder / "purge").chmod(0o755)
    with Cache() as cache:
        site.configure('[hooks]\ncommand = ["./purge"]\n')
        text = site.file.read_text(encoding="utf-8")
        site.file.write_text(text.replace("https://news.example/feeds/", cache.url), encoding="utf-8")
        site.story("a.md")
        cache.status = 503
        failed = feedd(site, "build")
        assert "ended with exit code 1" in failed.stderr
        assert "503" in failed.stderr
        assert len(set(cache.purged)) == len(site.documents())
        cache.status = 200
        cache.purged.clear()
        assert feedd(site, "build").stderr == ""
    assert sorted(cache.purged) == sorted(site.documents())
