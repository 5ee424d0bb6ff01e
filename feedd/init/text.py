"""Text: a proposed configuration becomes TOML with comments.

In: a `Proposal`. Out: the text of `feedd.toml`: what it sets, and behind a # what an admin may want. No library writes
the comments, without which nobody could decide; what has to be right, the quoting, is one function.
"""

import json
from collections.abc import Iterable, Iterator

from feedd.config import Content
from feedd.init.proposal import Group, Proposal, files, undecided

SCHEMA = "feedd.schema.json"
"""The file beside the configuration by which editors complete and check it."""


def quoted(value: str) -> str:
    """A basic string of TOML; JSON's are such, but for one character. Raises ValueError for what is no UTF-8."""
    value.encode()
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _list(values: Iterable[str]) -> str:
    return f"[{', '.join(map(quoted, values))}]"


_WIDTH = 118


def _comment(text: str) -> Iterator[str]:
    """A comment in lines; controls, which no comment can hold, are left out."""
    from textwrap import wrap

    clean = "".join(char if char.isprintable() else " " for char in text)
    yield from (f"# {line}" for line in wrap(clean, _WIDTH, break_long_words=False, break_on_hyphens=False))


def text(proposal: Proposal, would: int = 0) -> str:
    """The configuration as TOML. `would` is how many more articles were public if those that do not say whether they
    are published were.
    """
    several = (*_collections(proposal, would), *_taxonomy(proposal), _rest(proposal), *_example(proposal))
    blocks = (_head(), _site(proposal), _content(proposal), *several)
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _head() -> Iterator[str]:
    yield f"#:schema ./{SCHEMA}"
    yield from _comment(
        "The configuration of feedd; every other key has a default. `feedd check` tells whether it is right."
    )


def _site(one: Proposal) -> Iterator[str]:
    yield "[site]"
    yield f"title = {quoted(one.title)}"
    yield from _comment("The site that the feeds are about.")
    yield f"url = {quoted(one.url)}"
    yield from _comment(
        "Where the feeds are served: for now on this machine alone. For the world, write the address at which your web "
        'server serves [output] path, such as "https://news.example/feeds/".'
    )
    yield f"feeds_url = {quoted(one.feeds_url)}"
    yield f"language = {quoted(one.language)}"
    yield from _comment(
        "The id of each entry is made of these two, so readers would show every article as new if one of them changed. "
        "Decide before anybody subscribes: a domain that was yours on that day. Then never change them, not even when "
        "url does."
    )
    yield f"id_authority = {quoted(one.authority)}"
    yield f"id_date = {quoted(one.date)}"


def _content(one: Proposal) -> Iterator[str]:
    yield "[content]"
    yield from _comment("The articles. This directory is only ever read.")
    yield f"path = {quoted(one.content)}"
    if one.include != Content().include:
        yield f"include = {_list(one.include)}"
    if one.exclude:
        yield f"exclude = {_list((*Content().exclude, *one.exclude))}"
    if one.timezone:
        yield from _comment("Of dates that do not say theirs, and of the dates on pages.")
        yield f"timezone = {quoted(one.timezone)}"
    elif one.naive:
        yield from _comment(
            f"{files(one.naive, 'article')} a date without time zone, read as UTC unless this says another."
        )
        yield '#timezone = "Europe/Berlin"'
    if one.own_pages:
        yield from _comment(
            "Where articles without webUrl are to be read, {slug} being the name of the file, or of its folder for "
            "files called index. See that it leads to "
            f"their pages: {files(one.homeless, 'article')} no other address."
        )
        yield f"own_pages = {quoted(one.own_pages)}"
    elif one.homeless:
        yield from _comment(
            f"{files(one.homeless, 'article')} no address, and will be in no feed unless this tells where to read it."
        )
        yield '#own_pages = "https://news.example/{slug}/"'


def _collections(one: Proposal, would: int) -> Iterator[Iterable[str]]:
    unsaid = [group.name for group in one.groups if group.unsaid]
    for group in one.groups:
        is_default = group.name == "articles" and not group.folders
        if group.unsaid or not is_default:
            remedy = _if_published(one, would, len(unsaid)) if [group.name] == unsaid[:1] else ""
            yield _collection(group, "#" * is_default, remedy)


def _if_published(one: Proposal, would: int, collections: int) -> str:
    """What to do if articles that do not say whether they are published are, in so many collections."""
    usual = f", as {one.generator} has it" if one.generator else ""
    everywhere = ", in all collections together" if collections > 1 else ""
    more = f": {would} more become public{everywhere}" if would else ""
    return f" If they are{usual}, use published_default{more}."


def _collection(group: Group, off: str, remedy: str) -> Iterator[str]:
    if group.unsaid:
        yield from _comment(f"Here, {undecided(group.unsaid, group.articles)}.{remedy}")
    yield f"{off}[[collection]]"
    yield f"{off}name = {quoted(group.name)}"
    if group.folders:
        yield f"{off}folders = {_list(group.folders)}"
    if group.unsaid:
        yield "#published_default = true"


def _taxonomy(one: Proposal) -> Iterator[Iterable[str]]:
    kinds = {"topics": one.topics, "providers": one.providers}
    if any(kinds.values()):
        yield ["[taxonomy]", *(f"{name} = {_list(paths)}" for name, paths in kinds.items() if paths)]


def _rest(one: Proposal) -> Iterator[str]:
    yield "[output]"
    yield from _comment("The feeds, which feedd writes and a web server may serve.")
    yield f"path = {quoted(one.output)}"
    yield ""
    yield "[state]"
    yield from _comment("What feedd remembers, also of articles that are not public: never serve it.")
    yield f"path = {quoted(one.state)}"
    yield ""
    yield "[server]"
    yield from _comment('Where `feedd run` serves the feeds itself; "" if your web server does.')
    yield f"listen = {quoted(one.listen)}"


def _example(one: Proposal) -> Iterator[Iterable[str]]:
    if one.rank:
        name = one.rank.name
        yield [
            *_comment(f"A feed of your own, as an example: what has a {name} that a fifth of the articles reach."),
            "#[[feed]]",
            '#name = "best"',
            f"#title = {quoted(f'{one.title}: the best')}",
            f"#min_{name} = {one.rank.least}",
            f'#order = "{name}"',
        ]
