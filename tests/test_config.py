"""The configuration: what a mistake is answered with, and that the file for admins tells the truth."""

import os
import re
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple, cast, get_args, get_origin

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from packages import install, project

from feedd import config as module
from feedd.config import (
    Collection,
    Config,
    FeedConfig,
    Output,
    ProviderConfig,
    Site,
    TopicConfig,
    load,
    parse,
)
from feedd.config.schema import schema
from feedd.errors import ConfigError, Problem
from feedd.testing import UNMEASURED

BASE = Path("/srv/site")
SAMPLE = Path(__file__).parent.parent / "config" / "feedd.toml"

SITE = """\
[site]
title = "Everyday"
url = "https://everyday.example/"
feeds_url = "https://everyday.example/feeds/"
"""

# Section 10 of the design: these names are settled.
SMALLEST = """\
[site]
title = "Power Apps Every Day"
url = "https://everyday.example/powerapps/"             # the site that the feeds are about
feeds_url = "https://everyday.example/powerapps/feeds/"  # where the output directory is served

[content]
path = "content"                # include = ["**/*.md"] unless told otherwise

[output]
path = "feeds"                  # formats = ["atom", "rss", "json"], limit = 50

[state]
path = "state"
"""


def read(text: str) -> Config:
    """The configuration of a site with this text below its [site], which takes the lines 1 to 4."""
    return parse(SITE + text, "feedd.toml", BASE)


def complaint(text: str) -> str:
    """All problems of a whole text, as an admin sees them."""
    with pytest.raises(ConfigError) as caught:
        parse(text, "feedd.toml", BASE)
    return str(caught.value)


def run(program: str, environment: dict[str, str]) -> str:
    """What a Python program prints that gets the sample as its argument."""
    command = [sys.executable, "-c", program, SAMPLE]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=True,
        cwd=SAMPLE.parent.parent,
        env=os.environ | environment,
    )
    return done.stdout


# --- What is right ---


def test_the_smallest_configuration_has_the_documented_defaults() -> None:
    found = parse(SMALLEST, "feedd.toml", BASE)

    assert found == Config(
        site=Site(
            title="Power Apps Every Day",
            url="https://everyday.example/powerapps/",
            feeds_url="https://everyday.example/powerapps/feeds/",
            description="",
            language="en",
            id_authority="everyday.example",
            id_date="2020",
        ),
        content=module.Content(
            path=Path("/srv/site/content"),
            include=("**/*.md",),
            exclude=(
                "**/_data/**",
                "**/_site/**",
                "**/_includes/**",
                "**/_layouts/**",
                "**/node_modules/**",
                "**/vendor/**",
            ),
            timezone="UTC",
            own_pages="",
            amp=False,
            repair_mojibake=True,
            max_bytes=1024 * 1024,
        ),
        collections=(),
        taxonomy=module.Taxonomy(
            topics=(),
            providers=(),
            unknown_topics="feed",
            rollup=False,
            inline_topics=(),
            inline_providers=(),
        ),
        output=Output(
            path=Path("/srv/site/feeds"),
            formats=("atom", "rss", "json"),
            limit=50,
            ttl=60,
            collections=(),
            all=True,
            topics=True,
            providers=True,
            all_title="{site}",
            topic_title="{site}: {name}",
            provider_title="{site}: {name}",
            description="{title}",
        ),
        state=module.State(path=Path("/srv/site/state")),
        guard=module.Guard(fraction=0.2, count=10),
        watch=module.Watch(quiet=0.05, limit=1.0, mode="auto", poll=10.0, configuration=True),
        schedule=module.Schedule(rescan=3600.0, timezone="UTC"),
        control=module.Control(socket=Path("/srv/site/state/control.sock")),
        log=module.Log(level="info", format="text"),
        feeds=(),
    )


def test_only_the_site_is_required() -> None:
    assert read("") == parse(SITE + '[content]\npath = "content"\n[output]\n[state]\n', "feedd.toml", BASE)


def test_every_kind_of_table_is_read() -> None:
    found = read("""
[[collection]]
name = "news"
folders = ["posts/news/", "."]
[[taxonomy.topic]]
name = "AI"
aliases = ["ai", "Künstliche Intelligenz"]
[[taxonomy.provider]]
name = "News"
domain = "WWW.News.Example"
[[feed]]
name = "ai"
topics = ["AI"]
min_quality = 60
max_age = "7d"
languages = ["PT-br"]
order = "heat"
""")

    assert found.collections == (Collection("news", ("posts/news", ".")),)
    assert found.taxonomy.inline_topics == (TopicConfig("AI", aliases=("ai", "Künstliche Intelligenz")),)
    assert found.taxonomy.inline_providers == (ProviderConfig("News", "news.example"),)
    assert found.feeds == (
        FeedConfig(
            "ai",
            title="ai",
            topics=("AI",),
            languages=("pt-BR",),
            min_quality=60,
            max_age=7 * 24 * 3600,
            limit=50,
            order="heat",
        ),
    )


def test_a_feed_without_title_or_limit_takes_its_name_and_the_limit_of_the_output() -> None:
    found = read('[output]\nlimit = 7\n[[feed]]\nname = "a"\n[[feed]]\nname = "b"\ntitle = "B"\nlimit = 3\n')

    assert [(feed.title, feed.limit) for feed in found.feeds] == [("a", 7), ("B", 3)]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("", None), ("90m", 5400), ("12h", 43200), ("7d", 604800), ("2w", 1209600), ("36500d", 3153600000)],
)
def test_a_duration_is_in_seconds(text: str, seconds: int | None) -> None:
    assert read(f'[[feed]]\nname = "a"\nmax_age = "{text}"\n').feeds[0].max_age == seconds


@pytest.mark.parametrize(
    ("text", "seconds"), [("0ms", 0), ("50ms", 0.05), ("2s", 2), ("5m", 300), ("24h", 86400), ("999999h", 3599996400)]
)
def test_a_span_is_in_seconds(text: str, seconds: float) -> None:
    assert read(f'[watch]\nquiet = "{text}"\n').watch.quiet == seconds


@pytest.mark.parametrize(
    ("text", "value"),
    [("1000ms", 1), ("1s", 1), ("12h", 43200), ("30 4 * * *", "30 4 * * *"), ("@daily", "@daily")],
)
def test_everything_is_looked_at_every_so_often_or_at_moments(text: str, value: float | str) -> None:
    assert read(f'[schedule]\nrescan = "{text}"\n').schedule.rescan == value


@pytest.mark.parametrize("text", ["", "0 7 * * 1-5", "@weekly"])
def test_a_schedule_stays_as_it_is_written(text: str) -> None:
    assert read(f'[[feed]]\nname = "a"\nschedule = "{text}"\n').feeds[0].schedule == text


