"""`feedd init`: a site in one step, made of nothing or of what lies there; what it announces is what a build gives."""

import contextlib
import json
import os
import re
import resource
import shutil
import socket
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result
from hypothesis import example, given, settings
from hypothesis import strategies as st

from feedd.cli import main
from feedd.config import load, parse
from feedd.errors import SetupError
from feedd.init.generators import Told, told
from feedd.init.proposal import Found, Wishes, find, propose
from feedd.init.site import make, plan
from feedd.init.survey import Seen, Survey, survey
from feedd.init.text import SCHEMA, quoted, text
from feedd.testing import NOON, Service, article, bound_by_permissions, eventually

ROOT = Path(__file__).parent.parent
REAL = os.environ.get("FEEDD_REAL_INPUT", "")


def feedd(*arguments: object) -> Result:
    """A command in this process. A bug, which is an exception other than the exit, is raised."""
    return CliRunner().invoke(main, [str(one) for one in arguments], env={"FEEDD_CONFIG": None}, catch_exceptions=False)


def report(folder: Path, *options: object) -> dict[str, Any]:
    """What `feedd init` reports of a directory."""
    result = feedd("init", folder, "--json", *options)
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def built(folder: Path) -> dict[str, Any]:
    """What a build by the configuration in a directory reports."""
    found: dict[str, Any] = json.loads(feedd("build", "--json", "--config", folder / "feedd.toml").stdout)
    return found


def write(folder: Path, files: dict[str, str]) -> Path:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content, encoding="utf-8")
    return folder


def below(folder: Path) -> dict[str, bytes]:
    """Every file below a directory; directories are there with nothing."""
    paths = sorted(folder.rglob("*")) if folder.exists() else []
    return {path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else b"" for path in paths}


def kinds(found: dict[str, Any]) -> set[str]:
    return {note["kind"] for note in found["notes"]}


def note(found: dict[str, Any], kind: str) -> str:
    (one,) = (note for note in found["notes"] if note["kind"] == kind)
    return f"{one['what']}. {one['remedy']}"


def plain(title: str, **front: Any) -> str:
    """A post as generators have them: nothing of feedd's own."""
    nothing = dict.fromkeys(("excerpt", "publishedDateTime", "webUrl", "published", "provider", "topics"))
    return article(title, **{**nothing, "date": "2024-05-01T08:00:00Z", **front})


# Layouts


def jekyll(folder: Path) -> Path:
    files = {
        "_config.yml": 'title: "Nine Lighthouses"\nurl: https://nine.example\nbaseurl: /log\ntimezone: Europe/Berlin\n',
        "index.md": "---\nlayout: home\n---\n",
        "about.md": "---\nlayout: page\ntitle: About\n---\n",
        "_layouts/default.html": "---\nlayout: none\n---\n<p>{{ content }}</p>",
        "_drafts/secret.md": plain("Secret", published=True),
        "_posts/2024-05-04-fog.md": "---\nlayout: post\ntitle: Fog\n---\nNo date but in the name.\n",
        "_posts/2024-05-05-rain.md": plain("Rain", published=True, tags=["weather"]),
        "_site/2024/05/05/rain.html": "<p>Rain</p>",
    }
    posts = {f"_posts/2024-05-0{day}-story.{day}.md": plain(f"Story {day}", layout="post") for day in range(1, 4)}
    return write(folder, files | posts)


def hugo(folder: Path) -> Path:
    bundle = plain("A bundle", published=True, webUrl="https://hugo.example/bundle/")
    files = {
        "hugo.toml": 'baseURL = "https://hugo.example/"\ntitle = "Kites"\nlanguageCode = "en-GB"\n',
        "content/posts/_index.md": plain("All posts", published=True),
        "content/posts/one.md": plain("One", draft=False, published=True, lastmod="2024-05-02"),
        "content/posts/two.md": plain("Two", draft=True, published=True),
        "content/posts/three.md": '+++\ntitle = "Three"\ndate = 2024-05-01\n+++\n',
        "content/posts/four/index.md": bundle,
        "content/posts/four/picture.txt": "no article",
        "archetypes/default.md": '---\ntitle: "{{ .Name }}"\ndate: {{ .Date }}\n---\n',
        "themes/plain/exampleSite/content/posts/hello.md": plain("Hello", published=True),
        "public/posts/one/index.html": "<!doctype html>",
    }
    return write(folder, files)


def eleventy(folder: Path) -> Path:
    files = {
        "eleventy.config.js": "export default () => {};",
        "package.json": "{}",
        "node_modules/lib/README.md": plain("Not ours", published=True),
        "src/_includes/base.html": "---\ntitle: base\n---\n",
        "src/blog/one.md": article("One"),
        "src/blog/two.html": article("Two"),
        "src/blog/2099.md": article("Later", publishedDateTime="2099-01-01T00:00:00Z"),
    }
    return write(folder, files)


def flat(folder: Path) -> Path:
    return write(folder, {"one.md": article("One", topics=["AI"]), "two.txt": article("Two"), "notes.txt": "Notes"})


