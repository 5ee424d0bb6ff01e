"""The commands as people and programs use them: what is said where, the exit codes, and what every mistake gets."""

import contextlib
import io
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from feedd import __version__
from feedd.cli import COMMANDS, main
from feedd.testing import Site, article, running
from feedd.workers import FEW

ABOUT_ITSELF = {"schema", "completion", "man"}
CONFIGURED = [command for command in COMMANDS if command not in ABOUT_ITSELF | {"init"}]
ANSWERING = [command for command in CONFIGURED if command not in {"run", "serve", "print-config"}]
"""The others log, or print what a program reads already."""
RUNS = ["build", "check", "explain"]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site with one published article."""
    site = Site(tmp_path)
    site.story("news/first.md", "The first", topics=["AI"])
    return site


def feedd(*arguments: str, env: dict[str, str | None] | None = None) -> Result:
    """A command in this process. A bug, which is an exception other than the exit, is raised."""
    return CliRunner().invoke(main, arguments, env={"FEEDD_CONFIG": None, **(env or {})}, catch_exceptions=False)


def on(site: Site, command: str, *arguments: str) -> Result:
    return feedd(command, "--config", str(site.file), *arguments)


def files(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Bytes and times of everything below a folder."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns) for path in found}


def process(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own whose output is no terminal."""
    command = [sys.executable, "-m", "feedd", *arguments]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=50, check=False)


class Terminal:
    """A command in a process of its own on a terminal; `screen` is what it has shown."""

    def __init__(self, *arguments: str) -> None:
        self.screen = ""
        self.pid, self._end = pty.fork()
        if self.pid == 0:
            os.execv(sys.executable, [sys.executable, "-m", "feedd", *arguments])

    def read(self, until: str = "") -> None:
        """Read until something like that is on the screen, or without it until the command ends."""
        while not (until and re.search(until, self.screen)):
            try:
                data = os.read(self._end, 65536)
            except OSError:  # Linux says so when the other end is closed
                data = b""
            if not data:
                return
            self.screen += data.decode()

    def press_ctrl_c(self) -> None:
        os.write(self._end, b"\x03")

    def exit_code(self) -> int:
        self.read()
        os.close(self._end)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


class Screen(io.StringIO):
    """Takes for standard error what a terminal would take; Ctrl-C is pressed when it is written to for the nth time."""

    def __init__(self, ctrl_c_at: int = 0) -> None:
        super().__init__()
        self.ctrl_c_in = ctrl_c_at

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        super().write(text)
        self.ctrl_c_in -= 1
        if self.ctrl_c_in == 0:
            raise KeyboardInterrupt
        return len(text)


def on_screen(screen: Screen, *arguments: str) -> int | str | None:
    """The exit code of a command in this process that shows its progress on that screen."""
    with contextlib.redirect_stderr(screen), contextlib.redirect_stdout(io.StringIO()):
        try:
            main(arguments)
        except SystemExit as stop:
            return stop.code
    return None


# --- Help ---


def test_version() -> None:
    assert feedd("--version").output == f"feedd, version {__version__}\n"


def test_help_lists_every_command_with_a_whole_sentence() -> None:
    listed = dict(re.findall(r"^  ([\w-]+) +(\S.*)$", feedd("--help").output.partition("Commands:")[2], re.MULTILINE))

    assert list(listed) == list(COMMANDS)
    assert [name for name, says in listed.items() if not says.endswith(".") or says.endswith("...")] == []


def test_help_names_the_exit_codes() -> None:
    said = " ".join(feedd("--help").output.split())

    assert "Exit codes: 0 fine, 1 done but with problems in the content or the output, 2 wrong usage, 78 wrong" in said


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_has_an_example_of_it(command: str) -> None:
    result = feedd(command, "--help")

    assert result.exit_code == 0
    assert f"Example: feedd {command}" in result.output


@pytest.mark.parametrize("command", ANSWERING)
def test_help_of_a_command_names_the_options_that_all_have(command: str) -> None:
    assert all(option in feedd(command, "--help").output for option in ("--config", "--json", "--help"))


# --- build ---


def test_build_says_in_one_line_what_it_did(site: Site) -> None:
    result = on(site, "build")

    said = r"built: 1 file read, 1 article public in 3 feeds \(1 came\), 9 documents written, \d+\.\d\d s\n"
    assert re.fullmatch(said, result.stdout)
    assert result.stderr == ""
    assert result.exit_code == 0


def test_build_without_news_writes_nothing(site: Site) -> None:
    on(site, "build")
    before = files(site.feeds)
    result = on(site, "build")

    assert "1 article public in 3 feeds, 0 documents written" in result.stdout
    assert files(site.feeds) == before


def test_build_takes_up_edits_between_two_runs(site: Site) -> None:
    on(site, "build")
    site.story("news/second.md", "The second", topics=["AI"])

    assert "2 articles public in 3 feeds (1 came), 9 documents written" in on(site, "build").stdout


def test_build_takes_back_what_is_deleted(site: Site) -> None:
    second = site.story("news/second.md", "The second")
    on(site, "build")
    second.unlink()

    assert "1 article public in 3 feeds (1 left), 9 documents written" in on(site, "build").stdout
    assert b"The second" not in site.documents()["all.atom"]