def test_base_urls_end_in_a_slash() -> None:
    text = '[site]\ntitle = "A"\nurl = "https://a.example"\nfeeds_url = "http://a.example:8000/feeds"\n'
    site = parse(text, "feedd.toml", BASE).site

    assert (site.url, site.feeds_url) == ("https://a.example/", "http://a.example:8000/feeds/")


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("https://News.Example:8443/", "news.example"),
        ("https://münchen.example/", "xn--mnchen-3ya.example"),
    ],
)
def test_the_id_authority_is_the_host_of_the_url(url: str, authority: str) -> None:
    text = SITE.replace("https://everyday.example/", url, 1)

    assert parse(text, "feedd.toml", BASE).site.id_authority == authority


def test_a_written_id_authority_stays() -> None:
    assert read('id_authority = "me@old.example"\nid_date = "2019-06"\n').site.id_authority == "me@old.example"


def test_relative_paths_start_from_the_directory_of_the_file(tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "feedd.toml").write_text(
        SITE + '[content]\npath = "../articles"\n[output]\npath = "/srv/feeds"\n[taxonomy]\ntopics = ["t/./a"]\n'
    )
    monkeypatch.chdir(tmp_path)
    found = load(Path("etc/feedd.toml"))

    assert found.content.path == tmp_path / "articles"
    assert found.output.path == Path("/srv/feeds")
    assert found.state.path == tmp_path / "etc" / "state"
    assert found.taxonomy.topics == (tmp_path / "etc" / "t" / "a",)


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    file = tmp_path / "feedd.toml"
    file.write_bytes(b"\xef\xbb\xbf" + SMALLEST.replace("\n", "\r\n").encode())

    assert load(file) == parse(SMALLEST, "feedd.toml", tmp_path)


# --- What is wrong: the exact words ---

MOMENTS_WORDS = (
    'Write minute, hour, day of the month, month and day of the week in quotes, such as "0 7 * * 1-5", or "" for none.'
)
RESCAN_WORDS = (
    'Write a whole number with s, m or h in quotes, at least a second, such as "1h", '
    'or minute, hour, day of the month, month and day of the week, such as "30 4 * * *".'
)