def folders(folder: Path) -> Path:
    """Articles by folder, some with a category, one folder of authors, one of topics beside the content."""
    files = {f"content/news/n{count}.md": article(f"News {count}", category="news") for count in range(4)}
    files |= {f"content/videos/v{count}.md": article(f"Video {count}", type="video") for count in range(2)}
    files |= {
        "content/mixed/a.md": article("A", category="news"),
        "content/mixed/b.md": article("B", category="Events"),
    }
    files |= {"content/authors/ann.md": "---\nname: Ann\n---\n", "content/README.md": "Read me."}
    files |= {"facts/subjects/ai.yaml": "_id: artificial\nname: AI\n", "facts/people/ann.yaml": "_id: ann\nname: Ann\n"}
    files |= {"content/sources/s.example.md": "---\n_id: s.example\nname: Source\ndomain: source.example\n---\n"}
    return write(folder, files)


def twins(folder: Path) -> Path:
    """Page bundles, one of which has the name of a file, a story told twice, and what time keeps away."""
    files = {f"{name}/index.md": article(name) for name in ("one", "two", "three")}
    files |= {"four.md": article("four", webUrl="https://s.example/4"), "two.md": article("Two")}
    files |= {"five.md": article("five", guid="five")}
    files |= {
        "six.md": article("six", webUrl="https://www.s.example/4/"),
        "late.md": article("late", expiryDate="2020-01-01"),
    }
    files |= {"seven.md": article("seven", published=False, topics=["Never"]), "eight.md": "---\n: broken\n"}
    files |= {"nine.md": article("nine", publishedDateTime="2099-01-01T00:00:00Z", topics=["Later"])}
    return write(folder, files)


def demo(folder: Path) -> Path:
    shutil.copytree(ROOT / "config" / "demo" / "content", folder / "content")
    return folder


LAYOUTS: list[Callable[[Path], Path]] = [jekyll, hugo, eleventy, flat, folders, twins, demo]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_announced_is_what_a_build_gives(tmp_path: Path, layout: Callable[[Path], Path]) -> None:
    site = layout(tmp_path / "site")
    announced, given = report(site), built(site)

    assert (announced["public"], len(announced["feeds"])) == (given["public"], given["feeds"])
    assert announced["files"] == given["files"]
    assert announced["public"] > 0
    assert {one["kind"] for one in given["problems"]} <= {one["kind"] for one in announced["problems"]}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_nothing_that_was_there_is_touched(tmp_path: Path, layout: Callable[[Path], Path]) -> None:
    site = layout(tmp_path / "site")
    before = below(site)
    made = {Path(path).relative_to(site).as_posix() for path in report(site)["written"]}

    assert made == {"feedd.toml", SCHEMA}
    assert {path: data for path, data in below(site).items() if path not in made} == before


def test_jekyll_is_recognised_and_its_unsaid_posts_stay_unpublished(tmp_path: Path) -> None:
    found = report(jekyll(tmp_path / "site"))
    config = load(Path(found["config"]))

    assert found["generator"] == "Jekyll"
    assert (config.site.title, config.site.url) == ("Nine Lighthouses", "https://nine.example/log/")
    assert (config.site.id_authority, config.content.timezone) == ("nine.example", "Europe/Berlin")
    assert config.content.path == tmp_path / "site" / "_posts"
    assert config.content.own_pages == "https://nine.example/log/{slug}/"
    assert (config.output.path.name, config.state.path.name) == ("_feeds", "_state")  # which Jekyll does not copy
    assert (found["public"], found["published_default"]) == (1, 4)  # fog has its date in its name
    assert found["files"] == {"article": 5}
    assert "`topics`" in note(found, "key-not-read")


def test_what_would_become_public_does_when_the_comment_is_taken_away(tmp_path: Path) -> None:
    site = jekyll(tmp_path / "site")
    found = report(site)
    config = Path(found["configuration"] and found["config"])
    assert "4 more become public" in config.read_text(encoding="utf-8")

    block = re.compile(r'^#(\[\[collection\]\]|name = "articles"|published_default = true)$', re.MULTILINE)
    config.write_text(block.sub(r"\1", config.read_text(encoding="utf-8")), encoding="utf-8")

    assert built(site)["public"] == found["public"] + found["published_default"]


def test_a_collection_of_unsaid_articles_may_publish_them(tmp_path: Path) -> None:
    files = {f"content/news/n{count}.md": article(f"N {count}") for count in range(3)}
    files |= {f"content/notes/m{count}.md": article(f"M {count}", published=None) for count in range(2)}
    site = write(tmp_path / "site", files)
    found = report(site)
    config = Path(found["config"])
    config.write_text(config.read_text(encoding="utf-8").replace("#published_default", "published_default"))

    assert (found["public"], found["published_default"], built(site)["public"]) == (3, 2, 5)


def test_drafts_of_generators_are_not_read_even_if_they_say_published(tmp_path: Path) -> None:
    site = write(
        tmp_path / "site", {"a/_drafts/x.md": article("Draft"), "a/y.md": article("Yes"), "b/z.md": article("Z")}
    )
    found = report(site)

    assert found["public"] == 2
    assert "**/_drafts/**" in load(Path(found["config"])).content.exclude


