"""The JSON Schema of the configuration: it is the file in config/, editors can use it, and it takes what feedd takes,
as far as a schema can tell.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from feedd.cli import main
from feedd.config import parse
from feedd.config.schema import schema
from feedd.errors import ConfigError

CONFIG = Path(__file__).parent.parent / "config"
BASE = Path("/srv/site")
SCHEMA = schema()
VALIDATOR = Draft202012Validator(SCHEMA)

REQUIRED = {
    "title": "Everyday",
    "url": "https://everyday.example/",
    "feeds_url": "https://everyday.example/feeds/",
    "name": "a",
    "domain": "a.example",
}


def every_key(table: Any = SCHEMA, above: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Each key that is no table, as `taxonomy.topic.name`, with what the schema says of it."""
    for name, said in table["properties"].items():
        inner = said.get("items", said)
        if "properties" in inner:
            yield from every_key(inner, (*above, name))
        else:
            yield ".".join((*above, name)), said


KEYS = dict(every_key())


def with_value(name: str, value: Any) -> dict[str, Any]:
    """The smallest configuration with a value for one key."""
    *tables, key = name.split(".")
    whole: dict[str, Any] = {"site": {name: REQUIRED[name] for name in SCHEMA["properties"]["site"]["required"]}}
    place, said = whole, SCHEMA
    for table in tables:
        said = said["properties"][table]
        many = said["type"] == "array"
        said = said["items"] if many else said
        new = {name: REQUIRED[name] for name in said.get("required", ())}
        place = place.setdefault(table, [new])[0] if many else place.setdefault(table, new)
    place[key] = value
    return whole


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(key)} = {toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(character):08x}" for character in value) + '"'
    return str(value).lower()


def text_of(whole: dict[str, Any]) -> str:
    return "\n".join(f"{toml(key)} = {toml(value)}" for key, value in whole.items())


def objections(whole: dict[str, Any]) -> list[str]:
    """What feedd has against a configuration, a line each."""
    try:
        parse(text_of(whole), "feedd.toml", BASE)
    except ConfigError as error:
        return str(error).splitlines()
    return []


# --- The text ---


def test_the_file_in_config_is_what_the_command_prints() -> None:
    printed = CliRunner().invoke(main, ["schema"], catch_exceptions=False).stdout

    assert (CONFIG / "feedd.schema.json").read_text(encoding="utf-8") == printed, (
        "the model of the configuration changed; write the file anew: feedd schema > config/feedd.schema.json"
    )


def test_it_is_a_sound_schema_that_asks_for_nothing_else() -> None:
    Draft202012Validator.check_schema(SCHEMA)

    assert "$ref" not in json.dumps(SCHEMA)


def tables(said: Any = SCHEMA) -> Iterator[Any]:
    yield said
    for inner in said["properties"].values():
        if "properties" in inner.get("items", inner):
            yield from tables(inner.get("items", inner))


def test_no_table_takes_a_key_that_it_does_not_know() -> None:
    assert [table for table in tables() if table["additionalProperties"] is not False] == []
    assert len(list(tables())) >= 19


@pytest.mark.parametrize("name", KEYS)
def test_every_key_says_what_it_means_and_of_what_type_it_is(name: str) -> None:
    said = KEYS[name]

    assert re.fullmatch(r"[A-Z/a-z].*\.", said["description"])
    assert "Config:" not in said["description"]
    assert said.get("enum") or said["type"] in ("string", "boolean", "integer", "number", "array")


REQUIRED_KEYS = {
    "site.title",
    "site.url",
    "site.feeds_url",
    "collection.name",
    "taxonomy.topic.name",
    "taxonomy.provider.name",
    "taxonomy.provider.domain",
    "feed.name",
}
ABSENT = {"feed.min_quality", "feed.min_heat", "control.socket", "pages.templates"}
"""Keys that have no default that could be written."""


@pytest.mark.parametrize("name", KEYS)
def test_every_key_but_the_required_ones_has_its_default_as_it_would_be_written(name: str) -> None:
    assert ("default" in KEYS[name]) == (name not in REQUIRED_KEYS | ABSENT)
    if "default" in KEYS[name]:
        assert VALIDATOR.is_valid(with_value(name, KEYS[name]["default"]))
        assert parse(text_of(with_value(name, KEYS[name]["default"])), "", BASE) == parse(
            text_of(without(name)), "", BASE
        )


def without(name: str) -> dict[str, Any]:
    """The same configuration with that key absent."""
    whole = with_value(name, None)
    place: Any = whole
    *tables, key = name.split(".")
    for table in tables:
        place = place[table]
        place = place[0] if isinstance(place, list) else place
    del place[key]
    return whole


# --- What it accepts ---