BELOW_SITE = {
    # keys and tables
    "unknown key": (
        "[output]\nlimt = 5\n",
        "feedd.toml:6: output.limt: is not a known key. Did you mean limit?",
    ),
    "camel case": (
        "[output]\ntopicTitle = 5\n",
        "feedd.toml:6: output.topicTitle: is not a known key. Did you mean topic_title?",
    ),
    "kebab case": (
        "[content]\nmax-bytes = 5\n",
        "feedd.toml:6: content.max-bytes: is not a known key. Did you mean max_bytes?",
    ),
    "key of another table": (
        "[content]\nlimit = 5\n",
        "feedd.toml:6: content.limit: is not a known key. It belongs below [output], [watch] or [[feed]].",
    ),
    "key like one of another table": (
        "[state]\nfractoin = 1\n",
        "feedd.toml:6: state.fractoin: is not a known key. Did you mean fraction? It belongs below [guard].",
    ),
    "key like no other": (
        "[guard]\nxyzzy = 1\n",
        "feedd.toml:6: guard.xyzzy: is not a known key. Known here: fraction and count.",
    ),
    "key that no one could type": (
        '[guard]\n"\\u0000" = 1\n',
        "feedd.toml:6: guard.'\\x00': is not a known key. Known here: fraction and count.",
    ),
    "unknown table": (
        '[outputs]\npath = "x"\n',
        "feedd.toml:5: outputs: is not a known table. Did you mean [output]?",
    ),
    "unknown tables": (
        '\n[[feeds]]\nname = "x"\n',
        "feedd.toml:6: feeds: is not a known table. Did you mean [[feed]]?",
    ),
    "table like no other": (
        "[xyzzy.plugh]\n",
        "feedd.toml:5: xyzzy: is not a known table. "
        "Known: [site], [content], [[collection]], [taxonomy], [[taxonomy.topic]], [[taxonomy.provider]], [output], "
        "[pages], [websub], [hooks], [server], [monitoring], [state], [guard], [watch], [schedule], [control], [log] "
        "and [[feed]].",
    ),
    "missing key": (
        '[[feed]]\ntitle = "x"\n',
        'feedd.toml:5: feed[1].name: is missing. Add name = "…" below [[feed]]: '
        'up to 100 small letters, digits and hyphens, a hyphen not first, such as "power-apps".',
    ),
    "missing domain": (
        '[[taxonomy.provider]]\nname = "x"\n',
        "feedd.toml:5: taxonomy.provider[1].domain: is missing. "
        'Add domain = "…" below [[taxonomy.provider]]: a domain, such as "example.org".',
    ),
    "one table for several": (
        '[feed]\nname = "x"\n',
        "feedd.toml:5: feed: is a table. Write [[feed]], in double brackets, above each of them.",
    ),
    "several tables for one": (
        '[[output]]\npath = "x"\n',
        "feedd.toml:5: output: is in double brackets, but there is only one. Write its keys on lines below [output].",
    ),
    "value for a table": (
        "[taxonomy]\ntopic = [5]\n",
        "feedd.toml:6: taxonomy.topic[1]: is 5. Write its keys on lines below [[taxonomy.topic]].",
    ),
    # types and ranges
    "text for a number": (
        '[output]\nlimit = "50"\n',
        'feedd.toml:6: output.limit: is "50". Write a whole number from 1 to 1000, without quotes.',
    ),
    "number out of range": (
        "[output]\nlimit = 1001\n",
        "feedd.toml:6: output.limit: is 1001. Write a whole number from 1 to 1000.",
    ),
    "number without end": (
        f"[output]\nttl = 0x{'f' * 5000}\n",
        "feedd.toml:6: output.ttl: is a number of more than 20 digits. Write a whole number from 1 to 10080.",
    ),
    "fraction for a number": (
        "[content]\nmax_bytes = 5000.5\n",
        "feedd.toml:6: content.max_bytes: is 5000.5. Write a whole number from 4096 to 67108864.",
    ),
    "negative minimum": (
        '[[feed]]\nname = "a"\nmin_heat = -1\n',
        "feedd.toml:7: feed[1].min_heat: is -1. Write a whole number from 0 to 1000000000.",
    ),
    "text for a minimum": (
        '[[feed]]\nname = "a"\nmin_heat = "5"\n',
        'feedd.toml:7: feed[1].min_heat: is "5". Write a whole number from 0 to 1000000000, without quotes.',
    ),
    "no number": (
        "[guard]\nfraction = nan\n",
        "feedd.toml:6: guard.fraction: is nan. Write a number from 0 to 1.",
    ),
    "text for a truth value": (
        '[content]\namp = "yes"\n',
        'feedd.toml:6: content.amp: is "yes". Write true or false, without quotes.',
    ),
    "number for text": (
        "description = 1984\n",
        "feedd.toml:5: site.description: is 1984. Write text in quotes.",
    ),
    "truth value for text": (
        "description = true\n",
        "feedd.toml:5: site.description: is true. Write text in quotes.",
    ),
    "date for text": (
        "id_date = 2020-06-30\n",
        "feedd.toml:5: site.id_date: is 2020-06-30. "
        'Write a year, month or day in quotes, such as "2020", "2020-06" or "2020-06-30".',
    ),
    "text for a list": (
        '[output]\nformats = "atom"\n',
        'feedd.toml:6: output.formats: is "atom". Write a list with at least one item, each "atom", "rss", "json" or '
        "what an installed package brings.",
    ),
    "text for a list of text": (
        '[[feed]]\nname = "a"\ntopics = "AI"\n',
        'feedd.toml:7: feed[1].topics: is "AI". Write a list, each item text in quotes. Put it in brackets: ["AI"].',
    ),
    "empty list": (
        "[content]\ninclude = []\n",
        "feedd.toml:6: content.include: is an empty list. "
        'Write a list with at least one item, each a pattern in quotes, such as "news/**/*.md".',
    ),
    "blank text": (
        '[[taxonomy.topic]]\nname = " "\n',
        "feedd.toml:6: taxonomy.topic[1].name: is blank. Write text in quotes.",
    ),
    "empty text": (
        '[[taxonomy.topic]]\nname = ""\n',
        'feedd.toml:6: taxonomy.topic[1].name: is "". Write text in quotes.',
    ),
    "long text": (
        f'language = "{"x" * 99}"\n',
        f'feedd.toml:5: site.language: is "{"x" * 59}…". Write a language tag, such as "en" or "pt-BR".',
    ),
    "control character": (
        'description = "\\u0007"\n',
        "feedd.toml:5: site.description: holds the character U+0007. "
        "Leave it out: neither feeds nor paths can carry it.",
    ),
    "NUL in a path": (
        '[output]\npath = "a\\u0000"\n',
        "feedd.toml:6: output.path: holds the character U+0000. Leave it out: neither feeds nor paths can carry it.",
    ),
    # choices
    "unknown choice": (
        '[taxonomy]\nunknown_topics = "ignored"\n',
        'feedd.toml:6: taxonomy.unknown_topics: is "ignored". Write "feed" or "ignore". Did you mean "ignore"?',
    ),
    "unknown choice like no other": (
        '[[feed]]\nname = "a"\norder = "xyzzy"\n',
        'feedd.toml:7: feed[1].order: is "xyzzy". Write "newest", "oldest", "quality" or "heat".',
    ),
    "unknown format": (
        '[output]\nformats = ["rss", "atm"]\n',
        'feedd.toml:6: output.formats[2]: is "atm", a format that neither feedd nor an installed package writes. '
        'Write "atom", "rss" or "json". Did you mean "atom"?',
    ),
    "format twice": (
        '[output]\nformats = ["rss", "atom", "rss"]\n',
        'feedd.toml:6: output.formats: holds "rss" twice. Name each once.',
    ),
    # forms
    "language": (
        'language = "en_US"\n',
        'feedd.toml:5: site.language: is "en_US". Write a language tag, such as "en" or "pt-BR".',
    ),
    "authority": (
        'id_authority = "https://a.example"\n',
        'feedd.toml:5: site.id_authority: is "https://a.example". '
        'Write a domain or an e-mail address of yours, such as "example.org".',
    ),
    "no date": (
        'id_date = "2020-13"\n',
        'feedd.toml:5: site.id_date: is "2020-13", which is no date. '
        'Write a year, month or day in quotes, such as "2020", "2020-06" or "2020-06-30".',
    ),
    "time zone": (
        '[content]\ntimezone = "europe/berln"\n',
        'feedd.toml:6: content.timezone: is "europe/berln", which is no known time zone. Did you mean "Europe/Berlin"?',
    ),
    "time zone like no other": (
        '[content]\ntimezone = "../../etc/passwd"\n',
        'feedd.toml:6: content.timezone: is "../../etc/passwd", which is no known time zone. '
        'Write the name of a time zone, such as "UTC" or "Europe/Berlin".',
    ),
    "page of a relative URL": (
        '[content]\nown_pages = "/{slug}/"\n',
        'feedd.toml:6: content.own_pages: is "/{slug}/". '
        'Write an absolute http or https URL with {slug}, or "" for none.',
    ),
    "page without slug": (
        '[content]\nown_pages = "https://a.example/"\n',
        'feedd.toml:6: content.own_pages: is "https://a.example/", which gives all articles one URL. '
        "Put {slug} where the file's name belongs.",
    ),
    "placeholder": (
        '[output]\ntopic_title = "{topic}"\n',
        "feedd.toml:6: output.topic_title: holds an unknown placeholder {topic}. "
        "Known: {site} and {name}. Write {{ and }} for the braces themselves.",
    ),
    "placeholder that reaches for an attribute": (
        '[output]\ndescription = "{site.__class__}"\n',
        "feedd.toml:6: output.description: holds an unknown placeholder {site.__class__}. "
        "Known: {site}, {name} and {title}. Write {{ and }} for the braces themselves.",
    ),
    "placeholder with a format": (
        '[output]\ndescription = "{site:>9999999999}"\n',
        "feedd.toml:6: output.description: holds an unknown placeholder {site}. "
        "Known: {site}, {name} and {title}. Write {{ and }} for the braces themselves.",
    ),
    "lone brace": (
        '[output]\nall_title = "{site"\n',
        'feedd.toml:6: output.all_title: is "{site", with a brace that has no partner. '
        "Write {{ and }} for the braces themselves.",
    ),
    "feed name": (
        '[[feed]]\nname = "../a"\n',
        'feedd.toml:6: feed[1].name: is "../a". '
        'Write up to 100 small letters, digits and hyphens, a hyphen not first, such as "power-apps".',
    ),
    "feed name with a line end": (
        '[[feed]]\nname = "a\\n"\n',
        "feedd.toml:6: feed[1].name: is 'a\\n'. "
        'Write up to 100 small letters, digits and hyphens, a hyphen not first, such as "power-apps".',
    ),
    "feed name of feedd's own": (
        '[[feed]]\nname = "topics"\n',
        'feedd.toml:6: feed[1].name: is "topics", a name that feedd itself uses. '
        "Choose a name other than all, topics, providers, index, feeds and assets.",
    ),
    "duration": (
        '[[feed]]\nname = "a"\nmax_age = "7 days"\n',
        'feedd.toml:7: feed[1].max_age: is "7 days". '
        'Write a whole number with m, h, d or w in quotes, such as "90m", "12h" or "7d", or "" for none.',
    ),
    "duration beyond the calendar": (
        '[[feed]]\nname = "a"\nmax_age = "999999999w"\n',
        'feedd.toml:7: feed[1].max_age: is "999999999w", which is more than a century. '
        'Write a whole number with m, h, d or w in quotes, such as "90m", "12h" or "7d", or "" for none.',
    ),
    "span": (
        '[watch]\nquiet = "5 s"\n',
        'feedd.toml:6: watch.quiet: is "5 s". '
        'Write a whole number with ms, s, m or h in quotes, such as "50ms" or "2s".',
    ),
    "span without unit": (
        "[watch]\nlimit = 1\n",
        'feedd.toml:6: watch.limit: is 1. Write a whole number with ms, s, m or h in quotes, such as "50ms" or "2s".',
    ),
    "interval that leaves no time": (
        '[watch]\npoll = "999ms"\n',
        'feedd.toml:6: watch.poll: is "999ms", which is less than a second. '
        'Write a whole number with s, m or h in quotes, at least a second, such as "10s".',
    ),
    "rescan": (
        '[schedule]\nrescan = "hourly"\n',
        f'feedd.toml:6: schedule.rescan: is "hourly". {RESCAN_WORDS}',
    ),
    "rescan that leaves no time": (
        '[schedule]\nrescan = "500ms"\n',
        f'feedd.toml:6: schedule.rescan: is "500ms", which is less than a second. {RESCAN_WORDS}',
    ),
    "rescan without quotes": (
        "[schedule]\nrescan = 60\n",
        f"feedd.toml:6: schedule.rescan: is 60. {RESCAN_WORDS}",
    ),
    "rescan as in cron": (
        '[schedule]\nrescan = "60 4 * * *"\n',
        f'feedd.toml:6: schedule.rescan: is "60 4 * * *", but its minute 60 is not from 0 to 59. {RESCAN_WORDS}',
    ),
    "schedule": (
        '[[feed]]\nname = "a"\nschedule = "0 25 * * *"\n',
        f'feedd.toml:7: feed[1].schedule: is "0 25 * * *", but its hour 25 is not from 0 to 23. {MOMENTS_WORDS}',
    ),
    "schedule that never comes": (
        '[[feed]]\nname = "a"\nschedule = "0 0 30 2 *"\n',
        'feedd.toml:7: feed[1].schedule: is "0 0 30 2 *", but no month that it names has such a day, '
        f"so it never comes. {MOMENTS_WORDS}",
    ),
    "schedule as a span": (
        '[[feed]]\nname = "a"\nschedule = "1h"\n',
        f'feedd.toml:7: feed[1].schedule: is "1h", but it has 1 field, not 5. {MOMENTS_WORDS}',
    ),
    "schedule of a calendar of one's own": (
        '[[feed]]\nname = "a"\nschedule = "@noon"\n',
        'feedd.toml:7: feed[1].schedule: is "@noon", but @noon is none of @hourly, @daily, @midnight, @weekly, '
        f"@monthly, @yearly, @annually. {MOMENTS_WORDS}",
    ),
    "time zone of schedules": (
        '[schedule]\ntimezone = "berlin"\n',
        'feedd.toml:6: schedule.timezone: is "berlin", which is no known time zone. Did you mean "Europe/Berlin"?',
    ),
    "domain": (
        '[[taxonomy.provider]]\nname = "x"\ndomain = "https://x.example"\n',
        'feedd.toml:7: taxonomy.provider[1].domain: is "https://x.example". Did you mean "x.example"?',
    ),
    "URL": (
        '[[taxonomy.provider]]\nname = "x"\ndomain = "x.example"\nicon = "javascript:alert(1)"\n',
        'feedd.toml:8: taxonomy.provider[1].icon: is "javascript:alert(1)". '
        'Write an absolute http or https URL, or "" for none.',
    ),
    "pattern": (
        '[content]\ninclude = ["/srv/**/*.md"]\n',
        'feedd.toml:6: content.include[1]: is "/srv/**/*.md", but patterns are for paths below content.path. '
        'Write a pattern in quotes, such as "news/**/*.md".',
    ),
    "path of a home": (
        '[content]\npath = "~/articles"\n',
        'feedd.toml:6: content.path: is "~/articles", but ~ means nothing here. Write the path in full.',
    ),
    "empty path": (
        '[content]\npath = ""\n',
        'feedd.toml:6: content.path: is "". Write a path in quotes.',
    ),
    "folder outside": (
        '[[collection]]\nname = "a"\nfolders = ["b/../../c"]\n',
        'feedd.toml:7: collection[1].folders[1]: is "b/../../c", which leaves content.path. '
        "Name a folder below content.path.",
    ),
    "absolute folder": (
        '[[collection]]\nname = "a"\nfolders = ["/c"]\n',
        'feedd.toml:7: collection[1].folders[1]: is "/c", an absolute path. '
        "Write the folder as seen from content.path.",
    ),
    # what must fit together
    "output is the content": (
        '[output]\npath = "content"\n',
        "feedd.toml:6: output.path: is content.path, so feedd would read its own feeds. "
        "Choose a directory apart from /srv/site/content.",
    ),
    "output in the content": (
        '[output]\npath = "content/feeds"\n',
        "feedd.toml:6: output.path: is inside content.path, so feedd would read its own feeds. "
        "Choose a directory apart from /srv/site/content.",
    ),
    "content in the output": (
        '[output]\npath = "/srv/web"\n[content]\npath = "/srv/web/content"\n',
        "feedd.toml:6: output.path: holds content.path, so the articles' sources would be served. "
        "Choose a directory apart from /srv/web/content.",
    ),
    "state is the output": (
        '[state]\npath = "./x/../feeds"\n',
        "feedd.toml:6: state.path: is output.path, so the state would be served. "
        "Choose a directory apart from /srv/site/feeds.",
    ),
    "state in the content": (
        '[state]\npath = "content/.state"\n',
        "feedd.toml:6: state.path: is inside content.path, "
        "so each write of the state would look like a change of the content. "
        "Choose a directory apart from /srv/site/content.",
    ),
    "two listeners at one address": (
        '[server]\nlisten = "127.0.0.1:8000"\n[monitoring]\nlisten = "127.0.0.1:8000"\n',
        'feedd.toml:8: monitoring.listen: has "127.0.0.1:8000", as has server.listen in line 6. '
        'Name another address; only "systemd" may be both.',
    ),
    "address": (
        '[server]\nlisten = "8000"\n',
        'feedd.toml:6: server.listen: is "8000". Write a host and a port, such as "127.0.0.1:8000", the path of a Unix '
        'socket, such as "/run/feedd/http.sock", "systemd", or "" for none.',
    ),
    "port": (
        '[server]\nlisten = "127.0.0.1:80000"\n',
        'feedd.toml:6: server.listen: is "127.0.0.1:80000", but a port is a number from 1 to 65535. '
        'Write a host and a port, such as "127.0.0.1:8000", the '
        'path of a Unix socket, such as "/run/feedd/http.sock", "systemd", or "" for none.',
    ),
    "hub": (
        '[websub]\nhubs = ["hub.example"]\n',
        'feedd.toml:6: websub.hubs[1]: is "hub.example". Did you mean "https://hub.example"?',
    ),
    "two feeds of one name": (
        '[[feed]]\nname = "a"\n[[feed]]\nname = "a"\n',
        'feedd.toml:8: feed[2].name: has "a", as has feed[1].name in line 6. Give each [[feed]] a name of its own.',
    ),
    "two collections of one name": (
        '[[collection]]\nname = "a"\n[[collection]]\nname = "a"\n',
        'feedd.toml:8: collection[2].name: has "a", as has collection[1].name in line 6. '
        "Give each [[collection]] a name of its own.",
    ),
    "one folder of two collections": (
        '[[collection]]\nname = "a"\nfolders = ["x"]\n[[collection]]\nname = "b"\nfolders = ["./x"]\n',
        'feedd.toml:10: collection[2].folders: has "x", as has collection[1].folders in line 7. '
        "Name each folder in one [[collection]] only.",
    ),
    "one name of two topics": (
        '[[taxonomy.topic]]\nname = "Power  Apps"\n[[taxonomy.topic]]\nname = "x"\naliases = ["power apps"]\n',
        'feedd.toml:9: taxonomy.topic[2].aliases: has "power apps", as has taxonomy.topic[1].name in line 6. '
        "Let each name mean one topic only.",
    ),
    "one domain of two providers": (
        '[[taxonomy.provider]]\nname = "x"\ndomain = "x.example"\n'
        '[[taxonomy.provider]]\nname = "y"\ndomain = "www.x.example"\n',
        'feedd.toml:10: taxonomy.provider[2].domain: has "x.example", as has taxonomy.provider[1].domain in line 7. '
        "Let each domain mean one provider only.",
    ),
    # TOML; more in tests/wrong
    "no equals sign": (
        "[content]\npath\n",
        "feedd.toml:6: is not TOML in column 5: a key has no value. Write path = VALUE, or # in front of the line.",
    ),
    "key twice": (
        'description = "a"\ndescription = "b"\n',
        "feedd.toml:6: is not TOML in column 18: description is set a second time; line 5 sets it, too. "
        "Leave one of them out.",
    ),
    "list without end": (
        "[content]\ninclude = [\n\n",
        "feedd.toml:6: is not TOML at the end of the file: the list is not closed, or lacks a comma. "
        "Put a comma between its items, and ] at its end.",
    ),
    "number that Python refuses": (
        f"[output]\nlimit = {'9' * 5000}\n",
        "feedd.toml: is not TOML: a number has too many digits. Write a smaller one.",
    ),
    "nested without end": (
        f"[output]\nlimit = {'[' * 50_000}\n",
        "feedd.toml: is not TOML: lists or tables are nested too deep. Write less brackets.",
    ),
}


