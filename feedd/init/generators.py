"""Generators: what the configuration of a static site generator beside the articles tells of the site.

In: a directory. Out: a `Told`, empty where no configuration is recognised. Reads those of Hugo (`hugo.toml` or
`config.yaml`, say) and Jekyll (`_config.yml`), and `CNAME`, in which GitHub Pages keeps the domain; recognises
Eleventy, whose configuration is a program. Runs nothing, and believes nothing that is no plain text.
"""

import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from feedd.content import header
from feedd.content.links import domain, web_url
from feedd.content.text import plain
from feedd.errors import BrokenArticle

_LARGEST = 1 << 18  # bytes of a configuration that is looked at


class Told(Struct, frozen=True):
    """What is known of a site: `generator` is a name for people, `url` an address that ends in a slash; empty is not
    known.
    """

    generator: str = ""
    title: str = ""
    url: str = ""
    language: str = ""
    timezone: str = ""


def told(folder: Path) -> Told:
    """What the configuration of a generator in this directory tells. Never raises."""
    for look in (_hugo, _jekyll, _eleventy):
        if found := look(folder):
            return found if found.url else Told(found.generator, found.title, _cname(folder), *_rest(found))
    return Told(url=_cname(folder))


def _rest(found: Told) -> tuple[str, str]:
    return found.language, found.timezone


_HUGO = [f"{place}{name}" for place in ("hugo", "config", "config/_default/hugo", "config/_default/config") for name in
         (".toml", ".yaml", ".yml")]  # fmt: skip


def _hugo(folder: Path) -> Told | None:
    values = _first(folder, _HUGO)
    values = {str(key).lower(): value for key, value in values.items()}  # which Hugo does not tell apart
    if "baseurl" not in values:
        return None
    language = _text(values, "languagecode") or _text(values, "defaultcontentlanguage")
    return Told("Hugo", _text(values, "title"), _url(values["baseurl"]), language, _text(values, "timezone"))


def _jekyll(folder: Path) -> Told | None:
    names = ("_config.yml", "_config.yaml", "_config.toml")
    if not any((folder / name).is_file() for name in names):
        return None
    values = _first(folder, names)
    base = _text(values, "baseurl").strip("/")
    url = _text(values, "url").rstrip("/")
    language = _text(values, "lang") or _text(values, "locale")
    whole = f"{url}/{base}/" if base else f"{url}/"
    return Told("Jekyll", _text(values, "title"), _url(whole) if url else "", language, _text(values, "timezone"))


def _eleventy(folder: Path) -> Told | None:
    names = (".eleventy.js", *(f"eleventy.config.{suffix}" for suffix in ("js", "mjs", "cjs", "ts")))
    return Told("Eleventy") if any((folder / name).is_file() for name in names) else None


def _cname(folder: Path) -> str:
    try:
        named = domain(_read(folder / "CNAME").decode().strip())
    except (OSError, UnicodeDecodeError):
        return ""
    return f"https://{named}/" if named else ""


def _first(folder: Path, names: Iterable[str]) -> dict[str, Any]:
    """The mapping in the first of these files that holds one."""
    for name in names:
        try:
            values = _PARSERS[name.rpartition(".")[2]](_read(folder / name))
        except (OSError, ValueError, RecursionError, BrokenArticle):
            continue
        if values:
            return values
    return {}


def _read(path: Path) -> bytes:
    if not path.is_file():  # a named pipe would be waited for
        raise FileNotFoundError(path)
    with path.open("rb") as file:
        return file.read(_LARGEST)


def _yaml(data: bytes) -> dict[str, Any]:
    """As front matter is read, whose bounds hold for it too."""
    found = header.read(b"---\n" + data.removeprefix(b"---\n") + b"\n---\n")
    return found.mapping if found else {}


def _toml(data: bytes) -> dict[str, Any]:
    return tomllib.loads(data.decode("utf-8-sig"))


_PARSERS: dict[str, Callable[[bytes], dict[str, Any]]] = {"toml": _toml, "yaml": _yaml, "yml": _yaml}


def _text(values: dict[str, Any], name: str) -> str:
    value = values.get(name)
    return plain(value) if isinstance(value, str) else ""


def _url(value: object) -> str:
    """The address of a site; empty for what cannot be one, such as the `/` of a site that has none yet."""
    url = web_url(value)
    parts = urlsplit(url)
    return "" if not url or parts.query or parts.fragment else url if url.endswith("/") else f"{url}/"
