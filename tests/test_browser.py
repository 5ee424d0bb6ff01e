"""The pages in a real browser: Chromium, headless, by its own driver, on what the demo comes to.

A directory that feedd built is served on loopback as any static server would, below a prefix, with the pictures of the
stories on another port, so that they are of another origin; feeds are opened on `feedd serve`. Nothing here reaches any
other machine.
"""

import base64
import functools
import json
import os
import re
import shutil
import struct
import threading
import urllib.request
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from documents import ROOT, Document, size_of
from lxml import etree

from feedd.testing import Site, serving

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # feedparser's own
    import feedparser

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
from selenium.webdriver.chrome.service import Service  # noqa: E402 - it is there, now that this is known
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs Debian's chromium and chromium-driver"),
]

DEMO = Path(__file__).parent.parent / "config" / "demo"
THIS_YEAR = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".atom": "application/atom+xml; charset=utf-8",
    ".rss": "application/rss+xml; charset=utf-8",
    ".json": "application/feed+json; charset=utf-8",
    ".opml": "text/x-opml; charset=utf-8",
}


# What is served


class Files(SimpleHTTPRequestHandler):
    """A directory below `/some/feeds/`."""

    def translate_path(self, path: str) -> str:
        return super().translate_path(path.removeprefix("/some/feeds"))

    def guess_type(self, path: Any) -> str:
        return TYPES.get(Path(path).suffix, "text/plain")

    def log_message(self, *_: object) -> None:
        """Nothing."""


class Pictures(BaseHTTPRequestHandler):
    """The same picture whatever is asked for."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "image/png")
        self.send_header("Content-Length", str(len(PICTURE)))
        self.end_headers()
        self.wfile.write(PICTURE)

    def log_message(self, *_: object) -> None:
        """Nothing."""


def png(width: int, height: int) -> bytes:
    """A picture in one colour."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = (b"\0" + b"\xb0\x3a\x0b" * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


PICTURE = png(40, 30)
PICTURE_ADDRESS = re.compile(r"https://[^\s\"]+/([\w.-]+\.(?:jpe?g|png|webp|avif|gif|svg))\b")