@pytest.mark.parametrize(("text", "words"), BELOW_SITE.values(), ids=BELOW_SITE)
def test_a_mistake_is_named_with_line_and_remedy(text: str, words: str) -> None:
    assert complaint(SITE + text) == words


BASE_URL_WORDS = 'Write an absolute http or https URL, such as "https://example.org/".'


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("everyday.example", 'is "everyday.example". Did you mean "https://everyday.example"?'),
        ("ftp://a.example/", f'is "ftp://a.example/". {BASE_URL_WORDS}'),
        ("https:///path", f'is "https:///path". {BASE_URL_WORDS}'),
        ("https://a b.example/", f'is "https://a b.example/". {BASE_URL_WORDS}'),
        (
            "https://a.example:99999/",
            'is "https://a.example:99999/", but a port is a number from 1 to 65535. '
            "Leave the port out, or write that of the server.",
        ),
        ("https://[::1/", f'is "https://[::1/". {BASE_URL_WORDS}'),
        ("https://a.example/{slug}", f'is "https://a.example/{{slug}}". {BASE_URL_WORDS}'),
        (
            "https://a.example/?p=1",
            'is "https://a.example/?p=1", but other URLs start with it. Leave out what is after the ? or #.',
        ),
        (
            "https://me:secret@a.example/",
            "holds a user name or password, which every subscriber would see. Leave out what is before the @.",
        ),
    ],
)
def test_a_base_url_is_an_absolute_one_that_others_can_start_with(url: str, words: str) -> None:
    text = SITE.replace("https://everyday.example/feeds/", url)

    assert complaint(text) == f"feedd.toml:4: site.feeds_url: {words}"