def test_build_json_is_for_programs(site: Site) -> None:
    site.write("news/broken.md", article("Broken", publishedDateTime="2024-02-30"))
    result = on(site, "build", "--json")
    report = json.loads(result.stdout)

    assert result.exit_code == 1
    assert result.stderr == ""
    assert report["files"] == {"article": 1, "broken": 1}
    assert (report["read"], report["public"], report["feeds"], report["withheld"]) == (2, 1, 3, 0)
    assert sorted(report["written"]) == sorted(site.documents())
    (problem,) = report["problems"]
    assert (problem["kind"], problem["file"], problem["line"]) == ("bad-date", "news/broken.md", 4)
    assert (problem["field"], problem["severity"]) == ("publishedDateTime", "error")
    assert problem["remedy"]


def test_build_says_how_many_articles_came_changed_and_left(site: Site) -> None:
    site.story("leaves.md")
    on(site, "build")
    (site.content / "leaves.md").unlink()
    site.story("news/first.md", "The first, revised", topics=["AI"])
    site.story("comes.md")
    site.story("comes-too.md")

    assert "3 articles public in 3 feeds (2 came, 1 changed, 1 left), 9 documents" in on(site, "build").stdout


def test_build_json_names_the_articles_that_came_changed_and_left(site: Site) -> None:
    site.story("leaves.md")
    on(site, "build")
    site.story("leaves.md", published=False)
    site.story("news/first.md", "The first, revised", topics=["AI"])
    site.story("comes.md")
    report = json.loads(on(site, "build", "--json").stdout)

    assert {name: report[name] for name in ("came", "changed", "left")} == {
        "came": ["tag:news.example,2020:articles/comes"],
        "changed": ["tag:news.example,2020:articles/first"],
        "left": ["tag:news.example,2020:articles/leaves"],
    }


def test_build_says_nothing_of_articles_that_were_never_public(site: Site) -> None:
    site.story("marsupial.md", published=False)
    site.story("wombat.md", publishedDateTime="2099-01-01T00:00:00Z")
    said = [on(site, "build", *form).output for form in ((), ("--json",), ("--dry-run",))]

    assert [words for words in ("marsupial", "wombat", "2 came") if any(words in text for text in said)] == []


def test_build_json_tells_when_something_changes_by_itself(site: Site) -> None:
    site.story("news/later.md", publishedDateTime="2099-01-01T00:00:00Z", webUrl="https://source.example/later")

    assert json.loads(on(site, "build", "--json").stdout)["due"] == 4070908800


def test_dry_run_writes_nothing(site: Site, tmp_path: Path) -> None:
    before = files(tmp_path)
    result = on(site, "build", "--dry-run")

    assert files(tmp_path) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["content", "feedd.toml"]
    assert "would write all.atom\n" in result.stdout
    assert "would write topics/ai.json\n" in result.stdout
    assert "rehearsed: 1 file read, 1 article public in 3 feeds (1 came), 9 documents to write" in result.stdout
    assert result.exit_code == 0


def test_dry_run_after_a_build_names_exactly_what_an_edit_would_change(site: Site) -> None:
    site.story("news/second.md", "The second", topics=["Robots"], provider={"domain": "other.example"})
    on(site, "build")
    before = files(site.folder)
    site.story("news/third.md", "The third", topics=["AI"])
    result = on(site, "build", "--dry-run", "--json")

    assert sorted(json.loads(result.stdout)["written"]) == [
        f"{feed}.{suffix}"
        for feed in ("all", "providers/source.example", "topics/ai")
        for suffix in ("atom", "json", "rss")
    ]
    assert {path: data for path, data in files(site.folder).items() if path != "content/news/third.md"} == before


def test_mass_withdrawal_waits_for_approval(site: Site) -> None:
    for number in range(11):
        site.story(f"more/{number}.md")
    on(site, "build")
    before = files(site.feeds)
    for path in (site.content / "more").iterdir():
        path.unlink()
    refused = on(site, "build")

    assert refused.exit_code == 1
    assert "11 of 12 published articles would leave the feeds at once" in refused.stderr
    assert "feedd build --approve" in refused.stderr
    assert files(site.feeds) == before

    approved = on(site, "build", "--approve")

    assert approved.exit_code == 0
    assert "1 article public in 3 feeds (11 left), 9 documents written" in approved.stdout
    assert site.documents()["all.atom"].count(b"<entry>") == 1


def test_build_lists_twenty_problems_and_names_the_command_for_the_rest(site: Site) -> None:
    for number in range(25):
        site.write(f"broken/{number}.md", "---\ntitle: x\n")
    lines = on(site, "build").stderr.splitlines()

    assert len(lines) == 21
    assert lines[-1] == "… and 5 more: `--json` shows all"


def test_errors_are_said_before_warnings(site: Site) -> None:
    for number in range(3):
        site.write(f"naive/{number}.md", article(f"{number}", publishedDateTime="2024-05-01 08:00:00"))
    site.write("broken.md", "---\ntitle: x\n")
    said = [line.partition(":")[0] for line in on(site, "build").stderr.splitlines()]

    assert said == ["error", "warning", "warning", "warning"]


# --- Exit codes and configuration ---


def _break_an_article(site: Site) -> None:
    site.write("broken.md", "---\ntitle: x\n")


def _say_no_zone(site: Site) -> None:
    site.write("naive.md", article("Naive", publishedDateTime="2024-05-01 08:00:00"))


def _misspell_a_key(site: Site) -> None:
    site.configure("[output]\nlimitt = 3\n")


def _write_no_toml(site: Site) -> None:
    site.file.write_text("[site\n")


def _save_in_utf16(site: Site) -> None:
    site.file.write_bytes("[site]\n".encode("utf-16"))


def _take_away_the_configuration(site: Site) -> None:
    site.file.unlink()


def _put_a_folder_in_its_place(site: Site) -> None:
    site.file.unlink()
    site.file.mkdir()