def test_hugo_is_recognised_and_what_is_not_read_is_said(tmp_path: Path) -> None:
    found = report(hugo(tmp_path / "site"))
    config = load(Path(found["config"]))

    assert (found["generator"], config.site.title, config.site.language) == ("Hugo", "Kites", "en-GB")
    assert config.content.path == tmp_path / "site" / "content"
    assert config.content.own_pages == "https://hugo.example/posts/{slug}/"
    assert "**/_index.md" in config.content.exclude
    assert "content/posts/three.md" in note(found, "toml-front-matter")
    assert "updatedDateTime" in note(found, "key-not-read")
    assert found["public"] == 2


def test_hugo_articles_alone_in_a_section_are_sought_in_it(tmp_path: Path) -> None:
    site = hugo(tmp_path / "site")
    write(site, {"content/about.md": plain("About", date=None)})
    config = load(Path(report(site)["config"]))

    assert config.content.path == site / "content" / "posts"
    assert config.content.own_pages == "https://hugo.example/posts/{slug}/"


def test_articles_in_toml_alone_get_no_samples_but_the_advice(tmp_path: Path) -> None:
    site = write(tmp_path / "site", {"content/posts/a.md": '+++\ntitle = "A"\n+++\n'})
    found = report(site)

    assert (found["public"], kinds(found)) == (0, {"toml-front-matter"})
    assert [Path(path).name for path in found["written"]] == [SCHEMA, "feedd.toml"]


def test_suffixes_that_articles_have_are_included_and_no_others(tmp_path: Path) -> None:
    assert load(Path(report(eleventy(tmp_path / "a"))["config"])).content.include == ("**/*.md", "**/*.html")
    assert load(Path(report(flat(tmp_path / "b"))["config"])).content.include == ("**/*.md", "**/*.txt")


def test_articles_in_the_directory_itself_have_their_feeds_beside_it(tmp_path: Path) -> None:
    config = load(Path(report(flat(tmp_path / "site"))["config"]))

    assert config.content.path == tmp_path / "site"
    assert (config.output.path, config.state.path) == (tmp_path / "site-feeds", tmp_path / "site-state")


def test_feeds_go_where_nothing_is_yet(tmp_path: Path) -> None:
    site = write(tmp_path / "site", {"feeds/mine.xml": "<rss/>", "feedd-feeds/x": "", "content/a.md": article()})
    (site / "state").mkdir()
    config = load(Path(report(site)["config"]))

    assert (config.output.path.name, config.state.path.name) == ("feedd-feeds-2", "state")


def test_articles_in_a_directory_called_feeds_are_not_written_over(tmp_path: Path) -> None:
    config = load(Path(report(write(tmp_path / "site", {"feeds/a.md": article("A")}))["config"]))

    assert (config.content.path.name, config.output.path.name) == ("feeds", "feedd-feeds")


def test_new_articles_in_a_directory_called_feeds_are_not_written_over_either(tmp_path: Path) -> None:
    (tmp_path / "site" / "feeds").mkdir(parents=True)
    config = load(Path(report(tmp_path / "site", "--content", tmp_path / "site" / "feeds")["config"]))

    assert (config.content.path.name, config.output.path.name) == ("feeds", "feedd-feeds")


def test_collections_come_of_folders_and_categories(tmp_path: Path) -> None:
    found = report(folders(tmp_path / "site"))

    assert {one["name"]: (one["folders"], one["articles"]) for one in found["collections"]} == {
        "news": (["news"], 5),
        "videos": (["videos"], 2),
        "events": ([], 1),
    }
    assert [one.folders for one in load(Path(found["config"])).collections] == [("news",), ("videos",), ()]


def test_one_category_in_one_folder_is_not_that_of_the_others(tmp_path: Path) -> None:
    files = {f"c/news/n{count}.md": article(f"N {count}", category="news") for count in range(3)}
    files |= {f"c/videos/v{count}.md": article(f"V {count}") for count in range(3)}
    config = load(Path(report(write(tmp_path / "site", files))["config"]))

    assert {one.name: one.folders for one in config.collections} == {"news": ("news",), "videos": ("videos",)}


def test_one_category_for_all_is_that_of_the_whole_directory(tmp_path: Path) -> None:
    files = {f"20{year}/a{year}.md": article(f"A {year}", category="news") for year in range(10, 20)}
    config = load(Path(report(write(tmp_path / "site", files))["config"]))

    assert [(one.name, one.folders) for one in config.collections] == [("news", (".",))]


def test_a_page_bundle_is_one_article_and_no_folder_of_articles(tmp_path: Path) -> None:
    found = report(write(tmp_path / "a", {"posts/first/index.md": article("First")}))

    assert found["content"] == str(tmp_path / "a" / "posts")
    assert [one["name"] for one in report(twins(tmp_path / "b"))["collections"]] == ["articles"]


def test_folders_of_dates_and_many_folders_are_no_collections(tmp_path: Path) -> None:
    dated = write(tmp_path / "a", {f"20{year}/a{year}.md": article(f"A {year}") for year in range(10, 20)})
    many = write(tmp_path / "b", {f"f{count}/a{count}.md": article(f"A {count}") for count in range(30)})

    assert load(Path(report(dated)["config"])).collections == ()
    assert load(Path(report(many)["config"])).collections == ()


def test_taxonomy_is_found_by_its_content_wherever_it_is(tmp_path: Path) -> None:
    site = folders(tmp_path / "site")
    found = report(site)
    config = load(Path(found["config"]))

    assert config.taxonomy.topics == (site / "facts" / "subjects",)
    assert config.taxonomy.providers == (site / "content" / "sources",)
    assert "topics/artificial" in found["feeds"]