def test_a_host_that_can_be_no_authority_is_named() -> None:
    assert complaint(SITE.replace("https://everyday.example/", "http://[::1]:8000/", 1)) == (
        'feedd.toml:1: site.id_authority: cannot be taken from site.url, "http://[::1]:8000/". '
        'Write a domain or an e-mail address of yours, such as "example.org".'
    )


def test_a_file_without_settings_is_told_what_there_must_be() -> None:
    assert complaint("# nothing yet\n") == (
        "feedd.toml: holds no settings. "
        "Write [site] with title, url and feeds_url, or let `feedd init` write a whole file."
    )


def test_a_table_without_its_keys_misses_what_is_required() -> None:
    assert complaint("[site]\n").splitlines() == [
        'feedd.toml:1: site.title: is missing. Add title = "…" below [site]: text in quotes.',
        'feedd.toml:1: site.url: is missing. Add url = "…" below [site]: '
        'an absolute http or https URL, such as "https://example.org/".',
        'feedd.toml:1: site.feeds_url: is missing. Add feeds_url = "…" below [site]: '
        'an absolute http or https URL, such as "https://example.org/".',
    ]


def test_a_key_above_all_tables_is_sent_to_its_own() -> None:
    assert complaint('titel = "A"\n' + SITE) == (
        "feedd.toml:1: titel: is not a known key. Did you mean title? It belongs below [site] or [[feed]]."
    )


def test_all_problems_come_at_once_in_the_order_of_the_file() -> None:
    text = """\
[[feed]]
name = "a"
order = "newst"

[output]
limit = 0
paht = "x"

[site]
title = "Everyday"
url = "https://everyday.example/"
language = 5

[[feed]]
name = "a"
limit = 2000
"""
    assert complaint(text).splitlines() == [
        'feedd.toml:3: feed[1].order: is "newst". Write "newest", "oldest", "quality" or "heat". '
        'Did you mean "newest"?',
        "feedd.toml:6: output.limit: is 0. Write a whole number from 1 to 1000.",
        "feedd.toml:7: output.paht: is not a known key. Did you mean path?",
        'feedd.toml:9: site.feeds_url: is missing. Add feeds_url = "…" below [site]: '
        'an absolute http or https URL, such as "https://example.org/".',
        'feedd.toml:12: site.language: is 5. Write a language tag, such as "en" or "pt-BR".',
        'feedd.toml:15: feed[2].name: has "a", as has feed[1].name in line 2. Give each [[feed]] a name of its own.',
        "feedd.toml:16: feed[2].limit: is 2000. Write a whole number from 0 to 1000.",
    ]


def test_one_mistake_is_one_problem() -> None:
    """A value that cannot be read is not replaced by its default, which would clash with another key here."""
    assert complaint(SITE + '[output]\npath = 5\n[state]\npath = "feeds"\n') == (
        "feedd.toml:6: output.path: is 5. Write a path in quotes."
    )


def test_a_problem_is_a_value_with_kind_file_line_and_field() -> None:
    with pytest.raises(ConfigError) as caught:
        read("[output]\nlimit = 0\n")
    (problem,) = caught.value.problems

    assert (problem.kind, problem.file, problem.line, problem.field, problem.severity) == (
        "wrong-value",
        "feedd.toml",
        6,
        "output.limit",
        "error",
    )


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("[output]\nlimt = 0\n", "unknown-key"),
        ("[[feed]]\n", "missing-key"),
        ('[state]\npath = "feeds"\n', "conflict"),
        ("[", "not-toml"),
    ],
)
def test_problems_can_be_grouped_by_kind(text: str, kind: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text)

    assert [problem.kind for problem in caught.value.problems] == [kind]


