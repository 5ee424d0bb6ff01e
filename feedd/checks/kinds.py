"""Kinds: the short names of all that `feedd check` may find, which stay the same, and what each means.

In: nothing. Out: `KINDS`, by what they are about; names for `--ignore`. A test holds this list to the code, and the
documentation to this list.
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

KINDS: Mapping[str, Mapping[str, str]] = {
    "One article": {
        "bad-date": "a date that is none; of publication or expiry, it keeps the article out",
        "bad-domain": "a provider's domain that is none",
        "bad-image": "an image without an address",
        "bad-language": "a `locale` that is no language tag",
        "bad-number": "`quality` or `heat` is no number",
        "bad-provider": "`provider` is neither a name nor a mapping",
        "bad-topic": "`topics` holds something that is no text",
        "bad-url": "an address that is no absolute http(s) address",
        "duplicate-key": "a key occurs more than once",
        "early-update": "updated more than a year before it was published",
        "escaped-twice": "readers see `&amp;` or the like",
        "far-date": "published more than a year from now",
        "filter-failed": "a filter that an installed package brings fails for it",
        "flag-not-boolean": "`draft`, `deleted` or `removed` is neither true nor false",
        "future-update": "an update that is yet to come",
        "header-too-deep": "front matter with too many lists in lists",
        "header-too-large": "front matter of more than 64 KiB",
        "http-link": "an address of an article, its first image, or the site that is not encrypted",
        "image-size": "the first image has no width or height, or none that can be seen",
        "long-title": "a title of more than 200 characters",
        "markup": "HTML in a title, which is left out",
        "missing": "no title, or no date of publication",
        "mojibake": "text that was saved in a wrong encoding, and is repaired",
        "naive-date": "a time without time zone",
        "never-shown": "it expires before it is published",
        "no-closing-fence": "front matter does not end",
        "no-link": "no address that readers can be sent to",
        "no-text": "published without excerpt and body",
        "not-a-mapping": "front matter is no list of keys and values",
        "not-text": "something else where text should be",
        "not-utf8": "a file that is not UTF-8",
        "old-date": "published before 1990",
        "published-missing": "`published` is missing, so the article is not published",
        "published-not-boolean": "`published` is neither true nor false, so the article is not published",
        "toml-front-matter": "front matter in TOML (`+++`), which is not read",
        "too-large": "a file larger than content.max_bytes",
        "unknown-key": "a key that looks like a known one; in the configuration, any that is not known",
        "yaml": "front matter, or a file of the taxonomy, that is no YAML",
    },
    "Several articles": {
        "duplicate-id": "two files with one id: one of them is in no feed",
        "duplicate-story": "two published articles with one address: a feed shows the earlier",
        "hidden-link": "a related link to an article of one's own that is not published, and so is left out",
        "unknown-topic": "a topic that is not in the taxonomy, or of which there is none",
    },
    "Files": {
        "bad-file-name": "a name that is not UTF-8",
        "no-content": "the content directory cannot be listed",
        "not-included": "a file that looks like an article, which no pattern of content.include takes",
        "twin-names": "names that some systems do not tell apart",
        "unreadable": "a file that cannot be read",
        "unreadable-by-service": "files that the user of the service cannot read",
        "unreadable-folder": "a folder that cannot be listed",
    },
    "Settings": {
        "changed-ids": "a setting that makes other ids than those that readers know",
        "conflict": "values that do not go together, such as two feeds of one name",
        "doubled-name": "a name of the taxonomy that belongs to another entry",
        "impossible-feed": "a feed that leaves out what it asks for",
        "missing-key": "a key that must be there",
        "no-feeds": "a configuration without any feed",
        "no-folder": "a folder of a collection that is not there",
        "no-taxonomy": "a directory of the taxonomy that cannot be listed",
        "no-templates": "a directory of templates that is not there",
        "not-toml": "a configuration that is no TOML",
        "parent-loop": "a topic that lies above its own parent",
        "plugin-broken": "what an installed package brings cannot be used",
        "asset": "an asset that cannot be read",
        "taxonomy-file": "a file of the taxonomy that names nothing",
        "taxonomy-in-content": "a directory of the taxonomy whose files are articles, too",
        "template": "a template that fails",
        "unknown-collection": "a collection that there is not",
        "unknown-parent": "a topic above another that there is not",
        "unknown-provider": "a provider of a feed that there is not",
        "unused-asset": "a file beside assets that is none",
        "unused-template": "a file beside templates that none uses",
        "useless-key": "a key that has no effect beside another",
        "wrong-value": "a value that a key cannot have",
    },
    "Directories": {
        "foreign-file": "a file that feedd did not write, where one of its own will be",
        "low-space": "hardly any space is left",
        "mounted-file": "a file in the output directory that cannot be replaced",
        "network-mount": "a directory on another machine",
        "not-writable": "feedd could not write there",
        "state-damaged": "the state is damaged",
        "state-open": "everybody can read what is not public",
        "state-unread": "the state cannot be read, or is of another version",
    },
    "The machine and the service": {
        "address-taken": "an address that nobody could listen at",
        "daemon-behind": "the daemon works by an older configuration",
        "daemon-other": "the daemon that answers is that of another configuration",
        "daemon-refused": "the daemon refused the configuration",
        "daemon-version": "the daemon is of another version",
        "hook-missing": "the command of `[hooks]` is not there, or may not be executed",
        "no-answer": "the daemon runs but does not answer",
        "not-understood": "something else than feedd answers",
        "unit-closed": "the systemd unit keeps feedd from a directory",
        "unit-memory": "the systemd unit gives feedd too little memory",
        "unit-other": "the systemd unit is for another configuration",
        "unit-program": "the systemd unit starts a program that is not there",
        "unit-stale": "systemd does not know the unit as it is now",
        "watch-limit": "more directories than the system lets a user watch",
        "wrong-clock": "the clock is wrong, or nothing keeps it right",
    },
}
"""What each kind means, by what it is about."""

NAMES = frozenset(name for kinds in KINDS.values() for name in kinds)
"""All of them."""


def unknown(names: Iterable[str]) -> str:
    """The first of some names that is no kind, and the nearest one that is, as a sentence; empty if all are."""
    for name in names:
        if name not in NAMES:
            near = get_close_matches(name, sorted(NAMES), 1)
            remedy = f"Did you mean {near[0]}?" if near else "`feedd check --kinds` lists them."
            return f"{name!r} is no kind of problem. {remedy}"
    return ""


def table() -> str:
    """The kinds as a table in Markdown, as the documentation has it."""
    lines = ["| Kind | What it means |", "|---|---|"]
    for about, kinds in KINDS.items():
        lines += [f"| **{about}** | |", *(f"| `{name}` | {what} |" for name, what in kinds.items())]
    return "\n".join(lines)