def test_topics_that_nobody_has_yet_are_known_by_their_ids(tmp_path: Path) -> None:
    files = {"content/a.md": article("A", topics=None), "data/topics/ai.yml": "_id: ai\nname: AI\n"}
    files |= {"data/crew/ann.yml": "name: Ann\n", "data/crew/bob.yml": "name: Bob\n", "data/x/y.yml": "- 1\n"}
    config = load(Path(report(write(tmp_path / "site", files))["config"]))

    assert config.taxonomy.topics == (tmp_path / "site" / "data" / "topics",)


def test_names_that_no_configuration_holds_are_passed_over(tmp_path: Path) -> None:
    files = {"content/a.md": article("A"), "content/\x01/page.md": "---\nname: Page\n---\n"}

    assert report(write(tmp_path / "site", files))["public"] == 1


def test_folders_of_pages_alone_are_left_out(tmp_path: Path) -> None:
    config = load(Path(report(folders(tmp_path / "site"))["config"]))

    assert {"authors/**", "sources/**"} <= set(config.content.exclude)
    assert built(tmp_path / "site")["files"] == {"article": 8, "skipped": 1}


def test_in_a_git_repository_what_is_made_is_to_be_ignored(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()

    assert "/feeds/ and /state/ to .gitignore" in note(report(tmp_path / "site"), "git")
    assert "git" not in kinds(report(flat(tmp_path / "notes")))  # its feeds are outside


def test_pages_among_articles_are_told_of(tmp_path: Path) -> None:
    site = write(tmp_path / "site", {"content/a.md": article("A"), "content/about.md": "---\ntitle: About\n---\n"})

    assert "about.md" in note(report(site), "pages")


def test_a_key_that_may_keep_an_article_back_elsewhere_is_warned_of(tmp_path: Path) -> None:
    posts = {"posts/a.md": plain("A", published_at="2099-01-01", tags=["x"])}
    notes = report(write(tmp_path / "site", posts))["notes"]
    severities = {one["what"].split("`")[1]: one["severity"] for one in notes if one["kind"] == "key-not-read"}

    assert severities == {"published_at": "warning", "tags": "suggestion"}


def test_articles_elsewhere_are_told_of(tmp_path: Path) -> None:
    files = {f"posts/{count}.md": article(f"A {count}") for count in range(20)}
    found = report(write(tmp_path / "site", files | {"notes/z.md": article("Z")}))

    assert (found["content"], "notes/z.md" in note(found, "elsewhere")) == (str(tmp_path / "site" / "posts"), True)


def test_dates_without_zone_and_missing_addresses_are_told_of(tmp_path: Path) -> None:
    site = write(tmp_path / "site", {"posts/a.md": plain("A", published=True, date="2024-05-01 10:00")})
    found = report(site)

    assert found["public"] == 0
    assert "--url" in note(found, "no-address")
    assert "timezone" in note(found, "naive-date")
    assert '#timezone = "Europe/Berlin"' in found["configuration"]


def test_an_address_of_the_site_gives_articles_pages(tmp_path: Path) -> None:
    site = write(tmp_path / "site", {"posts/a.md": plain("A", published=True)})
    found = report(site, "--url", "https://w.example/x")

    assert found["public"] == 1
    assert load(Path(found["config"])).content.own_pages == "https://w.example/x/{slug}/"
    assert "own-pages" in kinds(found)


def test_the_language_is_what_most_articles_say(tmp_path: Path) -> None:
    german = {f"a/{count}.md": article(f"A {count}", locale="de") for count in range(3)}
    some = {"a/1.md": article("A", locale="de"), "a/2.md": article("B"), "a/3.md": article("C")}

    assert load(Path(report(write(tmp_path / "a", german))["config"])).site.language == "de"
    assert load(Path(report(write(tmp_path / "b", some))["config"])).site.language == "en"


def test_ranked_articles_bring_an_example_that_works(tmp_path: Path) -> None:
    files = {f"a/{count}.md": article(f"A {count}", heat=count) for count in range(1, 11)}
    site = write(tmp_path / "site", files)
    config = Path(report(site)["config"])
    example = config.read_text(encoding="utf-8").partition("#[[feed]]")[1:]
    config.write_text(config.read_text(encoding="utf-8") + re.sub(r"^#", "", "".join(example), flags=re.MULTILINE))

    assert built(site)["problems"] == []
    atom = ElementTree.parse(site / "feeds" / "best.atom")
    assert len(atom.findall("{http://www.w3.org/2005/Atom}entry")) == 2


def test_of_many_pages_that_a_program_made_only_some_are_looked_at(tmp_path: Path) -> None:
    pages = {f"out/{count}.html": "<!doctype html>" for count in range(250)}
    read: list[int] = []
    found = survey(write(tmp_path, pages | {"a.md": article("A")}), lambda what, done, total: read.append(total))

    assert [one.path for one in found.seen] == ["a.md"]
    assert max(read) == len(pages) + 1  # listed
    assert read[-1] == 1  # read


def test_what_package_managers_install_is_not_even_listed(tmp_path: Path) -> None:
    folder = write(
        tmp_path, {"node_modules/a/b.md": article("A"), "x/vendor/c.md": article("C"), ".git/d.md": article()}
    )
    found = survey(folder, lambda what, done, total: None)

    assert (found.seen, found.aside) == ([], [])


# Out of nothing


@pytest.mark.parametrize("there", [{}, {"package.json": "{}", "README.md": "Read me.", "docs/x.html": "<p>"}])
def test_a_directory_without_articles_gets_two(tmp_path: Path, there: dict[str, str]) -> None:
    site = write(tmp_path / "site", there)
    found = report(site)

    assert [Path(path).relative_to(site).as_posix() for path in found["written"]] == [
        SCHEMA,
        "content/the-ferry-that-waits.md",
        "content/a-clock-takes-tuesdays-off.md",
        "feedd.toml",
    ]
    assert (found["public"], found["problems"], found["notes"]) == (2, [], [])
    assert (built(site)["public"], built(site)["problems"]) == (2, [])
    assert json.loads(feedd("check", "--json", "--config", site / "feedd.toml").stdout)["problems"] == []


def test_the_configuration_decides_the_ids_apart_from_the_address(tmp_path: Path) -> None:
    found = report(tmp_path / "harbour-news")
    config = Path(found["config"])

    def ids() -> set[str]:
        shutil.rmtree(config.parent / "state", ignore_errors=True)
        built(config.parent)
        atom = ElementTree.parse(config.parent / "feeds" / "all.atom")
        return {str(one.text) for one in atom.iterfind("{*}entry/{*}id")}

    before = ids()
    config.write_text(config.read_text(encoding="utf-8").replace("http://127.0.0.1:8000/", "https://else.example/"))

    assert ids() == before
    assert all(id.startswith("tag:harbour-news.example,") for id in before)


def test_the_named_site_is_the_authority_of_ids(tmp_path: Path) -> None:
    config = load(Path(report(tmp_path / "site", "--url", "https://News.Example/a", "--title", 'A "b"')["config"]))

    assert (config.site.title, config.site.url) == ('A "b"', "https://News.Example/a/")
    assert config.site.id_authority == "news.example"
    assert abs(date.fromisoformat(config.site.id_date) - datetime.now(UTC).date()) <= timedelta(1)
    assert config.server.listen == "127.0.0.1:8000"
    assert config.site.feeds_url == "http://127.0.0.1:8000/"


def test_the_schema_beside_the_configuration_is_that_of_feedd(tmp_path: Path) -> None:
    found = report(tmp_path / "site")

    assert found["configuration"].startswith(f"#:schema ./{SCHEMA}\n")
    assert json.loads((tmp_path / "site" / SCHEMA).read_bytes()) == json.loads(feedd("schema").stdout)


def test_files_have_ordinary_permissions_and_the_state_has_not(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        written = [Path(path) for path in report(tmp_path / "site")["written"]]
        built(tmp_path / "site")
    finally:
        os.umask(before)

    assert {stat.S_IMODE(path.stat().st_mode) for path in written} == {0o644}
    assert {stat.S_IMODE(path.parent.stat().st_mode) for path in written} == {0o755}
    assert stat.S_IMODE((tmp_path / "site" / "state").stat().st_mode) == 0o750


def test_people_are_told_what_to_do_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = feedd("init", "my site")

    assert result.exit_code == 0
    assert "feedd run --config 'my site/feedd.toml'" in result.stdout
    assert "http://127.0.0.1:8000/" in result.stdout
    assert "my site/content" in result.stdout
    assert "id_authority in my site/feedd.toml" in result.stdout
    assert result.stderr == ""


def test_people_are_told_what_was_found(tmp_path: Path) -> None:
    result = feedd("init", folders(tmp_path / "site"))

    assert "8 of 8 articles public in 3 feeds" in result.stdout
    assert re.search(r"^collections +news \(5\), videos \(2\), events \(1\)$", result.stdout, re.MULTILINE)
    assert re.search(r"^topics +facts/subjects$", result.stdout, re.MULTILINE)


def test_problems_are_told_one_of_a_kind_with_the_way_to_the_others(tmp_path: Path) -> None:
    files = {f"a/{count}.md": f"---\ntitle: {count}\ndate: never\n---\n" for count in range(5)} | {
        "a/x.md": article("X")
    }
    result = feedd("init", write(tmp_path / "site", files))

    assert "error: 0.md:3: date: 'never': is not a date." in result.stderr
    assert f"… and 12 more: feedd check --config {tmp_path}/site/feedd.toml" in result.stderr
    assert result.exit_code == 0


def test_a_dry_run_prints_what_would_be_written_and_writes_nothing(tmp_path: Path) -> None:
    dry = feedd("init", tmp_path / "site", "--dry-run", "--title", "T")
    assert below(tmp_path) == {}
    assert report(tmp_path / "site", "--dry-run", "--title", "T")["written"] == []
    assert below(tmp_path) == {}
    assert report(tmp_path / "site", "--title", "T")["configuration"] in dry.stdout


def test_the_printed_commands_work_when_pasted(tmp_path: Path) -> None:
    folder = tmp_path / 'it\'s "my" $HOME; site'
    command = [sys.executable, "-m", "feedd", "init", str(folder), "--json"]
    made = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    done = subprocess.run(made["next"]["check"], shell=True, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert "2 article" in done.stdout


def test_a_command_that_is_not_on_the_path_is_named_by_its_place(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "feedd"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nfrom feedd.cli import main\nmain(prog_name='feedd')\n")
    program.chmod(0o755)
    done = subprocess.run([str(program), "init", "site"], cwd=tmp_path, capture_output=True, text=True, check=True)

    assert f"  {program} run --config site/feedd.toml " in done.stdout


# Places


def test_the_directory_here_is_meant_by_a_dot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "site").mkdir()
    monkeypatch.chdir(tmp_path / "site")
    found = report(Path())

    assert found["next"]["run"] == "feedd run --config feedd.toml"
    assert load(tmp_path / "site" / "feedd.toml").site.title == "Site"


def test_a_link_to_a_directory_is_followed(tmp_path: Path) -> None:
    flat(tmp_path / "real" / "notes")
    (tmp_path / "link").symlink_to(tmp_path / "real" / "notes")
    found = report(tmp_path / "link")

    for place in (tmp_path / "link", tmp_path / "real" / "notes"):
        config = load(place / "feedd.toml")
        assert config.output.path == tmp_path / "real" / "notes-feeds"
    assert built(tmp_path / "link")["public"] == found["public"] == 2


def test_a_link_called_content_is_followed(tmp_path: Path) -> None:
    flat(tmp_path / "notes")
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "content").symlink_to(tmp_path / "notes")
    found = report(tmp_path / "site")

    assert (found["content"], found["public"]) == (str(tmp_path / "notes"), 2)
    assert built(tmp_path / "site")["public"] == 2


def test_a_generator_is_recognised_above_articles_that_are_named(tmp_path: Path) -> None:
    found = report(tmp_path / "site", "--content", jekyll(tmp_path / "blog") / "_posts")

    assert (found["generator"], load(Path(found["config"])).site.title) == ("Jekyll", "Nine Lighthouses")


def test_content_that_is_named_lies_anywhere(tmp_path: Path) -> None:
    site = folders(tmp_path / "site")
    inside = report(site, "--content", site / "content" / "videos")
    outside = report(tmp_path / "other", "--content", site / "content")

    assert (inside["content"], inside["public"]) == (str(site / "content" / "videos"), 2)
    assert (outside["content"], outside["public"]) == (str(site / "content"), 8)
    assert load(Path(outside["config"])).output.path == tmp_path / "other" / "feeds"
    assert (built(site)["public"], built(tmp_path / "other")["public"]) == (2, 8)


def test_a_named_directory_without_articles_gets_two_whatever_lies_elsewhere(tmp_path: Path) -> None:
    site = folders(tmp_path / "site")
    (site / "content" / "letters").mkdir()
    found = report(site, "--content", site / "content" / "letters")

    assert (found["public"], built(site)["public"], found["notes"]) == (2, 2, [])


def test_a_site_within_its_articles_has_its_feeds_outside(tmp_path: Path) -> None:
    notes = flat(tmp_path / "notes")
    found = report(notes / "feedd", "--content", notes)

    assert load(Path(found["config"])).output.path == tmp_path / "notes-feeds"
    assert built(notes / "feedd")["public"] == found["public"] == 2


# Nothing is overwritten, and nothing half made


@pytest.mark.parametrize("name", ["feedd.toml", SCHEMA, "content/the-ferry-that-waits.md"])
def test_what_is_there_stays_and_nothing_else_is_made(tmp_path: Path, name: str) -> None:
    site = write(tmp_path / "site", {name: "mine"})
    before = below(tmp_path)
    result = feedd("init", site)

    assert result.exit_code == 2
    assert f"{site / name}: is there already" in result.stderr
    assert below(tmp_path) == before


def test_what_has_a_configuration_is_not_looked_at(tmp_path: Path) -> None:
    asked: list[str] = []
    with pytest.raises(SetupError, match="is there already"):
        plan(write(tmp_path, {"feedd.toml": ""}), None, Wishes(), NOON, lambda what, done, total: asked.append(what))

    assert asked == []


def test_a_dangling_link_counts_as_there(tmp_path: Path) -> None:
    (tmp_path / "feedd.toml").symlink_to(tmp_path / "nowhere")

    assert feedd("init", tmp_path).exit_code == 2
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("path", ["site", "site/content"])
def test_a_file_in_the_place_of_a_directory_is_refused(tmp_path: Path, path: str) -> None:
    write(tmp_path, {path: "mine"})
    before = below(tmp_path)
    result = feedd("init", tmp_path / "site")

    assert result.exit_code == 2
    assert below(tmp_path) == before


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--url", "a b", '--url is "a b". Write an absolute http or https URL'),
        ("--listen", "localhost:99999", 'feedd: --listen is "localhost:99999"'),
        ("--listen", "systemd", "--listen 'systemd' is not a host and a port"),
        ("--title", "\x01", "--title holds the character U+0001"),
    ],
)
def test_options_that_cannot_be_used_are_refused_by_their_names(
    tmp_path: Path, option: str, value: str, says: str
) -> None:
    result = feedd("init", tmp_path / "site", option, value)

    assert result.exit_code == 2
    assert says in result.stderr
    assert below(tmp_path) == {}


