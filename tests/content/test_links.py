"""Links: which strings are web addresses, and which addresses lead to one story (design, section 5)."""

import re
import string
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from feedd.content.links import absolute, canonical, domain, host, story, web_url

# A URI by RFC 3986, with what feedd asks for: http or https, a host, nobody's password.
URI = re.compile(
    r"https?://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]+)?"
    r"(/([A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*)?"
    r"(\?([A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?"
    r"(#([A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?"
)

WORD = st.text(string.ascii_letters + string.digits + "-._~%é ", min_size=1, max_size=8)
HOST = st.sampled_from(["a.example", "www.a.example", "A.Example", "b.example:8080", "bücher.example", "[::1]", "x"])
URL = st.builds(
    lambda scheme, host, path, query, fragment: f"{scheme}://{host}{path}{query}{fragment}",
    st.sampled_from(["http", "https", "HTTPS"]),
    HOST,
    st.lists(WORD, max_size=3).map(lambda parts: "".join(f"/{part}" for part in parts)),
    st.lists(WORD, max_size=3).map(lambda parts: "?" * bool(parts) + "&".join(f"{part}=1" for part in parts)),
    st.sampled_from(["", "#", "#part"]),
)


# Web addresses


@pytest.mark.parametrize(
    "url",
    [
        "https://grocer.example/a/651298.article",
        "http://grocer.example",
        "https://grocer.example?id=1",
        "https://grocer.example/a?width=620&quality=85&auto=format",
        "https://mashable.example/2020%252F01%252Fpicture.jpg?signature=o9_a-b",
        "https://a.example:8443/x#part",
        "https://[2001:db8::1]/x",
        "https://localhost/x",
        "https://192.0.2.1/x",
        "https://user_pages.example/x",
        "https://a.example./x",
    ],
)
def test_a_url_stays_as_it_is(url: str) -> None:
    assert url == web_url(url)


@pytest.mark.parametrize(
    ("written", "url"),
    [
        pytest.param("  https://a.example/x\n", "https://a.example/x", id="white space around it"),
        pytest.param("HTTPS://News.Example/Path", "https://news.example/Path", id="case of scheme and host"),
        pytest.param("https://a.example/ü?ü#ü", "https://a.example/%C3%BC?%C3%BC#%C3%BC", id="beyond ASCII"),
        pytest.param("https://bücher.example/", "https://xn--bcher-kva.example/", id="IDNA"),
        pytest.param("https://a.example/a b", "https://a.example/a%20b", id="space"),
        pytest.param('https://a.example/"<x>"|', "https://a.example/%22%3Cx%3E%22%7C", id="characters to encode"),
        pytest.param("https://a.example/?a[]=1", "https://a.example/?a%5B%5D=1", id="brackets"),
        pytest.param("https://a.example/100%", "https://a.example/100%25", id="percent sign"),
        pytest.param("https://a.example/%zz?%4", "https://a.example/%25zz?%254", id="bare percent signs"),
        pytest.param("https://a.example/%E2%82%AC", "https://a.example/%E2%82%AC", id="already encoded"),
        pytest.param("https://a.example:/x", "https://a.example/x", id="empty port"),
    ],
)
def test_an_address_becomes_a_url(written: str, url: str) -> None:
    assert url == web_url(written)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("", id="nothing"),
        pytest.param("a story", id="text"),
        pytest.param("/a/relative/path", id="path"),
        pytest.param("//a.example/x", id="without scheme"),
        pytest.param("a.example/x", id="domain and path"),
        pytest.param("www.a.example", id="domain"),
        pytest.param("ftp://a.example/x", id="ftp"),
        pytest.param("javascript:alert(1)", id="script"),
        pytest.param("data:text/html,x", id="data"),
        pytest.param("file:///etc/passwd", id="file"),
        pytest.param("mailto:a@a.example", id="mail"),
        pytest.param("tag:a.example,2020:x", id="tag"),
        pytest.param("https:///x", id="no host"),
        pytest.param("https://", id="scheme alone"),
        pytest.param("https://user:password@a.example/", id="password"),
        pytest.param("https://a.example\\@b.example/", id="backslash"),
        pytest.param("https://a example/", id="space in the host"),
        pytest.param("https://a..b/", id="empty label"),
        pytest.param("https://a..b/x#y", id="empty label, careful"),
        pytest.param("https://-a.example/#x", id="leading hyphen"),
        pytest.param("https://%61.example/", id="percent sign in the host"),
        pytest.param("https://é..example/", id="name that IDNA refuses"),
        pytest.param("https://‥.example/", id="name that normalises to dots"),
        pytest.param("https://a.example:99999/", id="port out of range"),
        pytest.param("https://a.example:x/", id="port that is none"),
        pytest.param("https://[::1/", id="open bracket"),
        pytest.param("https://a.example/a\nb", id="line end"),
        pytest.param("https://a.example/a\tb", id="tab"),
        pytest.param("https://a.example/\x00", id="NUL"),
        pytest.param("https://a.example/\ud800", id="half of a character"),
        pytest.param(None, id="null"),
        pytest.param(5, id="number"),
        pytest.param(["https://a.example/"], id="list"),
        pytest.param({"url": "https://a.example/"}, id="mapping"),
    ],
)
def test_what_is_no_absolute_web_address_is_none(value: object) -> None:
    assert web_url(value) == ""


