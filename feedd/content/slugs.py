"""Slugs: safe, distinct, stable file names for topics and providers, whatever these are called.

In: a name. Out: a name of a file without suffix. A slug depends on nothing but its own name, so another topic never
changes it. Two names have one slug only where they differ in case, width of white space or Unicode composition alone:
plain names (`power apps`) become themselves with hyphens; all others end in `_` and 48 bits of their own hash, and no
plain slug holds an underscore.
"""

import re
import unicodedata
from hashlib import blake2b

from feedd.content.text import key

MAX_LENGTH = 80
_PLAIN = re.compile(r"[a-z0-9]+(?: [a-z0-9]+)*")
_DOMAIN = re.compile(r"[a-z0-9]+(?:[.-]+[a-z0-9]+)*")
# File names that Windows keeps for devices, whatever suffix follows, and the page that stands beside the feeds.
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?|index")


def slug(name: str) -> str:
    """A file name for a name: lower-case ASCII letters, digits, hyphens, at most one underscore; 1 to 93 characters."""
    name = key(name)
    plain = name.replace(" ", "-")
    if _PLAIN.fullmatch(name) and len(plain) <= MAX_LENGTH and not _RESERVED.fullmatch(plain):
        return plain
    return hashed(name)


def hashed(name: str) -> str:
    """The slug with a hash, for a name whose plain form is not free: `C++` is `c_` and twelve digits."""
    name = key(name)
    folded = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    stem = "-".join(re.findall(r"[a-z0-9]+", folded))[:MAX_LENGTH].strip("-") or "x"
    return f"{stem}_{blake2b(name.encode('utf-8', 'surrogatepass'), digest_size=6).hexdigest()}"


def domain_slug(domain: str) -> str:
    """A file name for a provider's domain: the domain itself wherever that is safe."""
    if _DOMAIN.fullmatch(domain) and len(domain) <= MAX_LENGTH and not _RESERVED.fullmatch(domain):
        return domain
    return hashed(domain)
