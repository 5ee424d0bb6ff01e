"""Two invented articles, one in each generation of the schema, as programs write them."""

NEWER = r"""---
category: news
title: "Lighthouse keeps its keeper: ferries return to the harbour"
excerpt: "The lamp stays lit.\r\nVisitors &quot;just wanted a look&quot; &#8211; and left with a \"certificate\"."
publishedDateTime: 2023-07-29T15:11:00Z
originalUrl: "https://www.harbour-post.example/2023/jul/29/lighthouse-keeps-its-keeper"
webUrl: "https://www.harbour-post.example/2023/jul/29/lighthouse-keeps-its-keeper?ref=front#top"
ampWebUrl: "https://amp.harbour-post.example/2023/jul/29/lighthouse-keeps-its-keeper"
cdnAmpWebUrl: "https://amp-harbour--post-example.cdn.amp.example/c/s/amp.harbour-post.example/lighthouse"
type: article
quality: 58
heat: 78
published: true

featuredContent: "<iframe width=\"800\" src=\"https://player.example/embed/4711\" allow=\"autoplay\"></iframe>"

provider:
  name: The Harbour Post
  domain: harbour-post.example
  images:
    - url: "https://news.example/assets/images/organizations/harbour-post.example-50x50.jpg"
      width: 50
      height: 50

topics:
  - Lighthouses
  - AI
  - Coastal Shipping

images:
  - url: "https://cdn.harbour-post.example/media/5000.jpg?width=620&quality=85&s=1c29"
    width: 620
    height: 372
    isCached: true
  - url: "https://cdn.harbour-post.example/media/5001.jpg"
    width: 1200
    height: 630
    isCached: true

related:
  - title: "Ferry company finds its lost timetable"
    excerpt: "It was behind the clock, where it had been for nine years."
    publishedDateTime: 2023-07-28T19:37:00Z
    webUrl: "https://islander.example/news/2023/07/28/ferry-company-finds-its-lost-timetable/"
    ampWebUrl: "https://islander.example/news/2023/07/28/ferry-company-finds-its-lost-timetable/amp/"
    type: article
    provider:
      name: The Islander
      domain: islander.example
    quality: 19
    images:
      - url: "https://islander.example/2023/07/Timetable.jpg"
        width: 1200
        height: 800
        isCached: true
  - title: "Nine months of fog, and no arrests"
    excerpt: "Somebody's hat was returned."
    publishedDateTime: 2023-07-28T15:24:00Z
    webUrl: "https://fogbank.example/blog/2023/07/28/nine-months-of-fog/"
    type: article
    provider:
      name: Fogbank
      domain: fogbank.example
    quality: 10

secured: "Qm90aCBhcmUgaW52ZW50ZWQu0hG7/2K+Zk1wYWxleGFtcGxlb25seQ0hG7kZ2+FhY==;MDEyMzQ1Njc4OWFiY2RlZg=="
---
"""

OLDER = """---
category: news
title: "Town hall is setting up talking benches and pigeons are not happy about it"
excerpt: "The town already has the most benches of the coast, but now some will say good morning. If you…"
publishedDateTime: 2020-01-24T18:11:00Z
sourceUrl: https://knowbench.example/town-hall-is-setting-up-talking-benches/
ampUrl: https://knowbench.example/town-hall-is-setting-up-talking-benches/amp/
cdnAmpUrl: https://knowbench-example.cdn.amp.example/c/s/knowbench.example/talking-benches/amp/
type: article
quality: 47
heat: -1
published: true

provider:
  name: KnowBench
  domain: knowbench.example

topics:
  - AI
  - Street Furniture

images:
  - url: https://knowbench.example/uploads/2018/11/bench%252F1.jpg
    width: 1528
    height: 900
    title: "Town hall sets up talking benches"

related:
  - title: "Pigeons file a complaint – again"
    excerpt: "They moved on to the next square."
    publishedDateTime: 2020-01-24T16:35:00Z
    sourceUrl: https://square.example/5770976/pigeons-file-a-complaint/
    type: article
    provider:
      name: Square
      domain: square.example
    quality: 165
    images:
      - url: https://square.example/2020/01/pigeons.jpg
        width: 1024
        height: 683
---
"""


def front_matter(text: str) -> str:
    """What stands between the fences."""
    return text.removeprefix("---\n").partition("\n---\n")[0] + "\n"