def test_what_a_generator_tells_wrongly_is_left_aside(tmp_path: Path) -> None:
    site = write(tmp_path / "site", {"_config.yml": "title: T\ntimezone: Mars/Olympus\n", "_posts/a.md": article("A")})
    found = report(site)

    assert (found["public"], load(Path(found["config"])).content.timezone) == (1, "UTC")


def test_a_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    result = feedd("init", folder)

    assert result.exit_code == 2
    assert "is not UTF-8" in result.stderr
    assert not folder.exists()


def test_without_permission_nothing_is_made(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o555)
    with bound_by_permissions():
        result = feedd("init", tmp_path / "closed" / "site")

    assert result.exit_code == 1
    assert "Permission denied; nothing was made" in result.stderr
    assert below(tmp_path) == {"closed": b""}


def test_a_directory_that_cannot_be_listed_is_said(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o300)
    with bound_by_permissions():
        result = feedd("init", tmp_path / "closed")

    assert result.exit_code == 1
    assert "cannot be listed: Permission denied" in result.stderr


def test_on_a_full_disk_nothing_is_left(tmp_path: Path) -> None:
    def little_space() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    command = [sys.executable, "-B", "-m", "feedd", "init", str(tmp_path / "a" / "site")]
    done = subprocess.run(command, preexec_fn=little_space, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "File too large; nothing was made" in done.stderr
    assert below(tmp_path) == {}


def test_a_file_that_comes_meanwhile_stays(tmp_path: Path) -> None:
    write(tmp_path, {"site/b": "mine"})
    with pytest.raises(SetupError, match="File exists; nothing was made"):
        make({tmp_path / "new" / "a": "one", tmp_path / "site" / "b": "other"})

    assert below(tmp_path) == {"site": b"", "site/b": b"mine"}


def test_what_cannot_be_undone_is_said(tmp_path: Path) -> None:
    class Late(dict[Path, str]):
        def items(self) -> Any:
            yield tmp_path / "new" / "a", "one"
            (tmp_path / "new" / "somebody's").touch()
            yield tmp_path / "new" / "somebody's", "other"

    with pytest.raises(SetupError, match=r"new could not be removed"):
        make(Late())

    assert below(tmp_path) == {"new": b"", "new/somebody's": b""}


def test_an_interruption_leaves_nothing(tmp_path: Path) -> None:
    class Interrupted(dict[Path, str]):
        def items(self) -> Any:
            yield tmp_path / "new" / "a", "one"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(Interrupted())

    assert below(tmp_path) == {}


# Text


NAMES = st.text(st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters="/"), min_size=1).filter(
    lambda name: name not in {".", ".."} and not re.search("[\ufffe\uffff]", name)
)


