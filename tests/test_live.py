"""The live view of `feedd status`: on a real terminal, of a real daemon, over resizes, restarts and ways to end it."""

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedd.live import cut, picture
from feedd.testing import Service, Site, Terminal, eventually

ENTER, LEAVE = "\x1b[?1049h", "\x1b[?1049l"
FRAME = re.compile("\x1b\\[\\?2026h\x1b\\[H(.*?)\x1b\\[K\x1b\\[J\x1b\\[\\?2026l", re.DOTALL)
LOOK = re.compile("\x1b\\[[0-9;]*m")
SWITCH = re.compile("\x1b\\[\\?[0-9]+[hl]")


def lines(terminal: Terminal) -> list[str]:
    """What is on the screen, without looks; nothing before the first picture."""
    frames: list[str] = FRAME.findall(terminal.said)
    return LOOK.sub("", frames[-1]).replace("\r", "").replace("\x1b[K", "").split("\n") if frames else [""]


def text(terminal: Terminal) -> str:
    return "\n".join(lines(terminal))


def command(site: Site, *options: str) -> list[str]:
    return [sys.executable, "-m", "feedd", "status", "--config", str(site.file), *options]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path, '[watch]\nquiet = "0ms"\n')
    site.story("first.md")
    return site


@contextmanager
def watching(site: Site, every: str = "0.1") -> Iterator[Terminal]:
    with Terminal(*command(site, f"--watch={every}")) as terminal:
        eventually(lambda: lines(terminal)[0], 40)
        yield terminal


# --- A picture ---


@given(st.text(), st.integers(0, 40))
def test_a_cut_line_is_no_longer_than_there_is_room(line: str, columns: int) -> None:
    short = cut(line, columns)

    assert short == line or (short == "" and columns == 0) or (short[-1] == "…" and line.startswith(short[:-1]))
    if line.isascii():
        assert len(short) == min(len(line), columns)


def test_wide_letters_take_two_columns_and_marks_none() -> None:
    assert cut("東京タワー", 10) == "東京タワー"
    assert cut("東京タワー", 9) == "東京タワ…"
    assert cut("東京タワー", 8) == "東京タ…"
    assert cut("e\u0301e\u0301e\u0301", 3) == "e\u0301e\u0301e\u0301"


def test_picture_of_too_many_lines_says_how_many_there_are_more() -> None:
    frame = FRAME.fullmatch(picture([str(number) for number in range(10)], 80, 4))

    assert frame
    assert frame[1].split("\x1b[K\r\n") == ["0", "1", "2", "… and 7 more lines"]


# --- On a terminal ---


def test_status_is_kept_up_to_date_in_its_place(site: Site) -> None:
    with Service(site.file, site.folder) as service, watching(site) as terminal:
        service.wait_for("READY=1")
        eventually(lambda: "1 article public in 3 feeds" in text(terminal))
        assert lines(terminal)[0].endswith(" is ready")
        site.story("second.md")
        eventually(lambda: "2 articles public in 3 feeds" in text(terminal))

    assert terminal.said.count(ENTER) == 1
    assert "\x1b[2J" not in terminal.said  # the screen is never empty in between


def test_daemon_that_is_away_is_told_of_and_found_again(site: Site) -> None:
    with watching(site) as terminal:
        assert lines(terminal)[0].startswith("feedd does not run: nobody answers there.")
        assert lines(terminal)[1].startswith(f"It is asked again every 0.1 s, at {site.folder}"[:90])
        with Service(site.file, site.folder) as service:
            eventually(lambda: lines(terminal)[0].endswith(" is ready"))
            assert service.stop() == 0
        eventually(lambda: lines(terminal)[0].startswith("feedd does not run"))
        assert re.fullmatch(r"How it was (now|\d+ s ago):", lines(terminal)[3])
        assert "1 article public in 3 feeds" in text(terminal)
        with Service(site.file, site.folder):
            eventually(lambda: lines(terminal)[0].endswith(" is ready"))


def test_picture_fits_the_window_whatever_its_size_becomes(site: Site) -> None:
    with Service(site.file, site.folder) as service, watching(site, "3600") as terminal:
        service.wait_for("READY=1")
        terminal.resize(40, 5)
        eventually(lambda: len(lines(terminal)) == 5 and lines(terminal)[-1].endswith("more lines"))
        assert max(map(len, lines(terminal))) < 40
        assert any(line.endswith("…") for line in lines(terminal))
        terminal.resize(200, 50)
        eventually(lambda: any("settings" in line and line.endswith(")") for line in lines(terminal)))


@pytest.mark.parametrize("kind", ["", "dumb"])
def test_terminal_that_can_do_nothing_gets_texts_one_after_the_other(site: Site, kind: str) -> None:
    with Terminal(*command(site, "--watch=0.1"), kind=kind) as terminal:
        eventually(lambda: terminal.said.count("feedd does not run: nobody answers there.") > 1, 40)

    assert "\x1b" not in terminal.said


