"""One page: title, contents, sections; styles and script inside. Proof: ``tests/unit/test_html_page.py``."""

from __future__ import annotations

from dataclasses import dataclass

from simsnn.viz.html.assets import policy, script_element, style_element
from simsnn.viz.html.element import NONE, Child, Markup, element, joined


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page: its anchor, its heading, what it holds."""

    anchor: str
    title: str
    content: Markup


@dataclass(frozen=True, slots=True)
class Page:
    """A whole page.

    Parameters
    ----------
    title : str
        Plain text, also of the window.
    kind : str
        What the page is of, above the title.
    lead : Markup
        Below the title.
    sections : tuple of Section
        In order; those without content are left out.
    footer : str
        Plain text.
    """

    title: str
    kind: str
    lead: Markup
    sections: tuple[Section, ...]
    footer: str

    def to_html(self) -> str:
        """The file's text."""
        shown = tuple(section for section in self.sections if section.content)
        head = joined(
            element("meta", {"charset": "utf-8"}),
            policy(),
            element("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
            element("meta", {"name": "color-scheme", "content": "light dark"}),
            element("meta", {"name": "referrer", "content": "no-referrer"}),
            element("title", NONE, f"{self.title} - simsnn {self.kind}"),
            style_element(),
        )
        body = joined(
            element("header", NONE, element("p", {"class": "kind"}, self.kind), element("h1", NONE, self.title)),
            element("div", {"class": "lead"}, self.lead),
            _contents(shown),
            element("main", NONE, (_section(section) for section in shown)),
            element("footer", NONE, element("p", NONE, self.footer)),
            element("div", {"id": "hover", "role": "status", "hidden": True}),
            script_element(),
        )
        whole = element("html", {"lang": "en"}, element("head", NONE, head), element("body", NONE, body))
        return f"<!DOCTYPE html>\n{whole}\n"


def _contents(sections: tuple[Section, ...]) -> Markup:
    links = (element("li", NONE, element("a", {"href": f"#{s.anchor}"}, s.title)) for s in sections)
    return element("nav", {"aria-label": "contents"}, element("ul", NONE, links))


def _section(section: Section) -> Markup:
    heading = element("h2", {"id": f"{section.anchor}-title"}, section.title)
    named = {"id": section.anchor, "aria-labelledby": f"{section.anchor}-title"}
    return element("section", named, heading, section.content)


def part(title: str, *content: Child) -> Markup:
    """A heading of the third level and what stands below it; nothing where there is nothing."""
    inside = joined(*content)
    return joined(element("h3", NONE, title), inside) if inside else Markup()


@dataclass(frozen=True, slots=True)
class Card:
    """One number: what it is, how it is written, and a note below it."""

    name: str
    value: str
    note: str = ""


def cards(found: tuple[Card, ...]) -> Markup:
    """Numbers beside one another."""
    return element("dl", {"class": "cards"}, (_card(card) for card in found))


def _card(card: Card) -> Markup:
    number, _, unit = card.value.partition(" ")
    value = joined(number, " ", element("span", {"class": "unit"}, unit)) if unit else joined(number)
    note = element("dd", {"class": "note"}, card.note) if card.note else Markup()
    return element("div", {"class": "card"}, element("dt", NONE, card.name), element("dd", NONE, value), note)