@settings(deadline=None)
@example('\x7f\\"\n\x00\u2028')
@given(st.text(st.characters(blacklist_categories=["Cs"])))
def test_any_text_survives_quoting(value: str) -> None:
    assert parse_value(quoted(value)) == value


def parse_value(value: str) -> Any:
    import tomllib

    return tomllib.loads(f"key = {value}")["key"]


@settings(deadline=None)
@example("t", "~", "~n", "~k", False)
@given(NAMES, NAMES, NAMES, NAMES, st.booleans())
def test_any_title_and_path_survive_the_configuration(
    title: str, parent: str, name: str, kind: str, flat: bool
) -> None:
    site = Path("/srv") / parent
    found = Found(site, Survey(topics=[kind]), Told(title=title), "" if flat else name)
    proposal = propose(found, site, Wishes(title=f"{title}x"), NOON, lambda place: True)
    config = parse(text(proposal), "feedd.toml", site)

    assert config.site.title == f"{title}x".strip()
    assert config.content.path == (site if flat else site / name)
    assert config.taxonomy.topics == (site / kind,)
    assert not config.output.path.is_relative_to(config.content.path)
    assert not config.state.path.is_relative_to(config.content.path)


CATEGORIES = st.sampled_from(["", "", "news", "events", "künste"])