def _take_away_the_content(site: Site) -> None:
    site.content.rename(site.folder / "elsewhere")


def _put_a_file_in_place_of_the_output(site: Site) -> None:
    site.feeds.write_text("mine")


def _put_a_file_in_place_of_the_state(site: Site) -> None:
    site.state.write_text("mine")


def _put_a_file_above_the_output(site: Site) -> None:
    (site.folder / "file").write_text("mine")
    site.configure('[output]\npath = "file/feeds"\n')


@pytest.mark.parametrize(
    ("mistake", "exit_code", "says"),
    [
        pytest.param(lambda site: None, 0, "", id="none"),
        pytest.param(_say_no_zone, 0, "warning: naive.md:4: publishedDateTime: has no time zone", id="warning"),
        pytest.param(
            _break_an_article, 1, "error: broken.md:1: front matter has no closing fence", id="broken article"
        ),
        pytest.param(_take_away_the_content, 1, "content.path: cannot be listed", id="no content directory"),
        pytest.param(
            _put_a_file_in_place_of_the_output, 1, "output.path: cannot be used: File exists", id="output is a file"
        ),
        pytest.param(
            _put_a_file_above_the_output, 1, "output.path: cannot be used: Not a directory", id="output is below a file"
        ),
        pytest.param(_put_a_file_in_place_of_the_state, 1, "state.path", id="state is a file"),
        pytest.param(_put_a_folder_in_its_place, 78, "Is a directory", id="configuration is a directory"),
        pytest.param(_take_away_the_configuration, 78, "does not exist", id="no configuration"),
        pytest.param(_misspell_a_key, 78, "feedd.toml:6: output.limitt: is not a known key", id="unknown key"),
        pytest.param(_write_no_toml, 78, "feedd.toml:1", id="no TOML"),
        pytest.param(_save_in_utf16, 78, "is UTF-16, not UTF-8", id="no UTF-8"),
    ],
)
def test_build_exit_code_and_message_for(
    mistake: Callable[[Site], object], exit_code: int, says: str, site: Site
) -> None:
    mistake(site)
    result = on(site, "build")

    assert says in result.stderr
    assert bool(result.stderr) == bool(says)
    assert result.exit_code == exit_code


@pytest.mark.parametrize(
    "mistake",
    [_put_a_file_in_place_of_the_output, _put_a_file_above_the_output, _put_a_file_in_place_of_the_state],
    ids=["output", "above the output", "state"],
)
def test_file_where_a_directory_belongs_is_left_alone(mistake: Callable[[Site], object], site: Site) -> None:
    mistake(site)
    mine = {path for path in site.folder.iterdir() if path.is_file() and path != site.file}
    on(site, "build")

    assert {path.read_text() for path in mine} == {"mine"}


def test_state_that_cannot_be_kept_costs_no_feed(site: Site) -> None:
    _put_a_file_in_place_of_the_state(site)
    on(site, "build")

    assert b"The first" in site.documents()["all.atom"]


def test_content_that_is_gone_takes_nothing_out_of_the_feeds(site: Site) -> None:
    on(site, "build")
    before = files(site.feeds)
    _take_away_the_content(site)

    assert on(site, "build").exit_code == 1
    assert files(site.feeds) == before


@pytest.mark.parametrize("command", [("build",), ("check",), ("explain", "first")], ids=RUNS)
def test_every_problem_of_a_configuration_is_shown_at_once(command: tuple[str, ...], site: Site) -> None:
    site.configure('[output]\nlimit = 0\nformat = ["atom"]\n')
    result = on(site, *command)

    assert result.exit_code == 78
    assert [re.search(r"feedd\.toml:\d+: [\w.]+", line)[0] for line in result.output.splitlines()] == [  # type: ignore[index]
        "feedd.toml:6: output.limit",
        "feedd.toml:7: output.format",
    ]
    assert "Did you mean formats?" in result.output


@pytest.mark.parametrize(
    "arguments",
    [("build", "--fast"), ("publish",), ("explain",), ("build", "extra")],
    ids=["unknown option", "unknown command", "no article", "one argument too many"],
)
def test_wrong_usage_exits_with_2_and_names_the_help(arguments: tuple[str, ...]) -> None:
    result = feedd(*arguments)

    assert result.exit_code == 2
    assert "--help" in result.stderr


def test_configuration_is_taken_from_the_environment(site: Site) -> None:
    assert feedd("build", env={"FEEDD_CONFIG": str(site.file)}).exit_code == 0
    assert "all.atom" in site.documents()


@pytest.mark.parametrize("command", CONFIGURED)
def test_help_of_a_command_names_the_environment_variable(command: str) -> None:
    assert "FEEDD_CONFIG" in feedd(command, "--help").stdout


def test_option_beats_the_environment(site: Site) -> None:
    result = feedd("build", "--config", str(site.file), env={"FEEDD_CONFIG": str(site.folder / "other.toml")})

    assert result.exit_code == 0


def test_configuration_is_looked_for_here_otherwise(site: Site) -> None:
    with contextlib.chdir(site.folder):
        assert feedd("build").exit_code == 0
    with contextlib.chdir(site.content):
        assert feedd("build").exit_code == 78


# --- check ---


def test_check_of_a_sound_site_says_how_many_files_there_are(site: Site) -> None:
    site.write("note.md", "Just a note.")
    result = on(site, "check")

    assert result.stdout == "files: 1 article, 1 skipped; problems: none\n"
    assert result.stderr == ""
    assert result.exit_code == 0


def test_check_writes_nothing(site: Site) -> None:
    before = files(site.folder)
    on(site, "check")

    assert files(site.folder) == before
    assert sorted(path.name for path in site.folder.iterdir()) == ["content", "feedd.toml"]