LEFT_TO_FEEDD = {
    "a character that no feed can carry": ("site.title", "\a", r"holds the character U\+"),
    "a time zone that there is not": ("content.timezone", "Europe/Berln", "which is no known time zone"),
    "a date that there is not": ("site.id_date", "2023-02-29", "which is no date"),
    "a schedule with an hour that there is not": ("feed.schedule", "0 25 * * *", ", but its hour "),
    "a schedule that never comes": ("feed.schedule", "0 0 31 2 *", "so it never comes"),
    "a host that none can have": ("site.url", "https://[1:2]/", r"is .[Hh][Tt][Tt][Pp][Ss]?://"),
    "a port that there is not": ("site.url", "https://everyday.example:65536/", r"is .[Hh][Tt][Tt][Pp][Ss]?://"),
    "a port of an address that there is not": ("server.listen", "127.0.0.1:65536", ", but a port is a number"),
    "a span of more than a century": ("feed.max_age", "5300w", r"is \"[0-9]+[mhdw]\""),
    "a folder that leaves its own by a detour": ("collection.folders", ["a/../.."], "which leaves content.path"),
    "a domain with what is no letter": ("taxonomy.provider.domain", "a€.example", r"is .*\. Write a domain"),
    "a filter that nobody brings": ("feed.filters", ["xyzzy"], "a filter that no installed package brings"),
    "a format that nobody writes": ("output.formats", ["json", "xyzzy"], "a format that neither feedd nor an"),
    "a format that is another file's": ("output.formats", ["json", "html"], "which is no feed but another kind"),
    "a program without a name": ("hooks.command", [" "], "begins with a blank"),
    "a whole number with a point": ("output.limit", 5.0, r"is -?[0-9.e+]+\. Write a whole number"),
    "a number that is none": ("guard.fraction", float("nan"), "is nan"),
    "directories that overlap": ("output.path", "content/feeds", "is inside content.path"),
    "a listener that is there already": ("site.url", "http://[::1]/", "cannot be taken from site.url"),
}
"""What is wrong although the schema takes it: a key, a value, and what feedd says of all such."""


@pytest.mark.parametrize(("name", "value", "words"), LEFT_TO_FEEDD.values(), ids=LEFT_TO_FEEDD)
def test_what_a_schema_cannot_tell_is_left_to_feedd(name: str, value: Any, words: str) -> None:
    whole = with_value(name, value)

    assert VALIDATOR.is_valid(whole)
    assert [line for line in objections(whole) if re.search(words, line)]


OVERLAPS = ["(is|holds|is inside) (content|output|state).path", "has .*, as has"]
REASONS = re.compile("|".join([*(words for _, _, words in LEFT_TO_FEEDD.values()), *OVERLAPS, ", but its "]))
SIGNS = ["", "a", "Z", "0", "9", " ", "/", ".", "..", ":", "@", "{", "}", "[", "]", "~", "?", "#", "*", "-", "\n", "é"]


def strings(said: Any) -> st.SearchStrategy[str]:
    """Texts like those that a key takes: as they should be, and such with a slip."""
    anything = st.text(max_size=12) | st.lists(st.sampled_from(SIGNS), max_size=12).map("".join)
    if "pattern" not in said:
        return anything
    right = st.from_regex(said["pattern"])
    slip = st.tuples(right, st.integers(0, 50), st.sampled_from(SIGNS), st.booleans())
    return right | anything | slip.map(lambda made: made[0][: made[1]] + made[2] + made[0][made[1] + made[3] :])


def values(said: Any) -> st.SearchStrategy[Any]:
    if "enum" in said:
        return st.sampled_from(said["enum"]) | st.text(max_size=4)
    if said["type"] == "boolean":
        return st.booleans()
    if said["type"] == "array":
        return st.lists(values(said["items"]), max_size=4)
    if said["type"] == "string":
        return strings(said)
    least, most = said["minimum"], said["maximum"]
    return st.integers(least - 2, most + 2) | st.floats(least - 1, most + 1)


ODD = st.one_of(
    st.text(max_size=3), st.integers(), st.booleans(), st.floats(), st.just([5]), st.just([]), st.just({"limit": 5})
)


@pytest.mark.parametrize("name", KEYS)
def test_what_the_schema_takes_is_what_feedd_takes(name: str) -> None:
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(values(KEYS[name]) | ODD)
    def agree(value: Any) -> None:
        whole = with_value(name, value)
        found = objections(whole)
        if VALIDATOR.is_valid(whole):
            assert [line for line in found if not REASONS.search(line)] == []
        else:
            assert found

    agree()


