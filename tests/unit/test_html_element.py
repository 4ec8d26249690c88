"""What a user wrote never becomes a tag, an attribute or the end of a script."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from simsnn.viz.html.element import Markup, bullets, data, element, joined

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&"


class Reader(HTMLParser):
    """Tags and texts that a parser finds."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


@given(st.text())
def test_any_text_comes_back_as_it_was_and_makes_no_tag(text: str) -> None:
    found = Reader(element("p", {"title": text}, text))
    assert found.tags == ["p"]
    plain = re.sub(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]", "?", text)
    assert found.text == plain
    assert found.attributes == [("title", plain)]


def test_markup_is_kept_and_text_beside_it_escaped() -> None:
    assert joined(Markup("<b>"), "<b>") == "<b>&lt;b&gt;"
    assert bullets(["a<b", Markup("<i>c</i>")]) == "<ul><li>a&lt;b</li><li><i>c</i></li></ul>"


def test_attributes_without_value_and_left_out() -> None:
    assert element("input", {"disabled": True, "checked": False, "name": None}) == "<input disabled>"


@given(st.text())
def test_data_in_a_page_ends_nothing_and_reads_as_it_was(text: str) -> None:
    made = data("d", {"a": [text]})
    body = made.removeprefix('<script type="application/json" id="d">').removesuffix("</script>")
    assert not set("<>&\u2028\u2029") & set(body)
    assert json.loads(body) == {"a": [text]}


def test_a_hostile_name_stays_text() -> None:
    assert Reader(element("td", {"data-x": HOSTILE}, HOSTILE)).tags == ["td"]
