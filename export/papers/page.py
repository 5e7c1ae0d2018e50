"""The model card as one HTML page that needs nothing else: the card's Markdown, with its pictures."""

from pathlib import Path
from typing import Any

import jinja2
from markdown_it import MarkdownIt
from markupsafe import Markup, escape

from export.artifact.model_card import CALIBRATION
from train.core.records.evidence import Evidence

TEMPLATE = Path(__file__).with_name("card.html")
STYLE = Path(__file__).with_name("page.css")
_HEADING = f"<h2>{CALIBRATION.removeprefix('## ')}</h2>"


def style() -> Markup:
    """What every page of this house looks like: in the light, in the dark, on a phone, on paper."""
    return Markup(STYLE.read_text(encoding="utf-8"))


def printable(text: str) -> str:
    """A text without control characters, and without marks that turn the direction of writing."""
    return "".join(char if char.isprintable() or char == "\n" else "\N{REPLACEMENT CHARACTER}" for char in text)


def card_page(card: str, evidence: Evidence) -> str:
    """The page of a card.

    Args:
        card: as `model_card` gives it; HTML in it is text, and links are not made.
        evidence: what the pictures are drawn from.
    """
    from export.papers.charts import evidence_figures, svg

    charts = [
        f"<figure>{svg(figure, caption, f'card-{number}')}<figcaption>{escape(caption)}</figcaption></figure>"
        for number, (caption, figure) in enumerate(evidence_figures(evidence))
    ]
    body = _html(card)
    if charts:
        body = body.replace(_HEADING, f'{_HEADING}\n<div class="charts">{"".join(charts)}</div>', 1)
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    title = card.split("\n", 1)[0].removeprefix("# ")
    return printable(template.render(css=style(), title=title, body=Markup(body))) + "\n"


def _html(card: str) -> str:
    """Markdown as HTML with nothing active in it; wide parts scroll by themselves, and can be reached by keys."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table").disable(["link", "image", "autolink"])
    seen: list[str] = []

    def heading(tokens: Any, index: int, *_: Any) -> str:
        seen.append(tokens[index + 1].content)
        return f"<{tokens[index].tag}>"

    def opens(*_: Any) -> str:
        label = escape(f"Table {len(seen)}: {seen[-1] if seen else ''}")
        seen.append(seen[-1] if seen else "")
        return f'<div class="scroll" role="region" tabindex="0" aria-label="{label}"><table>'

    def fence(tokens: Any, index: int, *_: Any) -> str:
        return f'<pre tabindex="0" role="region" aria-label="Commands">{escape(tokens[index].content)}</pre>'

    rules: dict[str, Any] = getattr(markdown.renderer, "rules")  # noqa: B009 - its protocol does not name it
    rules["heading_open"] = heading
    rules["table_open"], rules["table_close"] = opens, lambda *_: "</table></div>"
    rules["th_open"], rules["td_open"] = lambda *_: '<th scope="col">', lambda *_: '<td class="wide">'
    rules["fence"] = fence
    return str(markdown.render(card))