AT_THE_EDGE: dict[str, list[Any]] = {
    "site.url": [
        "HTTP://a.example",
        "https://a.example:65535/x/y",
        "https://münchen.example/a%20b/(c)'d",
        "http://a:1",
    ],
    "site.language": ["en", "pt-br", "zh-Hant-TW", "abcdefgh-12345678-x"],
    "site.id_authority": ["", "a", "me.you_x-@sub.example.org", "xn--a.example", "192.0.2.1"],
    "site.id_date": ["2020", "2020-06", "2020-06-30", "0001", "9999-12-31"],
    "content.path": ["/srv/articles", "../articles", "a b/ü", ".~", "x\ny"],
    "content.include": [["**/*.md", "a..b/*.md", "...md", "x/y..", "..x/y"]],
    "content.timezone": sorted(available_timezones()),
    "content.own_pages": [
        "",
        "https://{slug}.example",
        "http://a.example:8000/{slug}?x={slug}#y",
        "https://[::1]/{slug}",
    ],
    "collection.name": ["0", "a-", "x" * 100],
    "collection.folders": [[".", "./a", "..a/b", "a/../b", "a b"]],
    "taxonomy.provider.domain": ["localhost", "WWW.a.example", "münchen.example", "a_b.example", "日本.example"],
    "taxonomy.provider.icon": ["", "https://a.example/?q=1#x", "http://a.example:1", "https://a.example?x"],
    "output.formats": [["json", "rss"]],
    "output.tombstones": ["", "1m", "52560000m", "000000007d", "5214w"],
    "output.all_title": ["{{}}", "{site}{name}", "{site:}", "a\nb"],
    "output.description": ["", "{title}{{x}}"],
    "websub.hubs": [[], ["https://a.example", "https://b.example/x?y"]],
    "server.listen": ["systemd", "", "localhost:1", "[::]:65535", "/run/x.sock", "./x/http.sock", "0.0.0.0:00080"],
    "server.max_age": ["0ms", "999999h", "000001s"],
    "watch.poll": ["1s", "1000ms", "999999h", "001000ms", "1m"],
    "schedule.rescan": ["1s", "@daily", "@yearly ", "*/5 0-23/2 1,15 JAN-DEC sun", "0\t0 1 1 7"],
    "feed.schedule": ["", " @weekly ", "0 0 29 2 *"],
    "feed.name": ["0", "all-of-it", "x" * 100],
    "feed.max_age": ["", "1w", "36500d"],
    "feed.title_contains": [[" ", "\n"]],
    "guard.fraction": [0, 1, 0.5],
    "hooks.command": [[], ["purge"], ["/usr/bin/env", "", "x y"]],
}
"""Values that are just right."""


@pytest.mark.parametrize("name", AT_THE_EDGE)
def test_what_is_just_right_is_taken_by_both(name: str) -> None:
    for value in AT_THE_EDGE[name]:
        assert objections(with_value(name, value)) == []
        assert VALIDATOR.is_valid(with_value(name, value)), value


def test_every_pattern_is_tried_at_its_edge() -> None:
    patterns = {name: said.get("pattern") or said.get("items", {}).get("pattern") for name, said in KEYS.items()}
    tried = {patterns[name] for name in AT_THE_EDGE}

    assert {name for name, pattern in patterns.items() if pattern and pattern not in tried} <= PLAIN


PLAIN = {name for name, said in KEYS.items() if r"\S" in (said.get("pattern"), said.get("items", {}).get("pattern"))}
"""Texts that must not be blank, and nothing else."""


def test_a_key_that_there_is_not_is_taken_by_neither() -> None:
    for table in ({"site": {}}, {"limit": 5}, with_value("output.limt", 5), with_value("feed.topic", ["AI"])):
        assert not VALIDATOR.is_valid(table)
        assert objections(table)


# --- Editors ---

SITES = [CONFIG / "feedd.toml", CONFIG / "demo" / "feedd.toml"]


@pytest.mark.parametrize("file", SITES, ids=["sample", "demo"])
def test_a_configuration_begins_with_the_line_that_leads_editors_to_the_schema(file: Path) -> None:
    first = file.read_text(encoding="utf-8").partition("\n")[0]

    assert first.startswith(("#:schema ./", "#:schema ../"))
    assert (file.parent / first.removeprefix("#:schema ")).resolve() == CONFIG / "feedd.schema.json"
    assert VALIDATOR.is_valid(tomllib.loads(file.read_text(encoding="utf-8")))


def taplo(folder: Path) -> subprocess.CompletedProcess[str]:
    """What the program inside editors finds in the configuration in a folder, by the line that it begins with."""
    return subprocess.run(
        [str(TAPLO), "check", "feedd.toml"], cwd=folder, capture_output=True, text=True, timeout=50, check=False
    )


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with the sample and the schema."""
    for name in ("feedd.toml", "feedd.schema.json"):
        shutil.copy(CONFIG / name, tmp_path)
    return tmp_path


TAPLO = shutil.which("taplo", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
needs_taplo = pytest.mark.skipif(not TAPLO, reason="needs taplo")


@needs_taplo
def test_editors_find_nothing_wrong_in_the_sample(site: Path) -> None:
    result = taplo(site)

    assert result.returncode == 0, result.stderr


SLIPS = {
    "output.limit": ("limit = 5000", "5000 is greater than the maximum of 1000"),
    "output.formats": ('formats = ["Atom"]', '"Atom" does not match'),
    "output.limt": ("limt = 5", "Additional properties are not allowed ('limt' was unexpected)"),
    "output.tombstones": ('tombstones = "30 days"', '"30 days" does not match'),
}


@needs_taplo
@pytest.mark.parametrize(("line", "words"), SLIPS.values(), ids=SLIPS)
def test_editors_find_slips(site: Path, line: str, words: str) -> None:
    file = site / "feedd.toml"
    file.write_text(file.read_text(encoding="utf-8").replace("[output]\n", f"[output]\n{line}\n", 1), encoding="utf-8")
    result = taplo(site)

    assert result.returncode != 0
    assert words in result.stderr