@settings(deadline=None)
@given(st.lists(st.tuples(NAMES | st.sampled_from(["A", "a", "á", "Á"]), CATEGORIES), max_size=9), NAMES)
def test_any_folders_and_categories_give_a_configuration(folders: list[tuple[str, str]], pages: str) -> None:
    seen = [Seen(f"{name}/{count}.md", category=category) for count, (name, category) in enumerate(folders)]
    found = find(Path("/srv/a"), Survey(seen=seen, pages=[f"{pages}/page.md"]), Told())
    proposal = propose(found, Path("/srv/a"), Wishes(), NOON, lambda place: True)
    config = parse(text(proposal), "feedd.toml", Path("/srv/a"))

    assert [(one.name, one.folders) for one in config.collections] == [
        (one.name, one.folders) for one in proposal.groups if one.folders or one.name != "articles"
    ]


# Generators


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, Told()),
        ({"config.yaml": "BaseURL: https://a.example/b\ntitle: A\n"}, Told("Hugo", "A", "https://a.example/b/")),
        ({"config.toml": "port = 80"}, Told()),
        ({"hugo.toml": "baseURL = '/'", "CNAME": "c.example\n"}, Told("Hugo", "", "https://c.example/")),
        ({"_config.yml": "title: [1]\nurl: 'javascript:x'\nlang: de"}, Told("Jekyll", language="de")),
        ({"_config.yml": ": broken", "CNAME": "no domain"}, Told("Jekyll")),
        ({"_config.yml": "url: https://a.example/?x"}, Told("Jekyll")),
        ({".eleventy.js": "", "CNAME": "www.d.example"}, Told("Eleventy", url="https://d.example/")),
        ({"hugo.toml": "a" * 300_000}, Told()),
    ],
)  # fmt: skip
def test_what_a_generator_tells(tmp_path: Path, files: dict[str, str], expected: Told) -> None:
    assert told(write(tmp_path, files)) == expected


