"""Samples: two invented articles, with which a new site begins.

In: the moment. Out: file names and texts. They are published, and public since the day before.
"""

from datetime import UTC, datetime

_DAY = 86400

_FERRY = """\
---
title: "The ferry that waits for umbrellas"
excerpt: "In Lower Puddlewick, nobody sails without one, and nobody has to run."
publishedDateTime: {date}
webUrl: "https://gazette.example/ferry"
published: true
provider:
  name: Puddlewick Gazette
  domain: gazette.example
topics:
  - Weather
  - Small Boats
---

The 17:40 leaves when the last umbrella is aboard. **Nobody minds**, since the tea is free until then.
"""

_CLOCK = """\
---
title: "A town hall clock takes Tuesdays off"
excerpt: "It has never been late since. The council wonders whom to ask next."
publishedDateTime: {date}
webUrl: "https://crumb.example/clock"
published: true
provider:
  name: The Daily Crumb
  domain: crumb.example
topics: Weather
---

What stands here, below the second line of dashes, is the body: Markdown, which goes into the feeds as full text.
"""


def samples(now: int) -> dict[str, str]:
    """The articles by the names of their files; the first of them is the newer one."""
    return {
        "the-ferry-that-waits.md": _FERRY.format(date=_stamp(now - _DAY)),
        "a-clock-takes-tuesdays-off.md": _CLOCK.format(date=_stamp(now - 2 * _DAY)),
    }


def _stamp(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
