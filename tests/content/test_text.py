"""Plain text: titles and excerpts as every format can carry them (design, section 5, text)."""

import subprocess
import sys
import time
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import etree

from feedd.content.text import Flag, carriable, key, plain, repaired

ANY = st.text(st.characters(), max_size=60)
PIECES = (
    *("<b>", "</b>", "<p>", "<br/>", "<!--", "-->", "<script>", "</script>", "<", ">", "&amp;", "&lt;", "&#8217;"),
    *("&nbsp;", "\u00a0", "\r\n", "\t", "\x0c", "\x00", "\ufeff", "\u200b", "\ud800", "\uffff", "é", "a", " "),
)
MARKUP = st.lists(st.sampled_from(PIECES), max_size=20).map("".join)


def carries(text: str) -> bool:
    """Whether XML 1.0 can carry the text, as lxml sees it."""
    element = etree.Element("title")
    try:
        element.text = text
    except ValueError:
        return False
    return True


# Plain


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        pytest.param("A story", "A story", id="as it is"),
        pytest.param("A  story", "A story", id="two spaces"),
        pytest.param("Cafés & bars", "Cafés & bars", id="bare ampersand"),
        pytest.param("We&#8217;re &amp; you", "We’re & you", id="entities"),
        pytest.param("R&amp;amp;D", "R&amp;D", id="entities once only"),
        pytest.param("&amp;lt;b&amp;gt;", "&lt;b&gt;", id="entities of entities stay"),
        pytest.param("Why &lt;b&gt; is bold", "Why <b> is bold", id="tags somebody writes about stay"),
        pytest.param("&nbsp;one&nbsp;two", "one two", id="NBSP by name"),
        pytest.param("one\u00a0\u00a0two", "one two", id="NBSP"),
        pytest.param(" one \r\n two\n\n\tthree ", "one two three", id="line ends"),
        pytest.param("one\u2028two\x85three", "one two three", id="other line ends"),
        pytest.param("a <em>new</em> b<b>o</b>ld", "a new bold", id="tags"),
        pytest.param('<a href="https://x.example/?a=1&amp;b=2">here</a>', "here", id="tags with attributes"),
        pytest.param("<p>One.</p><p>Two.</p>", "One. Two.", id="paragraphs part words"),
        pytest.param("one<br>two<BR/>three", "one two three", id="line breaks part words"),
        pytest.param("<ul><li>a</li><li>b</li></ul>", "a b", id="list items part words"),
        pytest.param("one<!-- <b>note</b> -->two", "one two", id="comments"),
        pytest.param("a<script>alert('<b>')</script>b", "a b", id="scripts with what they hold"),
        pytest.param("a<STYLE type='x'>p{}</Style >b", "a b", id="styles with what they hold"),
        pytest.param("Why <script> is slow", "Why is slow", id="a script that does not end hides nothing"),
        pytest.param("1 <!-- 2", "1 <!-- 2", id="a comment that does not end hides nothing"),
        pytest.param("x < y and y > z", "x < y and y > z", id="smaller and greater"),
        pytest.param("I <3 this, 4<5", "I <3 this, 4<5", id="hearts"),
        pytest.param("Bread & <butter>", "Bread & <butter>", id="what names no element"),
        pytest.param("List<Item>, Map<K, V>", "List<Item>, Map<K, V>", id="types"),
        pytest.param("Joe <joe@my-host.example>", "Joe <joe@my-host.example>", id="addresses"),
        pytest.param("a <Font size=2>b</FONT><tt/>c<nobr>", "a bc", id="obsolete tags"),
        pytest.param("a<x-note>b</x-note>c<My-List.2 a>", "abc", id="tags of custom elements"),
        pytest.param("one<p-note>two<brr>", "onetwo<brr>", id="names that begin like those that part words"),
        pytest.param("a\x00b\x1b[31mc\x7f", "ab[31mc", id="control characters"),
        pytest.param("a\ufeffb\u200bc\uffffd", "abcd", id="marks without width and non-characters"),
        pytest.param("a\ud800b", "ab", id="halves of characters"),
        pytest.param("&#0;&#1;&#xFFFF;&#xD800;x", "\ufffd\ufffdx", id="control characters by number"),
        pytest.param("👩\u200d🚀 family", "👩\u200d🚀 family", id="joined emoji stay"),
        pytest.param("", "", id="nothing"),
        pytest.param(" \t\n ", "", id="only white space"),
    ],
)
def test_titles_and_excerpts_become_plain_text(written: str, shown: str) -> None:
    assert shown == plain(written)


@given(ANY | MARKUP)
@example("\x85")
@settings(max_examples=150, deadline=None)
def test_plain_text_is_one_trimmed_line_that_xml_carries(written: str) -> None:
    shown = plain(written)

    assert carries(shown)
    assert " ".join(shown.split()) == shown
    assert "\x00" not in shown