def listening(handler: Callable[..., BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@dataclass
class Served:
    """A built site and where it is served."""

    site: Site
    base: str
    pictures: str

    def pages(self) -> list[str]:
        return sorted(path for path in self.site.documents() if path.endswith(".html"))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The demo, built for the address at which it is served, with its pictures at another."""
    site = Site.copied(DEMO, tmp_path_factory.mktemp("demo"))
    servers = listening(functools.partial(Files, directory=str(site.feeds))), listening(Pictures)
    base, pictures = (f"http://127.0.0.1:{server.server_port}/" for server in servers)
    yield demo(site, f"{base}some/feeds/", pictures)
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The same where `feedd serve` has it, with pictures that nobody has: feeds show none."""
    site = Site.copied(DEMO, tmp_path_factory.mktemp("own"))
    site.feeds.mkdir(exist_ok=True)
    with serving(site.feeds) as server:
        yield demo(site, f"{server.url}some/feeds/", "http://127.0.0.1:9/")


def demo(site: Site, base: str, pictures: str) -> Served:
    """A copy of the demo, built for the address at which it is served."""
    for path in site.content.rglob("*.*"):
        text = path.read_text(encoding="utf-8")
        path.write_text(PICTURE_ADDRESS.sub(rf"{pictures}\1", text), encoding="utf-8")
    settings = site.file.read_text(encoding="utf-8")
    settings = settings.replace("http://127.0.0.1:8000/", base)
    # Relative pictures start from the site.
    site.file.write_text(settings.replace('\nurl = "https://quiet-marvels.example/"', f'\nurl = "{pictures}"'))
    site.now = THIS_YEAR
    site.build()
    return Served(site, base, pictures)


# The browser


class Browser:
    """Chromium with one page open, and what it has to say of it."""

    def __init__(self, profile: Path) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(DRIVER))
        self.run = self.driver.execute_script

    def tell(self, command: str, **values: Any) -> dict[str, Any]:
        """A command of the DevTools protocol."""
        found: dict[str, Any] = self.driver.execute_cdp_cmd(command, values)
        return found

    def show(self, url: str, width: int = 1280, height: int = 900, **features: str) -> None:
        """Open a page on a screen of that size, for somebody who prefers such `features` (`color_scheme="dark"`)."""
        self.tell(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        features = {"reduced_motion": "reduce"} | features  # a page that scrolls slowly is not where a click goes
        media = [{"name": f"prefers-{name.replace('_', '-')}", "value": value} for name, value in features.items()]
        self.tell("Emulation.setEmulatedMedia", media="", features=media)
        self.driver.get("about:blank")
        self.complaints()
        self.requests()
        self.driver.get(url)

    def complaints(self) -> list[str]:
        """What the console and the network say is wrong since this was last asked, violations of policies too."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """The addresses that were asked for since this was last asked."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        urls = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
        return [url for url in urls if url.startswith("http")]

    def seen(self, selector: str) -> list[str]:
        """The texts of the elements of a selector that are shown."""
        return [str(one.text) for one in self.driver.find_elements(By.CSS_SELECTOR, selector) if one.is_displayed()]

    def one(self, selector: str) -> Any:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def press(self, *keys: str) -> None:
        """Keys, one after the other, as from the keyboard."""
        webdriver.ActionChains(self.driver).send_keys(*keys).perform()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.driver.quit()


@pytest.fixture(autouse=True)
def _as_usual(browser: Browser) -> Iterator[None]:
    """What one test lets the browser pretend ends with it."""
    yield
    browser.tell("Emulation.setScriptExecutionDisabled", value=False)
    browser.tell("Emulation.setScrollbarsHidden", hidden=False)
    browser.tell(
        "Network.emulateNetworkConditions", offline=False, latency=0, downloadThroughput=-1, uploadThroughput=-1
    )


PAGES = ("index.html", "all.html", "topics/night-sky.html", "providers/risalat-al-qamar.example.html")


def test_every_page_is_there_as_the_index_says(browser: Browser, served: Served) -> None:
    browser.show(f"{served.base}index.html")
    listed = browser.run("return [...document.querySelectorAll('.row h3 a')].map((a) => a.getAttribute('href'))")

    assert sorted({*listed, "index.html"}) == [page for page in served.pages() if "repair" not in page]
    assert len(listed) == 20


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_makes_the_browser_complain_or_ask_any_host_but_those_of_its_pictures(
    browser: Browser, served: Served, scheme: str
) -> None:
    for page in served.pages():
        browser.show(f"{served.base}{page}", color_scheme=scheme)
        broken = browser.run(LOAD_PICTURES)

        assert browser.complaints() == [], page
        assert broken == [], page
        hosts = {f"{(parts := urlsplit(url)).scheme}://{parts.netloc}/" for url in browser.requests()}
        assert hosts <= {urljoin(served.base, "/"), served.pictures}, page


LOAD_PICTURES = """
const pictures = [...document.images];
for (const one of pictures) one.loading = "eager";
return Promise.all(pictures.map((one) => one.decode().then(() => "", () => one.src)))
  .then((found) => found.filter(Boolean));
"""


def test_pages_without_pictures_ask_for_nothing_from_elsewhere(
    browser: Browser, served: Served, tmp_path: Path
) -> None:
    site = Site.copied(served.site.folder, tmp_path)
    site.file.write_text(served.site.file.read_text(encoding="utf-8") + "\n[pages]\npictures = false\n")
    site.now = THIS_YEAR
    site.build()
    server = listening(functools.partial(Files, directory=str(site.feeds)))
    here = f"127.0.0.1:{server.server_port}"
    try:
        for page in ("index.html", "all.html"):
            browser.show(f"http://{here}/{page}")
            assert browser.run(LOAD_PICTURES) == browser.complaints() == []
            assert {urlsplit(url).netloc for url in browser.requests()} == {here}
    finally:
        server.shutdown()
        server.server_close()


def test_pages_are_well_behind_the_headers_of_feedds_own_server(browser: Browser, served: Served) -> None:
    with serving(served.site.feeds) as own:
        for page in ("", "index.html", "topics/night-sky.html"):
            browser.show(f"{own.url}{page}")
            broken = browser.run(LOAD_PICTURES)

            assert broken == browser.complaints() == []
            assert browser.run("return document.styleSheets.length") == 1
            hosts = {urlsplit(url).netloc for url in browser.requests()}
            assert hosts <= {urlsplit(own.url).netloc, urlsplit(served.pictures).netloc}


def test_policy_keeps_out_whatever_else_got_into_a_page(browser: Browser, served: Served) -> None:
    browser.show(f"{served.base}all.html")
    stopped = browser.driver.execute_async_script(
        """
        const done = arguments[arguments.length - 1];
        const found = [];
        document.addEventListener("securitypolicyviolation", (event) => {
          found.push(event.effectiveDirective);
          if (found.length === 5) done(found.sort());
        });
        const add = (tag, values) => document.body.append(Object.assign(document.createElement(tag), values));
        add("script", { textContent: "window.broken = true" });
        add("script", { src: arguments[0] + "evil.js" });
        add("style", { textContent: "body { display: none }" });
        add("img", { src: "http://127.0.0.1:9/tracker.png" });
        add("iframe", { src: arguments[0] });
        """,
        served.pictures,
    )

    assert stopped == ["frame-src", "img-src", "script-src-elem", "script-src-elem", "style-src-elem"]
    assert browser.run("return window.broken") is None


# Finding


def test_filter_finds_feeds_by_title_and_by_newest_story_without_network(browser: Browser, served: Served) -> None:
    browser.show(f"{served.base}index.html")
    browser.tell("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0)
    box = browser.one("#filter")

    box.send_keys("KITCH")
    assert browser.seen(".row h3") == ["Kitchen"]
    assert browser.seen(".group h2") == ["Topics"]
    assert browser.run("return document.getElementById('status').textContent") == "1 of 20 feeds"
    box.clear()
    box.send_keys("rents moon")
    assert "Night Sky" in browser.seen(".row h3")
    assert all("moon" in news.lower() for news in browser.seen(".row .news"))


def test_filter_overlooks_case_and_accents_and_knows_all_scripts(browser: Browser, served: Served) -> None:
    browser.show(f"{served.base}index.html")
    box = browser.one("#filter")

    for typed, found in (
        ("GRUSST", []),
        ("grußt", "Quiet Marvels auf Deutsch"),
        ("هلال", "رسالة القمر"),
        ("茶", "茶の間だより"),
    ):
        box.clear()
        box.send_keys(typed)
        assert found in browser.seen(".row h3") or browser.seen(".row h3") == found, typed


def test_filter_that_finds_nothing_says_so_and_leads_back(browser: Browser, served: Served) -> None:
    browser.show(f"{served.base}index.html")
    browser.one("#filter").send_keys("zzz")
    assert browser.seen(".row h3") == []
    assert browser.seen("#nothing") == ["No feed matches. Show all feeds"]

    browser.one("#all-again").click()
    assert len(browser.seen(".row h3")) == 20
    assert browser.seen("#nothing") == []
    assert browser.driver.switch_to.active_element == browser.one("#filter")


# Copying


def clipboard(browser: Browser, served: Served) -> str:
    browser.tell(
        "Browser.grantPermissions",
        origin=urljoin(served.base, "/"),
        permissions=["clipboardReadWrite", "clipboardSanitizedWrite"],
    )
    found: str = browser.driver.execute_async_script(
        "const done = arguments[0]; navigator.clipboard.readText().then(done, (error) => done(String(error)))"
    )
    return found


def test_address_of_a_feed_is_copied_with_one_click_from_the_index_and_from_its_page(
    browser: Browser, served: Served
) -> None:
    for page, which in (
        ("index.html", "[aria-label='Copy address of Quiet Marvels: Kitchen']"),
        ("moon.html", ".copy"),
    ):
        browser.show(f"{served.base}{page}")
        button = browser.one(which)
        button.click()
        wait_until_copied(browser, button)
        copied = clipboard(browser, served)

        assert copied == button.get_attribute("data-copy")
        assert browser.run("return document.getElementById('status').textContent") == f"Copied: {copied}"
        assert urllib.request.urlopen(copied).status == 200
        assert browser.complaints() == []


def test_address_is_copied_where_the_browser_has_no_clipboard_for_the_page(browser: Browser, served: Served) -> None:
    browser.show(f"{served.base}index.html")
    browser.run("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    button = browser.one(".copy")
    button.click()
    wait_until_copied(browser, button)
    browser.one("#filter").send_keys(Keys.CONTROL + "v")

    assert browser.one("#filter").get_attribute("value") == button.get_attribute("data-copy")


def wait_until_copied(browser: Browser, button: Any) -> None:
    """What the page does, it does a moment later."""
    waiting = WebDriverWait(browser.driver, 5, poll_frequency=0.02)
    waiting.until(lambda _: "copied" in button.get_attribute("class"))


# Readers that are given the address of a page


def test_every_link_that_readers_discover_leads_to_a_valid_feed_of_its_type(browser: Browser, served: Served) -> None:
    for page in PAGES:
        browser.show(f"{served.base}{page}")
        links = browser.run(
            "return [...document.querySelectorAll('link[rel=alternate]')].map((link) => [link.type, link.href])"
        )
        assert len(links) % 3 == 0
        assert links
        for media_type, url in links:
            with urllib.request.urlopen(url) as answer:
                assert answer.headers["Content-Type"].partition(";")[0] == media_type
                assert is_feed(media_type, answer.read()), url


def is_feed(media_type: str, data: bytes) -> bool:
    if media_type == "application/feed+json":
        return bool(json.loads(data)["version"] == "https://jsonfeed.org/version/1.1")
    read = feedparser.parse(data)
    return (
        not read.bozo and read.version == {"application/atom+xml": "atom10", "application/rss+xml": "rss20"}[media_type]
    )


def test_list_of_all_feeds_is_linked_and_every_address_in_it_leads_somewhere(browser: Browser, served: Served) -> None:
    browser.show(f"{served.base}index.html")
    url = browser.one("a[type='text/x-opml']").get_attribute("href")
    outlines = etree.fromstring(urllib.request.urlopen(url).read()).findall(".//outline[@type='rss']")

    assert len(outlines) == 20
    for outline in outlines:
        for name in ("xmlUrl", "htmlUrl"):
            assert urllib.request.urlopen(outline.get(name)).status == 200


# Everybody

CONTRAST = """
function parts(color) { return color.match(/[\\d.]+/g).map(Number); }
function over(top, below) {
  const alpha = top[3] ?? 1;
  return [0, 1, 2].map((place) => top[place] * alpha + below[place] * (1 - alpha));
}
function ground(element) {
  const layers = [];
  for (let one = element; one; one = one.parentElement) layers.push(parts(getComputedStyle(one).backgroundColor));
  return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255]);
}
function light(color) {
  const [r, g, b] = color.map((value) => value / 255)
    .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function ratio(one, other) {
  const [dark, bright] = [light(one), light(other)].sort((a, b) => a - b);
  return (bright + 0.05) / (dark + 0.05);
}
const poor = [];
let looked = 0;
function look(element, pseudo) {
  const style = getComputedStyle(element, pseudo);
  const size = parseFloat(style.fontSize);
  const needed = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
  const own = pseudo ? over(parts(style.backgroundColor), ground(element)) : ground(element);
  const found = ratio(over(parts(style.color), own), own);
  looked += 1;
  if (found < needed) poor.push([element.outerHTML.slice(0, 80), pseudo, found.toFixed(2)]);
}
for (const element of document.querySelectorAll("*")) {
  if (!element.getClientRects().length) continue;
  if ([...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim())) look(element, null);
  if (element.placeholder) look(element, "::placeholder");
  for (const pseudo of ["::before", "::after"]) {
    if (!["none", "normal"].includes(getComputedStyle(element, pseudo).content)) look(element, pseudo);
  }
  if (element.localName === "input") {
    const found = ratio(parts(getComputedStyle(element).borderTopColor), ground(element.parentElement));
    if (found < 3) poor.push([element.outerHTML.slice(0, 80), "border", found.toFixed(2)]);
  }
}
return [looked, poor];
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("page", ["index.html", "all.html", "all.atom", "all.rss"])
def test_every_text_stands_out_from_its_ground_as_wcag_aa_asks(
    browser: Browser, own: Served, page: str, scheme: str
) -> None:
    browser.show(f"{own.base}{page}", color_scheme=scheme)
    looked, poor = browser.run(CONTRAST)

    assert poor == []
    assert looked > 50
    dark = browser.run("return getComputedStyle(document.body ?? document.documentElement).backgroundColor")
    assert dark == {"light": "rgb(246, 245, 242)", "dark": "rgb(19, 21, 25)"}[scheme]


@pytest.mark.parametrize("page", PAGES)
def test_keyboard_reaches_everything_in_order_and_shows_where_it_is(
    browser: Browser, served: Served, page: str
) -> None:
    browser.show(f"{served.base}{page}")
    wanted = browser.run(
        "return [...document.querySelectorAll('a[href], button, input')].filter((one) => one.getClientRects().length)"
    )
    for element in wanted:
        browser.press(Keys.TAB)
        here = browser.run(
            "const style = getComputedStyle(document.activeElement);"
            "return [document.activeElement, style.outlineStyle, parseFloat(style.outlineWidth)]"
        )
        assert here == [element, "solid", 3], element.get_attribute("outerHTML")


def test_first_key_offers_to_skip_to_the_content(browser: Browser, served: Served) -> None:
    browser.show(f"{served.base}all.html")
    browser.press(Keys.TAB)
    assert browser.run("return getComputedStyle(document.activeElement).clipPath") == "none"

    browser.press(Keys.ENTER)
    assert browser.run("return document.activeElement.localName") == "main"


@pytest.mark.parametrize("page", PAGES)
def test_page_has_landmarks_headings_in_order_and_names_for_everything(
    browser: Browser, served: Served, page: str
) -> None:
    browser.show(f"{served.base}{page}")
    nodes = [node for node in browser.tell("Accessibility.getFullAXTree")["nodes"] if not node["ignored"]]
    roles = [node["role"]["value"] for node in nodes]
    nameless = [
        node["role"]["value"]
        for node in nodes
        if node["role"]["value"] in {"link", "button", "searchbox", "navigation", "image", "region", "heading"}
        and not node["name"]["value"].strip()
    ]

    assert [roles.count(role) for role in ("main", "banner", "contentinfo")] == [1, 1, 1]
    assert nameless == []
    levels = browser.run("return [...document.querySelectorAll('h1, h2, h3')].map((one) => Number(one.localName[1]))")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(lower - upper <= 1 for upper, lower in pairwise(levels))
    assert browser.run("return [document.documentElement.lang, document.title !== '']") == ["en", True]
    assert browser.run("return document.querySelectorAll('img:not([alt])').length") == 0
    ids = browser.run("return [...document.querySelectorAll('[id]')].map((one) => one.id)")
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
@pytest.mark.parametrize("page", ["index.html", "all.html"])
def test_page_fits_screens_of_all_widths_and_fingers(browser: Browser, served: Served, page: str, width: int) -> None:
    browser.show(f"{served.base}{page}", width, 844)

    assert browser.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    small = browser.run(
        "return [...document.querySelectorAll('button:not(.plain), .links a, input, .jump a')]"
        ".filter((one) => one.getClientRects().length && one.getBoundingClientRect().height < 24)"
        ".map((one) => one.outerHTML)"
    )
    assert small == []


def test_pictures_stand_beside_the_text_on_a_desk_and_above_it_on_a_phone(browser: Browser, served: Served) -> None:
    places = []
    for width in (1280, 390):
        browser.show(f"{served.base}all.html", width, 844)
        places.append(
            browser.run(
                "const story = document.querySelector('.story:has(figure)');"
                "const place = (part) => story.querySelector(part).getBoundingClientRect();"
                "const [text, picture] = [place('.text'), place('figure')];"
                "return [picture.left >= text.right, picture.bottom <= text.top]"
            )
        )
    assert places == [[True, False], [False, True]]


def test_stories_that_are_written_from_right_to_left_are_read_so(browser: Browser, served: Served) -> None:
    browser.show(f"{served.base}moon.html")
    directions = browser.run(
        "return [...document.querySelectorAll('.story h3')]"
        ".map((one) => [one.textContent, getComputedStyle(one).direction])"
    )
    assert [direction for title, direction in directions if "هلال" in title] == ["rtl"]
    assert [direction for title, direction in directions if "boat" in title] == ["ltr"]


def test_nothing_moves_for_who_wants_less_motion(browser: Browser, served: Served) -> None:
    moving = (
        "return [...document.querySelectorAll('*')]"
        ".filter((one) => getComputedStyle(one).transitionDuration !== '0s').length"
    )
    browser.show(f"{served.base}index.html", reduced_motion="reduce")
    assert browser.run(moving) == 0
    assert browser.run("return getComputedStyle(document.documentElement).scrollBehavior") == "auto"

    browser.show(f"{served.base}index.html", reduced_motion="no-preference")
    assert browser.run(moving) > 0


def test_without_scripts_everything_is_there_but_filter_and_copying(browser: Browser, served: Served) -> None:
    browser.tell("Emulation.setScriptExecutionDisabled", value=True)
    browser.show(f"{served.base}index.html")

    assert len(browser.driver.find_elements(By.CSS_SELECTOR, ".row h3 a")) == 20
    tree = browser.tell("Accessibility.getFullAXTree")["nodes"]
    shown = {(node["role"]["value"], node["name"]["value"]) for node in tree if not node["ignored"] and "name" in node}
    assert ("link", "Kitchen") in shown
    assert {role for role, _ in shown} & {"button", "searchbox"} == set()


def test_on_paper_there_is_nothing_to_click(browser: Browser, served: Served) -> None:
    browser.show(f"{served.base}all.html")
    browser.tell("Emulation.setEmulatedMedia", media="print")
    hidden = browser.run(
        "return ['.top', '.copy', '.skip'].map((one) => getComputedStyle(document.querySelector(one)).display)"
    )
    pdf = base64.b64decode(browser.tell("Page.printToPDF")["data"])

    assert hidden == ["none"] * 3
    assert pdf.startswith(b"%PDF-")


# Feeds that somebody opens

OPENED = ("all.atom", "all.rss", "topics/night-sky.atom", "topics/night-sky.rss")


@pytest.mark.parametrize("path", OPENED)
def test_feed_that_is_opened_tells_what_it_is_and_where_its_page_is(browser: Browser, own: Served, path: str) -> None:
    browser.show(f"{own.base}{path}", 390, 844)
    shown = browser.run(
        """
        const root = document.documentElement;
        const head = root.querySelector("channel") ?? root;
        const shown = (one) => one.getClientRects().length > 0;
        const link = [...head.children].find((one) => one.localName === "link" && shown(one));
        return [
          getComputedStyle(head, "::before").content,
          [...head.children].filter((one) => one.localName === "title" && shown(one)).length,
          [...head.children].filter((one) => one.localName === "link" && shown(one)).length,
          link.textContent || link.getAttribute("href"),
          getComputedStyle(link, "::after").content,
          getComputedStyle(link, "::before").content,
          [...root.querySelectorAll("entry > *, item > *")].filter(shown).map((one) => one.localName).slice(0, 4),
          innerWidth >= root.scrollWidth,
        ];
        """
    )

    assert shown[0].startswith('"This is a feed. To follow it, copy the address')
    page = f"{own.base}{path.rpartition('.')[0]}.html"
    assert urllib.request.urlopen(page).status == 200
    assert shown[1:4] == [1, 1, page]
    assert shown[4] == ("none" if path == "topics/night-sky.rss" else f'"{page}"')
    assert shown[5] == '"To read it here, visit "'
    assert {"title", "link"} < set(shown[6])
    assert shown[7]


@pytest.mark.parametrize("path", OPENED)
def test_feed_that_is_opened_is_styled_and_the_browser_has_nothing_to_complain_of(
    browser: Browser, own: Served, path: str
) -> None:
    browser.show(f"{own.base}{path}")
    styled = browser.run(
        """
        const style = (selector) => getComputedStyle(document.querySelector(selector));
        const title = style("feed > title, channel > title");
        return [
          document.contentType,
          style("feed, rss").backgroundColor,
          style("entry, item").borderTopLeftRadius,
          style("id, guid").display,
          parseFloat(title.fontSize) > 2 * parseFloat(style("published, pubDate").fontSize),
        ];
        """
    )

    assert styled == ["application/xml", "rgb(246, 245, 242)", "14px", "none", True]
    assert browser.complaints() == []
    assert {urlsplit(url).netloc for url in browser.requests()} == {urlsplit(own.base).netloc}


def test_feed_that_was_fetched_is_shown_all_the_same_when_it_is_opened_and_the_other_way_round(
    browser: Browser, own: Served
) -> None:
    """The browser keeps both for five minutes."""
    fetched = "return fetch(arguments[0]).then((answer) => answer.headers.get('Content-Type'))"
    url, types = f"{own.base}moon.atom", []
    for _ in range(2):
        browser.show(f"{own.base}index.html")
        browser.tell("Page.navigate", url=f"{own.base}assets/feed.css")  # a document without a policy against fetching
        types.append(browser.run(fetched, url))
        browser.show(url)
        types.append(browser.run("return document.contentType"))

    assert types == ["application/atom+xml; charset=utf-8", "application/xml"] * 2


@pytest.mark.parametrize("suffix", ["atom", "rss"])
def test_feed_that_is_opened_shows_excerpts_and_no_html_of_bodies(
    browser: Browser, tmp_path: Path, suffix: str
) -> None:
    site = Site(tmp_path, "[pages]\n")
    site.feeds.mkdir()
    site.story("a.md", "Of larks", excerpt="Short.")
    site.story("b.md", "Of hills", excerpt="A hill.", body="<p>Grüße</p>")
    site.story("c.md", "Of whales", excerpt=None, body="<p>Grüße</p>")
    with serving(site.feeds) as server:
        settings = site.file.read_text(encoding="utf-8")
        site.file.write_text(settings.replace("https://news.example/feeds/", server.url), encoding="utf-8")
        site.build()
        browser.show(f"{server.url}all.{suffix}")
        titles, texts = (browser.seen(names) for names in ("entry > title, item > title", "entry > *, item > *"))

    assert sorted(titles) == ["Of hills", "Of larks", "Of whales"]
    assert {"Short.", "A hill."} < set(texts)
    assert [text for text in texts if "<" in text or "Grüße" in text] == []


def test_script_that_got_into_a_feed_is_not_run(browser: Browser, own: Served) -> None:
    script = '<script xmlns="http://www.w3.org/1999/xhtml">document.documentElement.setAttribute("ran", "")</script>'
    text = own.site.documents()["moon.atom"].decode().replace("</feed>", f"{script}</feed>")
    (own.site.feeds / "foreign.atom").write_text(text, encoding="utf-8")
    browser.show(f"{own.base}foreign.atom")

    assert browser.run("return [document.scripts.length, document.documentElement.hasAttribute('ran')]") == [1, False]
    assert "sandboxed" in browser.complaints()[0]


# Pictures for the README


@pytest.mark.parametrize(
    ("name", "page", "scheme"), [("index", "index.html", "light"), ("feed", "topics/night-sky.html", "dark")]
)
def test_picture_of_a_page_is_as_large_as_the_one_in_the_readme(
    browser: Browser, served: Served, name: str, page: str, scheme: str
) -> None:
    """After a change of the pages, taken anew with PICTURES=write."""
    (shown,) = (one for one in Document("README.md").pictures if one.source.endswith(f"/{name}.png"))
    browser.show(f"{served.base}{page}", shown.width, shown.height, color_scheme=scheme)
    browser.tell("Emulation.setScrollbarsHidden", hidden=True)
    browser.run(LOAD_PICTURES)
    browser.run(ADDRESS_OF_THE_DEMO, served.base)
    taken = base64.b64decode(browser.tell("Page.captureScreenshot", format="png", optimizeForSpeed=False)["data"])
    if os.environ.get("PICTURES") == "write":
        (ROOT / shown.source).write_bytes(taken)

    assert size_of(taken) == size_of((ROOT / shown.source).read_bytes()) == (shown.width, shown.height)


ADDRESS_OF_THE_DEMO = """
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (texts.nextNode())
  texts.currentNode.data = texts.currentNode.data.replace(arguments[0], "http://127.0.0.1:8000/");
"""