WAYS = {"Ctrl-C": "\x03", "q": "q", "SIGTERM": signal.SIGTERM, "SIGHUP": signal.SIGHUP}


@pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))
def test_terminal_is_left_as_it_was_however_it_ends(site: Site, way: str | signal.Signals) -> None:
    with watching(site, "3600") as terminal:
        assert terminal.settings != terminal.before
        if isinstance(way, signal.Signals):
            terminal.process.send_signal(way)
        else:
            terminal.type(f"x{way}")  # of which the first means nothing
        assert terminal.process.wait(10) == 0
        eventually(lambda: terminal.said.endswith(LEAVE))
        assert terminal.settings == terminal.before

    assert "\x1b[?25h" in terminal.said
    assert SWITCH.sub("", FRAME.sub("", terminal.said)) == ""  # nothing that was typed is on the screen


@pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash")
def test_it_can_be_suspended_and_goes_on(site: Site) -> None:
    with Terminal("bash", "--norc", "--noprofile", "-i") as terminal:
        terminal.type(f"{' '.join(command(site, '--watch=3600'))}; echo it is $((6 * 7))\n")
        eventually(lambda: FRAME.search(terminal.said), 40)
        terminal.type("\x1a")
        eventually(lambda: "Stopped" in terminal.said)
        assert terminal.said.count(LEAVE) == 1
        frames = len(FRAME.findall(terminal.said))
        terminal.type("fg\n")
        eventually(lambda: len(FRAME.findall(terminal.said)) > frames)
        assert terminal.said.count(ENTER) == 2
        terminal.type("q")
        eventually(lambda: terminal.said.count(LEAVE) == 2)


@pytest.mark.skipif(not shutil.which("tmux"), reason="there is no tmux")
def test_a_terminal_of_others_shows_it(site: Site) -> None:
    server = ["tmux", "-u", "-f", "/dev/null", "-S", str(site.folder / "tmux")]

    def tmux(*arguments: str) -> str:
        return subprocess.run([*server, *arguments], capture_output=True, text=True, check=True, timeout=20).stdout

    def screen() -> list[str]:
        return tmux("capture-pane", "-p").splitlines()

    with Service(site.file, site.folder) as service:
        service.wait_for("READY=1")
        tmux("new-session", "-d", "-x", "60", "-y", "12", *command(site, "--watch=0.2"))
        try:
            eventually(lambda: any("1 article public in 3 feeds" in line for line in screen()), 40)
            shown = screen()
            assert shown[0].endswith(" is ready")
            assert len(shown) == 12
            assert all(line.startswith("  ") for line in shown[1:] if line)
            service.stop()
            eventually(lambda: screen()[0].startswith("feedd does not run"))
            assert screen()[0][58] == "…"
        finally:
            tmux("kill-server")


# --- Elsewhere ---


@contextmanager
def piped(site: Site, *options: str) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(command(site, *options), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with process:
        try:
            yield process
        finally:
            process.kill()


def test_without_a_terminal_texts_follow_each_other(site: Site) -> None:
    with Service(site.file, site.folder) as service, piped(site, "--watch=0.1") as process:
        service.wait_for("READY=1")
        assert process.stdout
        heads = (line for line in process.stdout if line.startswith("feedd") and line.endswith(" is ready\n"))
        assert next(heads) == next(heads)
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=20)

    assert (process.returncode, errors) == (0, "")
    assert "\x1b" not in rest


@pytest.mark.parametrize("form", ["--json", "--line"])
def test_for_programs_there_is_a_line_each_time_also_without_a_daemon(site: Site, form: str) -> None:
    with piped(site, "--watch=0.1", form) as process:
        assert process.stdout
        away = process.stdout.readline()
        with Service(site.file, site.folder):
            ready = '"state":"ready"' if form == "--json" else "state=ready "
            here = next(line for line in process.stdout if ready in line)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=20)[1] == ""

    assert process.returncode == 0
    if form == "--json":
        assert json.loads(away)["problems"][0]["kind"] == "not-running"
        assert json.loads(here)["status"]["public"] == 1
    else:
        assert away.startswith("state=absent why='feedd does not run")
        assert here.startswith("state=ready degraded=no public=1 ")


def test_reader_that_goes_away_ends_it(site: Site) -> None:
    with piped(site, "--watch=0.1") as process:
        assert process.stdout
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(20) == 141


@pytest.mark.parametrize("seconds", ["0", "-1", "soon", "nan"])
def test_what_is_no_time_to_wait_is_refused(site: Site, seconds: str) -> None:
    done = subprocess.run(command(site, f"--watch={seconds}"), capture_output=True, text=True, timeout=20, check=False)

    assert done.returncode == 2