def test_a_pipe_in_the_place_of_a_configuration_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "hugo.toml")

    assert told(tmp_path) == Told()


# All of it


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def got(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


@pytest.mark.slow
def test_a_newcomer_has_a_site_in_a_browser_and_sees_an_edit(tmp_path: Path) -> None:
    found = report(tmp_path / "site", "--listen", f"127.0.0.1:{free_port()}")
    url, sample = found["next"]["browser"], tmp_path / "site" / "content" / "the-ferry-that-waits.md"
    with Service(Path(found["config"]), tmp_path) as service:
        service.wait_for("READY=1")
        eventually(lambda: "umbrellas" in got(url))
        assert "The ferry that waits for umbrellas" in got(f"{url}all.atom")

        sample.write_text(sample.read_text(encoding="utf-8").replace("umbrellas", "parrots"), encoding="utf-8")

        eventually(lambda: "The ferry that waits for parrots" in got(f"{url}topics/weather.json"))
        assert service.stop() == 0


# Real articles


real = pytest.mark.skipif(not REAL, reason="FEEDD_REAL_INPUT does not name a directory of real articles")


@real
@pytest.mark.slow
def test_real_articles_are_found_with_their_collection_and_taxonomy(tmp_path: Path) -> None:
    site = tmp_path / "site"
    shutil.copytree(Path(REAL) / "corpus" / "powerapps", site, copy_function=shutil.copyfile)
    site.chmod(0o755)
    found, given = report(site), built(site)
    config = load(Path(found["config"]))

    assert config.content.path == site / "_news"
    assert [(one.name, one.folders) for one in config.collections] == [("news", (".",))]
    assert config.taxonomy.topics == (site / "_data" / "topics",)
    assert config.taxonomy.providers == (site / "_data" / "organizations",)
    assert found["public"] == given["public"] == 428
    assert len(found["feeds"]) == given["feeds"] == 1 + 7 + 15
    assert [one for one in given["problems"] if one["severity"] == "error"] == []


@real
@pytest.mark.slow
def test_real_seeds_are_found_though_they_are_text_files(tmp_path: Path) -> None:
    site = tmp_path / "site"
    shutil.copytree(Path(REAL) / "seeds", site, copy_function=shutil.copyfile)
    site.chmod(0o755)
    found, given = report(site), built(site)

    assert load(Path(found["config"])).content.include == ("**/*.txt",)
    assert [one["name"] for one in found["collections"]] == ["news"]
    assert found["public"] == given["public"] == 1
    assert len(found["feeds"]) == given["feeds"]
    assert [one for one in given["problems"] if one["severity"] == "error"] == []


@pytest.mark.parametrize(
    ("named", "remedy"),
    [
        ("contnt", "Did you mean content?"),
        ("posts", "Did you mean site/posts?"),
        ("site/post", "Did you mean site/posts?"),
        ("elsewhere", "Name the directory in which your articles lie."),
        ("no/where", "Name the directory in which your articles lie."),
    ],
)
def test_articles_in_a_directory_that_is_not_there_are_refused_and_nothing_is_made(
    named: str, remedy: str, tmp_path: Path
) -> None:
    write(tmp_path, {"content/a.md": article("A"), "site/posts/b.md": article("B")})
    before = below(tmp_path)
    with contextlib.chdir(tmp_path):
        result = feedd("init", "site", "--content", named)

    assert result.exit_code == 2
    assert f"{named}: there is no such directory. {remedy}" in result.stderr
    assert below(tmp_path) == before


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"hugo.toml": 'baseURL = "https://h.example/"'}, "If they are, as Hugo has it, use published_default: 4"),
        ({"_config.yml": "title: x"}, "If they are, as Jekyll has it, use published_default: 4"),
        ({}, "If they are, use published_default: 4"),
    ],
    ids=["Hugo", "Jekyll", "neither"],
)
def test_what_becomes_of_articles_that_do_not_say_is_told_once(
    files: dict[str, str], words: str, tmp_path: Path
) -> None:
    unsaid = {f"content/{name}{count}.md": article(name, published=None) for name in ("x/a", "y/b") for count in (1, 2)}
    site = write(tmp_path / "site", {**unsaid, **files})
    told = " ".join(report(site)["configuration"].replace("\n#", "").split())

    assert told.count("Here, 2 of 2 articles do not say whether they are published, so they are not.") == 2
    assert told.count(words) == told.count("published_default: 4 more become public, in all collections together.") == 1


def test_a_dry_run_names_no_configuration_that_is_not_there(tmp_path: Path) -> None:
    files = {f"{count}.md": f"---\ntitle: T\ndate: never\nbad{count}: x\n---\n" for count in range(5)}
    result = feedd("init", write(tmp_path / "site", files), "--dry-run")

    assert "more: `feedd check` names them once the configuration is written" in result.stderr
    assert "--config" not in result.stderr