def test_check_lists_all_problems_and_counts_them_by_kind(site: Site) -> None:
    for number in range(25):
        site.write(f"broken/{number}.md", "---\ntitle: x\n")
    site.write("naive.md", article("Naive", publishedDateTime="2024-05-01 08:00:00"))
    result = on(site, "check")

    *problems, counts = result.stdout.splitlines()
    assert len([line for line in problems if line.startswith(" ")]) == 26
    assert counts == (
        "files: 25 broken, 2 articles; problems: 25 errors, 1 warning: 25 no-closing-fence, 1 naive-date."
        " Mend the errors first: what they name is left out or not done."
    )
    assert result.stderr == ""
    assert result.exit_code == 1


def test_check_groups_problems_by_file_errors_first(site: Site) -> None:
    for number in range(2):
        site.write(f"{number}.md", article(f"n{number}", publishedDateTime="2024-05-01 08:00:00", published="so"))
    site.write("broken.md", "---\ntitle: x\n")

    assert re.findall(r"^(?:\S.*|.*\[[\w-]+\])$", on(site, "check").stdout, re.MULTILINE)[:-1] == [
        "broken.md",
        "  1  error       front matter has no closing fence. End it with a line of three dashes. [no-closing-fence]",
        "0.md",
        "  4  warning     publishedDateTime: has no time zone, read as UTC."
        " Write it as 2024-05-31T09:30:00Z. [naive-date]",
        "  6  warning     published: is not true or false, so the article is not published. Write `published: true` to"
        " publish it, `published: false` to say that it is not. [published-not-boolean]",
        "1.md",
        "  4  warning     publishedDateTime: has no time zone, read as UTC."
        " Write it as 2024-05-31T09:30:00Z. [naive-date]",
        "  6  warning     published: is not true or false, so the article is not published. Write `published: true` to"
        " publish it, `published: false` to say that it is not. [published-not-boolean]",
    ]


def test_check_finds_what_a_build_does_not_ask(site: Site) -> None:
    site.configure('[[taxonomy.topic]]\nname = "Artificial Intelligence"\naliases = ["A.I."]\n')
    result = on(site, "check")

    assert "news/first.md" in result.stdout
    assert "'AI' is not in the taxonomy" in result.stdout
    assert "Did you mean 'Artificial Intelligence'?" in result.stdout


def test_check_strict_fails_for_warnings_too(site: Site) -> None:
    _say_no_zone(site)

    assert on(site, "check").exit_code == 0
    assert on(site, "check", "--strict").exit_code == 1


def test_check_strict_passes_a_sound_site(site: Site) -> None:
    assert on(site, "check", "--strict").exit_code == 0


def test_check_json_is_for_programs(site: Site) -> None:
    _break_an_article(site)
    result = on(site, "check", "--json")
    report = json.loads(result.stdout)

    assert result.exit_code == 1
    assert result.stderr == ""
    assert report["files"] == {"article": 1, "broken": 1}
    assert [(problem["kind"], problem["file"]) for problem in report["problems"]] == [("no-closing-fence", "broken.md")]


@pytest.mark.parametrize(
    ("mistake", "exit_code", "kind"),
    [
        pytest.param(_take_away_the_content, 1, "no-content", id="no content directory"),
        pytest.param(_put_a_file_in_place_of_the_output, 1, "not-writable", id="output is a file"),
        pytest.param(_put_a_file_in_place_of_the_state, 1, "not-writable", id="state is a file"),
    ],
)
def test_check_finds_places_that_cannot_be_used(
    mistake: Callable[[Site], object], exit_code: int, kind: str, site: Site
) -> None:
    mistake(site)
    result = on(site, "check")

    assert f"problems: 1 error: 1 {kind}. " in result.stdout
    assert result.exit_code == exit_code


# --- explain ---


@pytest.mark.parametrize(
    "named",
    [
        "news/first.md",
        "./news/first.md",
        "{content}/news/first.md",
        "first.md",
        "first",
        "tag:news.example,2020:articles/first",
    ],
    ids=["path", "path from here", "absolute path", "file name", "file name without suffix", "id"],
)
def test_article_is_found_by(named: str, site: Site) -> None:
    result = on(site, "explain", named.format(content=site.content))

    assert result.stdout.startswith("news/first.md  tag:news.example,2020:articles/first\n")
    assert result.exit_code == 0


def test_article_and_feed_are_found_as_a_shell_completes_them(site: Site) -> None:
    on(site, "build")
    with contextlib.chdir(site.folder):
        result = feedd("explain", "content/news/first.md", "feeds/topics/ai.atom")

    assert result.stdout.startswith("news/first.md  tag:news.example,2020:articles/first\n")
    assert "\ntopics/ai: in\n" in result.stdout


def test_article_is_found_although_the_directory_here_is_gone(site: Site) -> None:
    place = site.folder / "gone"
    place.mkdir()
    with contextlib.chdir(site.folder):
        os.chdir(place)
        place.rmdir()
        assert on(site, "explain", "first").exit_code == 0


def test_explain_tells_each_rule_in_order_and_every_feed_that_could_hold_it(site: Site) -> None:
    site.configure('[[feed]]\nname = "films"\ntypes = ["video"]\n')
    on(site, "build")
    lines = on(site, "explain", "first").stdout.splitlines()

    assert [line.split()[1] for line in lines if line.startswith("  ")][:6] == [
        "content",
        "front-matter",
        "id",
        "published",
        "removed",
        "embargo",
    ]
    assert [line for line in lines[1:] if not line.startswith(" ")] == [
        "all: in",
        "films: not in",
        "providers/source.example: in",
        "topics/ai: in",
    ]
    place = f"{site.file}:7: feed[1].types"
    assert [re.split("  +", line) for line in lines if " types " in line] == [
        ["", "no", "types", "article; the feed takes video", f"default: type, {place}"]
    ]