# --- Lines ---

LINES = {
    "after comments": ("[output]\n# limit = 1\n\n# more\nlimit = 0\n", 9),
    "in the second [[feed]]": ('[[feed]]\nname = "a"\n\n# b\n[[feed]]\nname = "b"\nlimit = -1\n', 11),
    "a list of several lines": ('[output]\nformats = [\n  "atom", # ]\n  # limit = 5\n  "x",\n]\n', 6),
    "after a list of several lines": ('[output]\nformats = [\n  "atom",\n]\nlimit = 0\n', 9),
    "after text of several lines": ('description = """\n[output]\nlimit = 0\n"""\n[guard]\ncount = -1\n', 10),
    "after literal text": ("description = '''\nlimit = 0\n'''\n[output]\nlimit = 0\n", 9),
    "a dotted key": ("[taxonomy]\n\n[output]\n\n[state]\n\n[guard]\ncount = -1\n", 12),
    "a dotted key above": ("[content]\n[output]\n[taxonomy]\ntopic = [\n {name = 5},\n]\n", 8),
    "an inline table": ("[taxonomy]\nrollup = true\ntopic = [{name = 'a'}, {name = 'b', nme = 1}]\n", 7),
    "a table of a table": ("[taxonomy]\n[[taxonomy.topic]]\nname = 'a'\n[taxonomy.topic.x]\ny = 1\n", 8),
    "a quoted key": ('[output]\n"limit" = 0\n', 6),
    "a quoted header": ('["output"]\nttl = 5\n[ "guard" ]\ncount = -1\n', 8),
    "an indented key": ("  [output]\n    limit = 0\n", 6),
    "Windows line ends": ("[output]\r\nttl = 5\r\nlimit = 0\r\n", 7),
}


@pytest.mark.parametrize(("text", "line"), LINES.values(), ids=LINES)
def test_the_line_is_that_of_the_key(text: str, line: int) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text)

    assert [problem.line for problem in caught.value.problems] == [line]


def test_keys_with_dots_have_lines_too() -> None:
    text = 'site.title = "A"\nsite.url = "https://a.example/"\nsite.feeds_url = "x"\noutput.limit = 0\n'

    assert complaint(text).splitlines() == [
        f'feedd.toml:3: site.feeds_url: is "x". {BASE_URL_WORDS}',
        "feedd.toml:4: output.limit: is 0. Write a whole number from 1 to 1000.",
    ]


@pytest.mark.parametrize("text", [f"[{'a.' * 3000}a]\nx = 1\n", f"{'a.' * 3000}a = 1\n"], ids=["header", "key"])
def test_keys_nested_without_end_are_only_unknown(text: str) -> None:
    assert complaint(SITE + text).startswith("feedd.toml:5: ")


# --- Files ---


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "x.toml")

    assert str(caught.value) == (
        f"{tmp_path}/x.toml: does not exist. Name another file with --config, or let `feedd init` write one."
    )


def test_a_directory_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path)

    assert str(caught.value) == (
        f"{tmp_path}: cannot be read: Is a directory. Name a regular file that feedd's user may read."
    )


def test_a_pipe_is_no_configuration_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "pipe")

    assert str(caught.value) == (
        f"{tmp_path}/pipe: is a pipe, not a file. Write what it holds into a file, and name that one."
    )


def test_a_device_is_no_configuration() -> None:
    with pytest.raises(ConfigError) as caught:
        load(Path("/dev/zero"))

    assert "/dev/zero: is a device, not a file" in str(caught.value)


def test_a_file_is_a_configuration_whatever_leads_there(tmp_path: Path) -> None:
    (tmp_path / "real.toml").write_text(SMALLEST, encoding="utf-8")
    (tmp_path / "link.toml").symlink_to("real.toml")
    with (tmp_path / "real.toml").open("rb") as file:
        for place in (tmp_path / "link.toml", Path(f"/dev/fd/{file.fileno()}")):
            assert load(place).site.title == load(tmp_path / "real.toml").site.title


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    file = tmp_path / "feedd.toml"
    file.touch(mode=0)
    with pytest.raises(ConfigError) as caught:
        load(file)

    assert "cannot be read: Permission denied" in str(caught.value)


def test_a_path_with_nul_is_no_file() -> None:
    with pytest.raises(ConfigError) as caught:
        load(Path("a\0b"))

    assert "cannot be read: embedded null byte" in str(caught.value)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["without mark", "with mark"])
def test_a_file_that_is_not_utf_8_is_named_with_the_line(tmp_path: Path, mark: bytes) -> None:
    file = tmp_path / "feedd.toml"
    file.write_bytes(mark + b'[site]\ntitle = "Caf\xe9"\n')
    with pytest.raises(ConfigError) as caught:
        load(file)

    assert str(caught.value) == (
        f"{file}:2: is not UTF-8: the byte 0xE9 (é in Windows-1252) is none of its characters. Save the file as UTF-8."
    )


def test_a_file_is_called_as_it_was_named(tmp_path: Path) -> None:
    (tmp_path / "feedd.toml").write_text("[output]\nlimit = 0\n" + SITE)
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "feedd.toml")

    assert str(caught.value).startswith(f"{tmp_path}/feedd.toml:2: output.limit: is 0.")


# --- Fingerprints ---

PARSING = {
    '[content]\ntimezone = "Europe/Berlin"\n',
    '[content]\nown_pages = "https://a.example/{slug}"\n',
    "[content]\namp = true\n",
    "[content]\nrepair_mojibake = false\n",
    "[content]\nmax_bytes = 5000\n",
    '[[collection]]\nname = "a"\n',
    '[[collection]]\nname = "a"\nfolders = ["x"]\n',
    '[[collection]]\nname = "a"\npublished_default = true\n',
}
PUBLISHING = {
    'description = "x"\n',
    '[content]\npath = "x"\n',
    '[content]\ninclude = ["*.md"]\n',
    "[content]\nexclude = []\n",
    "[taxonomy]\nrollup = true\n",
    '[[taxonomy.topic]]\nname = "a"\n',
    "[output]\nlimit = 5\n",
    '[[feed]]\nname = "a"\n',
    '[[feed]]\nname = "a"\nmin_heat = 0\n',
    '[[feed]]\nname = "a"\nschedule = "0 7 * * *"\n',
    '[[feed]]\nname = "a"\nschedule = "0 7 * * *"\n[schedule]\ntimezone = "Europe/Berlin"\n',
}
NEITHER = {
    '[state]\npath = "x"\n',
    "[guard]\ncount = 5\n",
    '[watch]\nquiet = "1s"\n',
    '[schedule]\nrescan = "5m"\ntimezone = "Europe/Berlin"\n',
    '[control]\nsocket = "x"\n',
    '[log]\nlevel = "debug"\n',
    "# a comment\n",
}