@given(URL | st.text(st.characters(), max_size=40).map(lambda rest: f"https://{rest}") | st.text(max_size=20))
@example("https://a.example/\ud800")
@example("https://[v1.a:b]/")
@settings(max_examples=200, deadline=None)
def test_any_text_is_a_url_of_rfc_3986_or_none(written: str) -> None:
    url = web_url(written)

    assert url == "" or URI.fullmatch(url)
    assert url == web_url(url)
    assert url == "" or (host(url) == host(url).lower() and isinstance(story(url), int))


# Relative addresses


@pytest.mark.parametrize(
    ("written", "url"),
    [
        pytest.param("/assets/a.jpg", "https://site.example/assets/a.jpg", id="from the host"),
        pytest.param("a.jpg", "https://site.example/news/a.jpg", id="from the page"),
        pytest.param("../a b.jpg", "https://site.example/a%20b.jpg", id="from above"),
        pytest.param("//cdn.example/a.jpg", "https://cdn.example/a.jpg", id="from the scheme"),
        pytest.param("http://cdn.example/a.jpg", "http://cdn.example/a.jpg", id="absolute"),
        pytest.param("#part", "https://site.example/news/#part", id="fragment"),
        pytest.param("", "", id="nothing"),
        pytest.param("  ", "", id="white space"),
        pytest.param("javascript:alert(1)", "", id="script"),
        pytest.param("data:image/png;base64,AAAA", "", id="data"),
        pytest.param("http://[", "", id="no address"),
    ],
)
def test_a_relative_address_is_made_absolute(written: str, url: str) -> None:
    assert url == absolute(written, "https://site.example/news/")


# Hosts and domains


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://www.grocer.example/x", "grocer.example"),
        ("https://grocer.example", "grocer.example"),
        ("https://news.grocer.example:8080/x", "news.grocer.example"),
        ("https://wwwx.example/", "wwwx.example"),
        ("https://a.example./x#y", "a.example"),
        ("https://[2001:db8::1]/", "2001:db8::1"),
        ("", ""),
    ],
)
def test_the_host_of_a_url(url: str, expected: str) -> None:
    assert expected == host(url)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param("grocer.example", "grocer.example", id="as it is"),
        pytest.param(" WWW.Grocer.Example ", "grocer.example", id="case and www"),
        pytest.param("https://www.grocer.example/about", "grocer.example", id="address"),
        pytest.param("bücher.example", "xn--bcher-kva.example", id="IDNA"),
        pytest.param("The Grocer", "", id="name"),
        pytest.param("grocer", "", id="no dot"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_a_domain_is_cut_out(written: str, expected: str) -> None:
    assert expected == domain(written)


# One story


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example/story",
        "https://www.a.example/story",
        "https://A.Example/story",
        "https://a.example/story/",
        "https://a.example/story#comments",
        "https://a.example:443/story",
        "http://a.example:80/story",
        "https://a.example./story",
        "https://a.example/story?",
        "https://a.example/story?utm_source=x&utm_medium=y&UTM_Campaign=z",
        "https://a.example/story?fbclid=1",
        "https://a.example/story/?gclid=1&msclkid=2&mc_cid=3#x",
        "https://a.example/story?utm_id",
    ],
)
def test_addresses_of_one_story_are_one(url: str) -> None:
    assert canonical("https://a.example/story") == canonical(web_url(url))
    assert story("https://a.example/story") == story(web_url(url))


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example/",
        "https://a.example/Story",
        "https://a.example/story.html",
        "https://a.example/story/2",
        "https://a.example:8080/story",
        "https://news.a.example/story",
        "https://a.example/story?id=1",
        "https://a.example/story?page=2&utm_source=x",
        "https://a.example/story?source=rss",
        "https://a.example/story?utmost=1",
        "https://b.example/story",
    ],
)
def test_addresses_of_other_stories_are_others(url: str) -> None:
    assert canonical("https://a.example/story") != canonical(url)
    assert story("https://a.example/story") != story(url)


def test_other_parameters_are_kept_in_their_order() -> None:
    url = "https://www.a.example/watch/?v=1&utm_source=x&t=2&v=0"

    assert canonical(url) == "a.example/watch?v=1&t=2&v=0"


@given(URL.map(web_url).filter(bool), st.sampled_from(["utm_source=x", "fbclid=Y", "mc_eid=1&utm_term=z"]))
@settings(max_examples=100, deadline=None)
def test_scheme_fragment_slash_and_tracking_make_no_difference(url: str, tracking: str) -> None:
    parts = urlsplit(url)
    path, query = parts.path or "/", f"{parts.query}&{tracking}" if parts.query else tracking

    assert canonical(url) == canonical(parts._replace(path=path + "/", query=query, fragment="x").geturl())
    if not parts.port:
        assert canonical(url) == canonical(parts._replace(scheme="http").geturl())
        assert canonical(url) == canonical(parts._replace(scheme="https").geturl())


@given(URL.map(web_url).filter(bool))
@settings(max_examples=100, deadline=None)
def test_a_canonical_address_is_canonical(url: str) -> None:
    address = canonical(url).replace("::1", "[::1]", 1)

    assert canonical(url) == canonical(f"https://{address}")


@given(URL.map(web_url).filter(bool))
@settings(max_examples=50, deadline=None)
def test_the_number_of_a_story_fits_into_a_signed_integer_of_64_bits(url: str) -> None:
    assert 0 <= story(url) < 1 << 63