def test_explain_of_one_feed_is_about_that_feed_alone(site: Site) -> None:
    on(site, "build")
    lines = on(site, "explain", "first", "topics/ai").stdout.splitlines()

    assert [line for line in lines[1:] if not line.startswith(" ")] == ["topics/ai: in"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param(article("X", published=False), "no   published     published is false", id="not published"),
        pytest.param(
            article("X", publishedDateTime="2099-01-01T00:00:00Z"),
            "no   embargo       appears at 2099-01-01T00:00:00Z",
            id="embargo",
        ),
        pytest.param(
            article("X", expiryDate="2024-05-02T00:00:00Z"),
            "no   expiry        left at 2024-05-02T00:00:00Z",
            id="expired",
        ),
        pytest.param(article("X", deleted=True), "no   removed       deleted is true", id="deleted"),
        pytest.param("---\ntitle: x\n", "no   front-matter  front matter has no closing fence", id="broken"),
        pytest.param("A note.", "no   front-matter  the file does not open with a --- fence", id="note"),
        pytest.param("+++\n+++\n", "no   front-matter  front matter is TOML (+++), which is not read", id="TOML"),
    ],
)
def test_explain_says_why_an_article_is_not_public(text: str, says: str, site: Site) -> None:
    site.write("x.md", text)

    assert says in on(site, "explain", "x.md").stdout


@pytest.mark.parametrize("front", [{"published": False}, {"publishedDateTime": "2099-01-01T00:00:00Z"}])
def test_explain_says_that_what_is_not_public_is_not_in_the_feed_that_was_asked_for(
    front: dict[str, object], site: Site
) -> None:
    site.write("x.md", article("X", **front))
    lines = on(site, "explain", "x.md", "topics/ai").stdout.splitlines()

    assert [line for line in lines[1:] if not line.startswith(" ")] == ["topics/ai: not in, for the reason above"]


def test_explain_json_is_for_programs(site: Site) -> None:
    on(site, "build")
    explanation = json.loads(on(site, "explain", "first", "all", "--json").stdout)

    assert explanation["path"] == "news/first.md"
    assert {verdict["passes"] for verdict in explanation["article"] + explanation["feeds"]["all"]} == {True}
    assert all(verdict["rule"] and verdict["says"] for verdict in explanation["article"])
    [published] = [verdict for verdict in explanation["article"] if verdict["rule"] == "published"]
    assert (published["value"], published["file"], published["line"], published["field"]) == (
        True,
        "news/first.md",
        6,
        "published",
    )


def test_what_is_not_written_yet_is_said_to_be_not_in_with_what_to_do(site: Site) -> None:
    lines = on(site, "explain", "first", "all").stdout.splitlines()

    assert "all: not in" in lines
    assert "all.atom, all.rss, all.json: not written since, so that they do not show it yet" in lines[-2]
    assert "`feedd run` or `feedd build` writes it." in lines[-1]


def test_documents_that_were_copied_show_what_they_showed(site: Site) -> None:
    """Another time of a file says nothing of what is in it."""
    on(site, "build")
    for path in site.feeds.rglob("all.*"):
        os.utime(path, (1, 1))

    assert "all: in" in on(site, "explain", "first", "all").stdout.splitlines()


@pytest.mark.parametrize("damage", [b"no database", b""], ids=["damaged", "empty"])
def test_explain_does_without_what_a_state_knew_that_cannot_be_read(damage: bytes, site: Site) -> None:
    on(site, "build")
    (site.state / "feedd.sqlite3").write_bytes(damage)
    result = on(site, "explain", "first", "all")

    assert result.exit_code == (1 if damage else 0)
    assert ("all: in" in result.stdout.splitlines()) is bool(damage)
    assert ("cannot be used" in result.stderr) is bool(damage)
    remedy = "Restore a backup first: in a new one, what was told before is forgotten."
    assert (remedy in result.stderr) is bool(damage)
    assert (remedy in on(site, "check").output) is bool(damage)


def test_explain_does_what_it_can_whatever_page_of_the_state_is_damaged(site: Site) -> None:
    """It explains without what documents showed, or says that the state is damaged."""
    on(site, "build")
    file = site.state / "feedd.sqlite3"
    whole, outcomes = file.read_bytes(), set[tuple[int, bool, bool]]()
    for start in range(0, len(whole), 4096):
        file.write_bytes(
            whole[:start] + bytes(255 - byte for byte in whole[start : start + 4096]) + whole[start + 4096 :]
        )
        result = on(site, "explain", "first", "all")
        outcomes.add((result.exit_code, "  documents  " in result.stdout, "Restore a backup first" in result.stderr))
    assert (1, False, True) in outcomes
    assert (0, True, False) in outcomes
    assert {(code, told) for code, _, told in outcomes} == {(0, False), (1, True)}