def test_the_fingerprint_tells_apart_all_that_can_change_what_is_published() -> None:
    found = [read(text).fingerprint for text in ("", *PARSING, *PUBLISHING)]

    assert len(set(found)) == len(found)


def test_the_parsing_fingerprint_tells_apart_all_that_can_change_how_a_file_is_parsed() -> None:
    found = [read(text).parsing_fingerprint for text in ("", *PARSING)]

    assert len(set(found)) == len(found)


def test_fingerprints_stay_where_nothing_changes_for_them() -> None:
    plain = read("")

    assert {read(text).fingerprint for text in NEITHER} == {plain.fingerprint}
    assert {read(text).parsing_fingerprint for text in NEITHER | PUBLISHING} == {plain.parsing_fingerprint}


@pytest.mark.parametrize("seed", ["1", "2"])
def test_fingerprints_are_the_same_in_every_process(seed: str) -> None:
    program = "import sys; from pathlib import Path; from feedd.config import load; c = load(Path(sys.argv[1]));"
    found = run(program + "print(c.fingerprint, c.parsing_fingerprint)", {"PYTHONHASHSEED": seed}).split()
    here = load(SAMPLE)

    assert found == [here.fingerprint, here.parsing_fingerprint]
    assert all(re.fullmatch("[0-9a-f]{32}", digest) for digest in found)


def test_a_base_directory_whose_name_is_not_utf_8_has_a_fingerprint() -> None:
    assert parse(SITE, "feedd.toml", Path(os.fsdecode(b"/srv/caf\xe9"))).fingerprint


# --- The file for admins ---


IN_FORCE = re.sub(r"^#(?=[a-z_]+ = |\[)", "", SAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE)
"""The sample with every key in force."""


def every_key(table: Any = Config, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The way to each key of the model that is no table, with its field."""
    for key, item in module.keys(table).items():
        inner, _ = module.table_of(item.type)
        if inner:
            yield from every_key(inner, (*above, key))
        else:
            yield (*above, key), item


def at(raw: Any, way: tuple[str, ...]) -> Any:
    """A value of the sample; of several tables, the first has it."""
    for key in way:
        raw = (raw[0] if isinstance(raw, list) else raw)[key]
    return raw


KEYS = {".".join(way): (way, item) for way, item in every_key()}
OPTIONAL = {name: value for name, value in KEYS.items() if not value[1].required}
# Absent by default, which TOML cannot say: the sample shows an example.
EXAMPLES = {"feed.min_quality", "feed.min_heat", "control.socket", "pages.templates"}


def test_the_sample_loads_as_it_is() -> None:
    found = load(SAMPLE)

    assert found == parse(SMALLEST, "feedd.toml", SAMPLE.parent.absolute())


def test_the_sample_loads_with_every_key_in_force() -> None:
    assert [feed.name for feed in parse(IN_FORCE, "feedd.toml", BASE).feeds] == ["ai-videos"]


@pytest.mark.parametrize("name", KEYS)
def test_every_key_is_in_the_sample(name: str) -> None:
    at(tomllib.loads(IN_FORCE), KEYS[name][0])


def without(name: str) -> str:
    """The sample with every key in force but one."""
    lines, table = [], ""
    for line in IN_FORCE.splitlines():
        header = re.fullmatch(r"\[+([a-z.]+)\]+", line)
        table = header[1] if header else table
        if f"{table}.{line.partition(' = ')[0]}" != name:
            lines.append(line)
    return "\n".join(lines)


def value_at(config: Any, way: tuple[str, ...]) -> Any:
    """A value of a configuration by its key in TOML; of several tables, the first has it."""
    for key in way:
        table = config[0] if isinstance(config, tuple) else config
        config = getattr(table, module.keys(type(table))[key].name)
    return config


@pytest.mark.parametrize("name", sorted(OPTIONAL.keys() - EXAMPLES))
def test_the_sample_shows_the_true_default(name: str) -> None:
    """What it shows means what is meant where the key is absent."""
    way, _ = OPTIONAL[name]
    shown, absent = (parse(text, "feedd.toml", BASE) for text in (IN_FORCE, without(name)))

    assert value_at(shown, way) == value_at(absent, way)


@pytest.mark.parametrize("name", sorted(OPTIONAL))
def test_the_sample_leaves_optional_keys_commented_out(name: str) -> None:
    with pytest.raises((KeyError, IndexError)):
        at(tomllib.loads(SAMPLE.read_text(encoding="utf-8")), OPTIONAL[name][0])


def test_the_sample_has_no_line_of_code_that_is_neither_comment_nor_key() -> None:
    lines = SAMPLE.read_text(encoding="utf-8").splitlines()

    assert [line for line in lines if not re.match(r"$|# |#$|#:schema |#?\[|#?[a-z_]+ = ", line)] == []
    assert max(map(len, lines)) <= 120


class Shown(NamedTuple):
    """What the sample says of a key: the sentences above it, without the line that shows an example, and that line."""

    meaning: str
    example: str


def said_of_keys() -> Iterator[tuple[str, Shown]]:
    """Each key of the sample with the comment above it, of which an empty line is the beginning and the key the end."""
    table, above = "", [""]
    for line in SAMPLE.read_text(encoding="utf-8").splitlines():
        header, key = re.fullmatch(r"#?\[+([a-z.]+)\]+", line), re.match(r"#?([a-z_]+) = ", line)
        if header:
            table = header[1]
        elif key:
            examples = [comment.removeprefix("Example: ") for comment in above if comment.startswith("Example: ")]
            meaning = " ".join(comment for comment in above if not comment.startswith("Example: "))
            yield f"{table}.{key[1]}", Shown(meaning, "\n".join(examples))
        above = [*above, line.removeprefix("# ")] if line.startswith("# ") else []


SHOWN = dict(said_of_keys())


@pytest.mark.parametrize("name", KEYS)
def test_the_sample_says_of_every_key_what_it_means(name: str) -> None:
    assert re.match(r"[A-Z\"t].{15,}\.$", SHOWN[name].meaning)
    assert KEYS[name][1].required == SHOWN[name].meaning.endswith("Required.")


UNITS = {
    "content.max_bytes": "bytes",
    "output.limit": "entries",
    "output.ttl": "minutes",
    "guard.fraction": "part of all public articles, from 0 to 1",
    "guard.count": "number of articles",
    "feed.min_quality": "number from 0 on",
    "feed.min_heat": "number from 0 on",
    "feed.limit": "entries",
}
"""What numbers count. Spans of time hold their unit, and the sample says which there are."""


@pytest.mark.parametrize("name", KEYS)
def test_the_sample_says_of_every_number_what_it_counts(name: str) -> None:
    type_in_toml = schema_of(name).get("type")
    unit = UNITS.get(name, "" if type_in_toml not in ("integer", "number") else "no unit is known to this test")
    if re.search(r"\[mhdw\]|ms\|s", schema_of(name).get("pattern", "")):
        unit = "a number with "

    assert unit in SHOWN[name].meaning


def schema_of(name: str) -> dict[str, Any]:
    table: Any = schema()
    for part in name.split("."):
        table = table.get("items", table)["properties"][part]
    return cast(dict[str, Any], table)


@pytest.mark.parametrize("name", KEYS)
def test_the_sample_shows_an_example_where_the_default_is_none(name: str) -> None:
    shown = at(tomllib.loads(IN_FORCE), KEYS[name][0])
    nothing = name in OPTIONAL and not shown and shown is not False

    assert bool(SHOWN[name].example) == nothing
    assert not nothing or SHOWN[name].example.startswith(f"{name.rpartition('.')[2]} = ")


def test_every_example_of_the_sample_may_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them at once, each instead of the default below it, where the packages are installed that they name."""
    install(tmp_path, project("feedd.filters", {"weekdays": "weekdays:weekdays"}), {})
    monkeypatch.syspath_prepend(tmp_path)
    text = re.sub(r"^# Example: (([a-z_]+) = .*)\n\2 = .*$", r"\1", IN_FORCE, flags=re.MULTILINE)
    found = parse(text, "feedd.toml", BASE)

    assert "# Example" not in text
    assert found.content.own_pages == "https://everyday.example/powerapps/{slug}/"
    assert found.feeds[0].limit == 20


# --- The model ---


@pytest.mark.parametrize("name", KEYS)
def test_every_key_has_a_description_and_words_for_a_remedy(name: str) -> None:
    kind = KEYS[name][1].type
    said = [meta.description for meta in kind.__metadata__ if isinstance(meta, msgspec.Meta) and meta.description]

    assert get_origin(kind) is Annotated
    assert len(said) == 1
    assert said[0].endswith(".")
    assert module.words(kind)


def test_a_key_with_only_a_least_value_is_told_so() -> None:
    assert module.words(Annotated[int, msgspec.Meta(ge=0)]) == "a whole number, 0 or more"


def test_headers_are_as_in_the_file() -> None:
    assert [header for header, _ in module.headers()] == [
        "[site]",
        "[content]",
        "[[collection]]",
        "[taxonomy]",
        "[[taxonomy.topic]]",
        "[[taxonomy.provider]]",
        "[output]",
        "[pages]",
        "[websub]",
        "[hooks]",
        "[server]",
        "[monitoring]",
        "[state]",
        "[guard]",
        "[watch]",
        "[schedule]",
        "[control]",
        "[log]",
        "[[feed]]",
    ]


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        read("").output.limit = 5  # type: ignore[misc]


def test_nothing_slow_is_imported_for_a_good_configuration() -> None:
    program = "import sys; from pathlib import Path; from feedd.config import load; load(Path(sys.argv[1]));"
    slow = "{'difflib', 'json', 'pydantic', 'yaml', 'lxml', 'feedgen', 'apscheduler', 'zoneinfo'}"

    assert run(program + f"print(*{slow} & set(sys.modules))", UNMEASURED) == "\n"


# --- Anything at all ---

PARTS = sorted({part for way, _ in KEYS.values() for part in way})
NAMES = st.sampled_from([*PARTS, "limt", "feedsUrl", "", "a.b", "\u2028", "x" * 200])
VALUES = st.recursive(
    st.one_of(
        st.text(max_size=8),
        st.sampled_from(["all", "a", "a\n", "UTC", "../x", "https://a.example", "https://[", "{site}", "{", "7d", "."]),
        st.integers(),
        st.floats(),
        st.booleans(),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=4)),
    max_leaves=12,
)


