"""A page is one file: its own styles and script, allowed by digest, and nothing else."""

from __future__ import annotations

import base64
import hashlib
import re

from simsnn.viz.html.assets import SCRIPTS, STYLES, script_text, style_text
from simsnn.viz.html.element import Markup, element
from simsnn.viz.html.page import Card, Page, Section, cards, part

PAGE = Page(
    "a <b> title",
    "run report",
    element("p", {}, "lead"),
    (Section("one", "One", element("p", {}, "text")), Section("none", "None", Markup())),
    "footer",
)


def digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_the_policy_allows_the_styles_and_script_of_the_page_and_nothing_else() -> None:
    text = PAGE.to_html()
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    policy = policy.replace("&#x27;", "'")
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules == {
        "default-src": "'none'",
        "script-src": digest(script),
        "style-src": digest(style),
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert "unsafe" not in policy
    assert text.index("Content-Security-Policy") < text.index("<style>") < text.index("<script>")


def test_nothing_is_loaded() -> None:
    text = PAGE.to_html()
    assert not re.findall(r"https?:|//www|@import|url\((?!#|data:)|src=|<link", text)
    assert "style=" not in re.sub(r"<(script|style)>.*?</\1>", "", text, flags=re.DOTALL)


def test_assets_are_whole_files_in_one_function() -> None:
    assert script_text().startswith('(() => {\n"use strict";\n')
    assert script_text().count("class Timeline") == script_text().count("class Scatter") == 1
    assert len(STYLES) == 4
    assert SCRIPTS[-1] == "start.js"
    assert "</" not in re.sub(r"<svg></svg>", "", script_text()), "nothing in it may end its element"
    assert "</" not in style_text()


def test_titles_are_escaped_and_empty_sections_left_out() -> None:
    text = PAGE.to_html()
    assert "<title>a &lt;b&gt; title - simsnn run report</title>" in text
    assert "<h1>a &lt;b&gt; title</h1>" in text
    assert 'href="#one"' in text
    assert "#none" not in text
    assert part("title") == ""


def test_cards_part_numbers_from_units() -> None:
    text = cards((Card("time", "2.4 ms", "a note"), Card("accuracy", "98%")))
    assert '<dd>2.4 <span class="unit">ms</span></dd><dd class="note">a note</dd>' in text
    assert "<dd>98%</dd>" in text