def test_explain_of_a_feed_tells_what_it_has_and_what_it_nearly_has(site: Site) -> None:
    site.configure('[output]\ncollections = ["articles"]\n')
    site.story("news/cars.md", topics=["Cars"])
    site.story("news/aside.md", topics=["AI"], category="notes")
    site.story("news/later.md", publishedDateTime="2099-01-01T00:00:00Z")
    site.story("news/draft.md", published=False)
    on(site, "build")
    said = on(site, "explain", "--feed", "topics/ai").stdout

    assert said == on(site, "explain", "topics/ai").stdout == on(site, "explain", "topics/ai.atom").stdout
    assert said.startswith(
        "topics/ai  Example News: AI\n  documents    topics/ai.atom, topics/ai.rss, topics/ai.json\n"
    )
    for head in ("in: 1 article\n", "not in, by collection alone: 1 article\n", "to come, by time alone: 1 article\n"):
        assert head in said
    assert "news/draft.md" not in said
    assert said.endswith("not public, of the whole site: 1 embargoed, 1 unpublished\n")


def test_explain_names_all_of_a_feed_if_that_is_asked(site: Site) -> None:
    for name in ("second", "third"):
        site.story(f"news/{name}.md")
    site.story("news/draft.md", published=False)
    on(site, "build")
    few, every = (on(site, "explain", "all", *options).stdout for options in (("--limit", "1"), ("--all",)))

    assert "  … and 2 more: `--all` names them\n" in few
    assert "held back by their authors: 1 article\n" in every
    assert "news/draft.md  published is false  line 6: published\n" in every


def test_explain_of_a_feed_is_there_for_programs(site: Site) -> None:
    on(site, "build")
    found = json.loads(on(site, "explain", "--feed", "all", "--json").stdout)

    assert (found["name"], found["count"], [one["path"] for one in found["entries"]]) == ("all", 1, ["news/first.md"])


def test_what_names_an_article_and_a_feed_is_the_article_and_that_is_said(site: Site) -> None:
    site.story("news/all.md")
    result = on(site, "explain", "all")

    assert result.stdout.startswith("news/all.md  ")
    assert result.stderr == "feedd: 'all' is a feed as well: `feedd explain --feed all` is about that.\n"


@pytest.mark.parametrize("arguments", [(), ("first", "all", "--feed", "all")], ids=["nothing", "twice"])
def test_explain_wants_an_article_or_a_feed_and_each_once(arguments: tuple[str, ...], site: Site) -> None:
    result = on(site, "explain", *arguments)

    assert result.exit_code == 2
    assert "explain --help" in result.stderr


def test_a_feed_that_there_is_not_is_explained_where_a_switch_keeps_it_from_being(site: Site) -> None:
    site.configure("[output]\ntopics = false\n")
    said = on(site, "explain", "first", "topics/ai").stdout

    assert f"there is no such feed: output.topics is false  {site.file}:6: output.topics\n" in said


def test_a_former_name_of_a_feed_is_said_to_be_one(site: Site) -> None:
    site.configure('[[taxonomy.topic]]\nname = "AI"\naliases = ["Robots"]\n')
    place = f"{site.file}:7: taxonomy.topic[1].aliases"

    for command in (("first", "topics/robots"), ("--feed", "topics/robots")):
        said = on(site, "explain", *command).stdout
        assert f"topics/robots is a former name of topics/ai  {place}\n" in said


def test_places_below_the_directory_here_are_named_from_here(site: Site) -> None:
    (site.folder / "topics").mkdir()
    (site.folder / "topics" / "ai.yaml").write_text("# A topic\nname: Artificial Intelligence\naliases: [AI]\n")
    site.configure('[taxonomy]\ntopics = ["topics"]\n')
    with contextlib.chdir(site.folder):
        said = feedd("explain", "first", "topics/artificial-intelligence").stdout

    assert "the feed takes any of artificial-intelligence (AI is Artificial Intelligence)" in said
    assert "news/first.md:10: topics, default: output.topics, topics/ai.yaml:3: aliases\n" in said


def test_explain_writes_nothing(site: Site) -> None:
    before = files(site.folder)
    on(site, "explain", "first")

    assert files(site.folder) == before
    assert sorted(path.name for path in site.folder.iterdir()) == ["content", "feedd.toml"]


@pytest.mark.parametrize(
    "named",
    ["nothing.md", "nothing", "a" * 300, "../feedd.toml/x", "", "caf\udce9.md"],
    ids=["path", "name", "long", "outside", "empty", "no-text"],
)
def test_unknown_article_exits_with_2_and_the_remedy(named: str, site: Site) -> None:
    result = on(site, "explain", named)

    assert result.exit_code == 2
    assert result.stderr.startswith("feedd: ")
    assert "Name " in result.stderr


def test_unknown_feed_exits_with_2_and_names_those_there_are(site: Site) -> None:
    result = on(site, "explain", "first", "topics/robots")

    assert result.exit_code == 2
    assert result.stderr == "feedd: no feed 'topics/robots'. There are: all, providers/source.example, topics/ai\n"


@pytest.mark.parametrize("named", ["topics/foods", "food.atom", "Foood", "feeds/topics/fod.json"])
def test_unknown_feed_is_answered_with_the_nearest_name(named: str, site: Site) -> None:
    site.story("news/second.md", topics=["Food"])
    result = on(site, "explain", "first", named)

    assert result.exit_code == 2
    assert result.stderr == f"feedd: no feed {named!r}. Did you mean topics/food?\n"


def test_what_is_neither_article_nor_feed_is_answered_with_the_nearest_feed(site: Site) -> None:
    site.story("news/second.md", topics=["Food"])
    result = on(site, "explain", "topics/foods")

    assert result.exit_code == 2
    assert result.stderr.endswith("or a feed by --feed. Or did you mean the feed topics/food?\n")


def test_unknown_feed_alone_is_answered_as_beside_an_article(site: Site) -> None:
    result = on(site, "explain", "--feed", "topics/robots")

    assert result.exit_code == 2
    assert result.stderr == "feedd: no feed 'topics/robots'. There are: all, providers/source.example, topics/ai\n"