# The first example of a run builds tables of characters, which takes a while.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(key)} = {toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(character):08x}" for character in value) + '"'
    return str(value).lower()


def outcome(text: str) -> Config | tuple[Problem, ...]:
    """What a text gives: a configuration, or problems of which each is whole and on one line."""
    try:
        return parse(text, "feedd.toml", BASE)
    except ConfigError as error:
        said, problems = str(error), error.problems
    assert problems
    assert all(problem.what and problem.remedy for problem in problems)
    assert len(said.splitlines()) == len(problems)
    return problems


@patient
@given(st.text(st.characters(), max_size=200))
def test_any_text_gives_a_configuration_or_its_problems(text: str) -> None:
    outcome(text)


@patient
@given(st.dictionaries(NAMES, st.one_of(VALUES, st.dictionaries(NAMES, VALUES, max_size=6)), max_size=6))
def test_any_toml_gives_a_configuration_or_its_problems(raw: dict[str, Any]) -> None:
    found = outcome("\n".join(f"{toml(key)} = {toml(value)}" for key, value in raw.items()))

    assert isinstance(found, tuple) or found.fingerprint


@patient
@given(st.data())
def test_any_value_of_any_key_gives_a_configuration_or_its_problems(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(KEYS)))
    *tables, key = KEYS[name][0]
    many = any(f"[[{'.'.join(tables)}]]" == header for header, _ in module.headers())
    header = f"[[{'.'.join(tables)}]]" if many else f"[{'.'.join(tables)}]"
    text = "" if tables == ["site"] else SITE
    found = outcome(f"{text}{header}\n{key} = {toml(data.draw(VALUES))}\n")

    assert isinstance(found, tuple) or found.fingerprint


@patient
@given(st.lists(st.sampled_from(SAMPLE.read_text(encoding="utf-8").splitlines()), max_size=30))
def test_lines_of_the_sample_in_any_order_give_a_configuration_or_its_problems(lines: list[str]) -> None:
    outcome("\n".join(line.removeprefix("#") for line in lines))


SLIPS = [
    "",
    '"',
    "'",
    "\\",
    "[",
    "]",
    "{",
    "}",
    ",",
    "=",
    "#",
    ":",
    "-",
    "\n",
    "\r",
    "\t",
    "\x00",
    "“",
    " x ",
    "0",
    '"""',
]


@patient
@given(st.integers(0, len(IN_FORCE)), st.integers(0, 3), st.sampled_from(SLIPS))
def test_any_slip_of_the_hand_gives_a_configuration_or_its_problems(place: int, lost: int, typed: str) -> None:
    outcome(IN_FORCE[:place] + typed + IN_FORCE[place + lost :])


def test_a_slip_in_a_huge_file_is_found_soon() -> None:
    long = "a = " + "[" * 90 + "1, " * 100_000
    for text in (
        long,
        "x" * 1_000_000,
        '"' * 500_001,
        "a = '" + " #" * 500_000,
        "a" + " " * 1_000_000 + "b",
        "a.\n" * 50_000,
    ):
        started = time.perf_counter()
        outcome(text)
        assert time.perf_counter() - started < 5


def test_what_is_derived_is_the_only_change_to_what_was_written() -> None:
    found = read('[[feed]]\nname = "a"\n')

    assert replace(found.feeds[0], title="", limit=0) == FeedConfig("a")
    assert get_args(module.Format) == found.output.formats


def test_systemd_may_hand_over_the_sockets_of_both_listeners() -> None:
    found = parse(SITE + '[server]\nlisten = "systemd"\n[monitoring]\nlisten = "systemd"\n', "feedd.toml", BASE)

    assert found.server.listen == found.monitoring.listen == "systemd"
