"""Notes: what a proposed configuration cannot mend, or leaves to the admin, and what of front matter is read.

In: what was found, and the proposal. Out: warnings, each with what to do; the keys that articles have. Pure.
"""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from feedd.content.article import FIELDS
from feedd.content.source import shown
from feedd.errors import Problem, Severity
from feedd.init.proposal import Found, Proposal, files, folders_of_pages, undecided
from feedd.init.survey import Survey, is_below

_FEW = 3  # examples in a note


def notes(found: Found, proposal: Proposal, would: int, in_git: bool) -> list[Problem]:
    """What the configuration cannot mend, or leaves to the admin. `would` is how many more articles were public if
    those that do not say whether they are published were; `in_git`: the site is in a git repository.
    """
    said = [*_of_files(found), *_of_articles(proposal, would), *_of_keys(found.survey)]
    return [*said, *_of_git(proposal)] if in_git else said


def _of_git(one: Proposal) -> Iterator[Problem]:
    inside = [f"/{path}/" for path in (one.output, one.state) if not path.startswith("/")]
    if inside:
        what = "what feedd makes is not for git, which is used here"
        yield _note("git", what, f"Add {' and '.join(inside)} to .gitignore.", "suggestion")


def _note(kind: str, what: str, remedy: str, severity: Severity = "warning") -> Problem:
    return Problem(kind, what, remedy, severity=severity)


def _some(paths: Sequence[str]) -> str:
    """Some paths as examples."""
    more = f" and {len(paths) - _FEW} more" if len(paths) > _FEW else ""
    return f"{', '.join(paths[:_FEW])}{more}"


def _of_files(found: Found) -> Iterator[Problem]:
    survey = found.survey
    if survey.toml:
        what = f"{files(len(survey.toml))} front matter in TOML (+++), which is not read: {_some(survey.toml)}"
        yield _note("toml-front-matter", what, "`hugo convert toYAML` makes YAML of it.")
    inside = [path for path in survey.pages if is_below(path, found.content)]
    folders = tuple(f"{folder}/" for folder in folders_of_pages(found))
    pages = [path for path in map(found.below, inside) if not path.startswith(folders)]
    if pages:
        what = f"{files(len(pages))} front matter but no date, and will be told of as broken: {_some(pages)}"
        yield _note("pages", what, "If they are no articles, add them to [content] exclude.")
    elsewhere = [one.path for one in survey.seen if not is_below(one.path, found.content)]
    if elsewhere:
        what = f"{files(len(elsewhere), 'article')} another place and will be left out: {_some(elsewhere)}"
        yield _note("elsewhere", what, "Move them, or name another directory with --content.")


def _of_articles(one: Proposal, would: int) -> Iterator[Problem]:
    if would:
        what = undecided(one.unsaid, one.articles)
        remedy = f"If they are, set published_default in the configuration: {would} more become public."
        yield _note("published-missing", what, remedy)
    if one.homeless and not one.own_pages:
        what = f"{files(one.homeless, 'article')} no address at which it is to be read, and will be told of as broken"
        yield _note("no-address", what, "Set own_pages in the configuration, or name your site with --url.")
    elif one.homeless:
        what = f"{files(one.homeless, 'article')} no address but {one.own_pages}, which is a guess"
        yield _note("own-pages", what, "See that it leads to their pages, else mend own_pages.")
    if one.naive and not one.timezone:
        what = f"{files(one.naive, 'article')} a date without time zone, which is read as UTC"
        yield _note("naive-date", what, "Set timezone in the configuration if it is another.")


ELSEWHERE = {
    "topics": ("tags", "tag", "categories", "keywords"),
    "excerpt": ("description", "summary", "abstract", "subtitle"),
    "provider": ("author", "authors", "source", "publisher"),
    "locale": ("lang", "language"),
    "updatedDateTime": ("lastmod", "updated", "last_modified_at", "modified", "lastUpdated"),
    "webUrl": ("url", "permalink", "canonical_url", "canonicalURL", "canonical", "external_url"),
    "publishedDateTime": ("pubDate", "published_at", "datePublished", "created"),
    "images": ("image", "cover", "thumbnail", "featured_image", "heroImage"),
}
"""What feedd reads, by the key to write, and what others call it."""
_WHEN = "publishedDateTime"
_KNOWN = {name: field.keys[0] for field in FIELDS for name in field.keys}


class Key(Struct, frozen=True):
    """A key of front matter: in how many articles it is, of those that were looked at, the key that feedd reads it as
    (empty: it does not), and the one that was likely meant.
    """

    name: str
    articles: int
    read_as: str = ""
    meant: str = ""


def keys(survey: Survey) -> list[Key]:
    """The keys of articles, the most frequent first."""
    others = {name: meant for meant, names in ELSEWHERE.items() for name in names if meant not in survey.keys}
    ordered = sorted(survey.keys.items(), key=lambda item: (-item[1], item[0]))
    return [Key(shown(name), count, _KNOWN.get(name, ""), others.get(name, "")) for name, count in ordered]


def _of_keys(survey: Survey) -> Iterator[Problem]:
    for one in keys(survey):
        if one.meant and not one.read_as:
            what = f"`{one.name}`, in {one.articles} of {survey.keyed} articles looked at, is not read"
            severity: Severity = "warning" if one.meant == _WHEN else "suggestion"  # it may be yet to come
            yield _note("key-not-read", what, f"If it is what `{one.meant}` means to feedd, write that.", severity)