def test_unknown_feed_that_is_like_none_is_answered_with_twenty_names(site: Site) -> None:
    site.story("news/second.md", topics=[f"{number:02}" for number in range(30)])
    result = on(site, "explain", "first", "nonsense")

    assert result.stderr.count("/") == 19
    assert result.stderr.endswith(", topics/17 and 13 more\n")


# --- Terminals and processes ---


def test_messages_are_plain_and_without_progress_where_there_is_no_terminal(site: Site) -> None:
    for number in range(5):
        site.story(f"more/{number}.md")
    _break_an_article(site)
    result = process("build", "--config", str(site.file))

    assert result.stdout.startswith("built: 7 files read, 6 articles public in 3 feeds (6 came), 9 documents written")
    assert re.fullmatch(r"error: broken\.md:1: .* \[no-closing-fence\]\n", result.stderr)
    assert "\x1b" not in result.stdout + result.stderr
    assert result.returncode == 1


def test_progress_and_colours_are_shown_on_a_terminal(site: Site) -> None:
    for number in range(5):
        site.story(f"more/{number}.md")
    _break_an_article(site)
    terminal = Terminal("build", "--config", str(site.file))

    assert terminal.exit_code() == 1
    assert "\r\x1b[Karticles [###.....................] 1/7" in terminal.screen
    assert re.search(r"\r\x1b\[Kbuilt: 7 files read", terminal.screen)
    assert "\x1b[31merror:\x1b[0m broken.md:1" in terminal.screen


def test_progress_never_mixes_with_json(site: Site) -> None:
    terminal = Terminal("build", "--json", "--config", str(site.file))

    assert terminal.exit_code() == 0
    assert json.loads(terminal.screen)["public"] == 1


def test_progress_tells_what_is_being_done_and_how_much_of_it(site: Site) -> None:
    for number in range(5):
        site.story(f"more/{number}.md")
    screen = Screen()

    assert on_screen(screen, "build", "--config", str(site.file)) == 0
    assert screen.getvalue().startswith("\r\x1b[Karticles [####....................] 1/6\r\x1b[K")
    assert screen.getvalue().endswith("\r\x1b[K")


@pytest.mark.parametrize("moment", [1, 2, 3], ids=["first article", "last article", "last feed"])
def test_ctrl_c_exits_with_130_and_the_next_build_does_the_rest(moment: int, site: Site) -> None:
    site.story("second.md")
    screen = Screen(ctrl_c_at=moment)

    assert on_screen(screen, "build", "--config", str(site.file)) == 130
    assert screen.getvalue().endswith("\nfeedd: interrupted; no document is left half-written\n")
    assert "2 articles public in 3 feeds" in on(site, "build").stdout
    assert len(site.documents()) == 9


@pytest.mark.slow
def test_ctrl_c_leaves_every_document_whole_and_nothing_temporary(site: Site) -> None:
    site.configure("[output]\narchives = false\n")
    for number in range(400):
        site.story(f"{number}.md", topics=[f"Topic {number}"])
    terminal = Terminal("build", "--config", str(site.file))
    terminal.read(until="feeds ")
    terminal.press_ctrl_c()

    assert terminal.exit_code() == 130
    assert "interrupted" in terminal.screen
    assert "Traceback" not in terminal.screen
    assert 0 < len(site.documents()) < 402 * 3
    assert [path for path in site.documents() if "/." in f"/{path}"] == []
    for path, data in site.documents().items():
        json.loads(data) if path.endswith(".json") else ElementTree.fromstring(data)

    after = process("build", "--config", str(site.file))

    assert (after.returncode, after.stderr) == (0, "")
    assert len(site.documents()) == 402 * 3 + 3


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["articles ", "feeds ", r"feeds .* [4-9]\d\d/"], ids=["read", "write", "wait"])
def test_ctrl_c_while_there_are_other_processes_shows_no_traceback(moment: str, site: Site) -> None:
    for number in range(FEW):
        site.story(f"{number}.md", topics=[f"Topic {number}"])
    terminal = Terminal("build", "--config", str(site.file))
    terminal.read(until=moment)
    terminal.press_ctrl_c()

    assert terminal.exit_code() == 130
    assert "Traceback" not in terminal.screen


def unread(*arguments: str, stream: str = "stdout") -> subprocess.CompletedProcess[str]:
    """A command in a process of its own one of whose outputs nobody reads; the other is kept."""
    reading, writing = os.pipe()
    os.close(reading)
    outputs = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: writing}
    command = [sys.executable, "-m", "feedd", *arguments]
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, text=True, timeout=50, check=False, **outputs)
    finally:
        os.close(writing)


@pytest.mark.parametrize("command", [("build",), ("check",), ("explain", "first")], ids=RUNS)
@pytest.mark.parametrize("form", [(), ("--json",)], ids=["text", "json"])
def test_output_that_nobody_reads_ends_a_command_quietly(
    command: tuple[str, ...], form: tuple[str, ...], site: Site
) -> None:
    result = unread(*command, *form, "--config", str(site.file))

    assert (result.returncode, result.stderr) == (141, "")


def test_problems_that_nobody_reads_end_a_command_quietly(site: Site) -> None:
    _break_an_article(site)
    result = unread("build", "--config", str(site.file), stream="stderr")

    assert (result.returncode, result.stdout.count("\n")) == (141, 1)