@given(ANY)
@settings(max_examples=100, deadline=None)
def test_plain_text_without_markup_stays_as_it_is(written: str) -> None:
    shown = plain(written.replace("<", "").replace("&", ""))

    assert shown == plain(shown)


@given(st.text(st.characters(exclude_characters="<&"), max_size=40))
@settings(max_examples=100, deadline=None)
def test_plain_text_keeps_every_letter(written: str) -> None:
    letters = [c for c in written if c.isalnum()]

    assert letters == [c for c in plain(written) if c.isalnum()]


@pytest.mark.parametrize(
    "written",
    [
        pytest.param("<!--" * 100_000, id="comments that do not end"),
        pytest.param("<script " * 100_000, id="scripts that do not end"),
        pytest.param("<script>" + "</script" * 100_000, id="ends that do not end"),
        pytest.param("<" * 400_000, id="brackets"),
        pytest.param("<a " * 100_000, id="tags that do not end"),
        pytest.param("<" + "a" * 400_000, id="names that do not end"),
        pytest.param("<" + "a-" * 200_000, id="custom names that do not end"),
        pytest.param("<" + "a-" * 200_000 + "@>", id="custom names that are none"),
        pytest.param("<p " * 100_000, id="paragraphs that do not end"),
        pytest.param("&" * 400_000, id="ampersands"),
        pytest.param(" \n" * 200_000 + "x", id="white space"),
    ],
)
def test_time_is_linear_in_the_size_of_the_text(written: str) -> None:
    began = time.process_time()

    plain(written)

    assert time.process_time() - began < 20


@pytest.mark.parametrize("written", ["No", " No ", "N&o", "<b>No</b>"])
def test_a_flag_becomes_text(written: str) -> None:
    assert type(plain(Flag(written))) is str


# Carriable


def test_bodies_keep_white_space_and_lose_what_xml_cannot_carry() -> None:
    assert carriable("a\n\tb\u00a0 c\x00\x0c\ufeff\udfff") == "a\n\tb\u00a0 c"


@given(ANY)
@settings(max_examples=100, deadline=None)
def test_carriable_text_is_carried_and_stays_as_it_is(written: str) -> None:
    once = carriable(written)

    assert carries(once)
    assert once == carriable(once)


# Mojibake


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        pytest.param("supermarketâ€™s", "supermarket’s", id="apostrophe"),
        pytest.param("Ã©tÃ©", "été", id="accents"),
        pytest.param("CafÃ© â€“ open", "Café – open", id="dash"),
        pytest.param("Где вы".encode().decode("cp1252"), "Где вы", id="Cyrillic"),
        pytest.param("Где все".encode().decode("cp1251"), "Где все", id="Cyrillic read as such"),
        pytest.param("Don’t – “ever”".encode().decode("cp1251"), "Don’t – “ever”", id="punctuation read as Cyrillic"),
    ],
)
def test_mojibake_is_repaired(written: str, meant: str) -> None:
    assert meant == repaired(written)


@pytest.mark.parametrize(
    "written",
    [
        "A story",
        "été à Zürich",
        "naïve – “quoted”",
        "日本の市場",
        "Москва",
        "Ελλάδα",
        "ÂNGELA",
        "SÃO PAULO",
        "Łódź",
        "🚀",
        "",
    ],
)
def test_text_that_is_no_mojibake_stays_as_it_is(written: str) -> None:
    assert written == repaired(written)


def test_text_in_russian_is_no_reason_to_import_what_repairs_mojibake() -> None:
    asked = "from feedd.content.text import repaired; repaired('В Москве всё по-старому: РАБОТА'); import sys"
    subprocess.run([sys.executable, "-c", f"{asked}; sys.exit('ftfy' in sys.modules)"], check=True)


# Keys


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("Power Apps", "power  APPS ", id="case and white space"),
        pytest.param("Cafe\u0301", "CAFÉ", id="composition"),
        pytest.param("Straße", "STRASSE", id="case that changes the length"),
        pytest.param("a\u00a0b", "a b", id="NBSP"),
        pytest.param("Ω", "ω", id="Greek"),
    ],
)
def test_spellings_of_one_name_share_a_key(one: str, other: str) -> None:
    assert key(one) == key(other)


@pytest.mark.parametrize(("one", "other"), [("C++", "C#"), ("resume", "résumé"), ("AI", "A I"), ("ﬁve", "ﬂve")])
def test_different_names_have_different_keys(one: str, other: str) -> None:
    assert key(one) != key(other)


@given(ANY)
@example("İ")
@example("ΐ\u0345")
@settings(max_examples=150, deadline=None)
def test_a_key_is_its_own_key(name: str) -> None:
    assert key(name) == key(key(name))


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
@settings(max_examples=100, deadline=None)
def test_a_key_does_not_depend_on_composition(name: str) -> None:
    assert key(unicodedata.normalize("NFC", name)) == key(unicodedata.normalize("NFD", name))