def test_build_that_nobody_listens_to_is_done_all_the_same(site: Site) -> None:
    unread("build", "--config", str(site.file))

    assert "0 documents written" in on(site, "build").stdout
    assert len(site.documents()) == 9


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("arguments", ["check --json --config '{}'", "check --config '{}' 2>&1"], ids=["json", "text"])
def test_reader_that_goes_away_halfway_gets_no_traceback(arguments: str, unbuffered: str, site: Site) -> None:
    folder = "a-folder-with-a-long-name" * 8  # so that more is said than a pipe and its reader hold
    for number in range(900):
        site.write(f"{folder}/{number}.md", "---\ntitle: x\n")
    command = f"'{sys.executable}' -m feedd {arguments.format(site.file)} | head -n 1; echo ${{PIPESTATUS[0]}}"
    env = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=50, check=True, env=env)

    assert result.stdout.splitlines()[1:] == ["141"]
    assert result.stderr == ""


# --- Standard streams that are full, closed, or of another alphabet ---


def in_shell(site: Site, script: str, **env: str) -> subprocess.CompletedProcess[bytes]:
    """What bash says of a script in the site's folder, in which `feedd` is the command."""
    script = f'feedd() {{ "{sys.executable}" -m feedd "$@"; }}; {script}'
    told = {**os.environ, "FEEDD_CONFIG": str(site.file), **env}
    return subprocess.run(
        ["bash", "-c", script], cwd=site.folder, env=told, stdin=subprocess.DEVNULL, capture_output=True, timeout=50
    )


SAYING = [
    "--help", "build", "build --json", "check", "check --kinds", "check --json", "diff --all", "explain first.md",
    "explain --json first.md", "prune --json", "approve --json", "man", "schema", "print-config nginx",
    "completion bash", "status", "status --json", "status --line",
]  # fmt: skip


@pytest.mark.parametrize(("command", "unbuffered"), [*((command, "") for command in SAYING), ("check --json", "1")])
def test_output_on_a_full_disk_is_said_in_one_line(command: str, unbuffered: str, site: Site) -> None:
    with running(site) if command.startswith("status") else contextlib.nullcontext():
        result = in_shell(site, f"feedd {command} > /dev/full", PYTHONUNBUFFERED=unbuffered)

    told = result.stderr.decode().splitlines()
    assert (result.returncode, told[-1]) == (1, "feedd: cannot write: No space left on device")
    assert "Traceback" not in result.stderr.decode()


def test_words_on_a_full_disk_end_a_command_with_1(site: Site) -> None:
    _break_an_article(site)

    assert in_shell(site, "feedd build 2> /dev/full").returncode == 1


CLOSED = [
    *(("build --json", closed) for closed in ("<&-", ">&-", "2>&-")),
    *((command, "<&- >&- 2>&-") for command in (*SAYING, "check -", "reload", "init new --yes", "prune", "approve")),
]


@pytest.mark.parametrize(("command", "closed"), CLOSED)
def test_a_closed_stream_is_no_fault(command: str, closed: str, site: Site) -> None:
    with contextlib.ExitStack() as stack:
        if command.startswith(("status", "reload")):
            stack.enter_context(running(site))
        usual, result = (in_shell(site, f"feedd {command} {streams}") for streams in ("</dev/null", closed))

    assert result.returncode == usual.returncode
    assert b"Traceback" not in result.stderr
    assert len(site.documents()) in {0, 9}


def test_what_is_opened_does_not_take_the_place_of_a_closed_stream(site: Site) -> None:
    result = in_shell(site, "feedd build >&- && feedd build --json")

    assert json.loads(result.stdout)["problems"] == []
    assert all(b"built" not in path.read_bytes() for path in site.folder.rglob("*") if path.is_file())


def test_a_standard_input_that_cannot_be_read_is_said(site: Site) -> None:
    result = in_shell(site, "feedd check - < /proc/self/mem")

    assert (result.returncode, result.stderr) == (2, b"feedd: standard input cannot be read: Input/output error\n")


LATIN = {"PYTHONIOENCODING": "latin-1"}
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.parametrize("env", [LATIN, ASCII], ids=["latin-1", "ascii"])
@pytest.mark.parametrize("command", ["build", "diff --all", "explain tick.md", "check", "explain --feed all --all"])
def test_no_title_ends_a_command_whatever_the_encoding(command: str, env: dict[str, str], site: Site) -> None:
    site.story("tick.md", title="Done ✓")
    site.story("wrong.md", publishedDateTime="never ✓")
    result = in_shell(site, f"feedd {command}", **env)

    assert b"Traceback" not in result.stderr
    assert result.returncode == in_shell(site, f"feedd {command}").returncode


@pytest.mark.parametrize("env", [LATIN, ASCII, {}], ids=["latin-1", "ascii", "utf-8"])
def test_json_is_the_same_in_every_encoding(env: dict[str, str], site: Site) -> None:
    site.story("wrong.md", publishedDateTime="✓ ü \U0001f600")
    result = in_shell(site, "feedd check --json --content-only", **env)

    said = json.loads(result.stdout.decode(env.get("PYTHONIOENCODING", "utf-8")))
    assert any("✓ ü \U0001f600" in problem["what"] for problem in said["problems"])


def test_json_does_nothing_to_a_terminal(site: Site) -> None:
    name = "a\x9b2J\u202e\x7f\u200b\U000e0001 ü ✓.md"
    site.story(name, publishedDateTime="never")
    result = in_shell(site, "feedd check --json --content-only")

    said = result.stdout.decode()
    assert [letter for letter in said if not letter.isprintable() and letter != "\n"] == []
    assert name in {problem["file"] for problem in json.loads(said)["problems"]}
    assert " ü ✓.md" in said
