"""What the documents say of speed is what the committed benchmark measured."""

import json

import pytest

from tests.support.places import ROOT
from train.core.errors import PipelineError
from verify.figures.bench.documents import COMMITTED, MARK, filled, pages
from verify.figures.bench.render import words


def figures() -> dict[str, str]:
    return words(json.loads((ROOT / COMMITTED).read_text(encoding="utf-8")))


def test_every_marked_figure_of_a_page_is_the_measured_one() -> None:
    known, marks = figures(), 0
    for page in pages(ROOT):
        text = page.read_text(encoding="utf-8")
        marks += len(MARK.findall(text))
        assert filled(text, known, place=str(page)) == text, f"{page}: run `python -m verify.figures documents`"
        assert text.count("<!-- bench ") == len(MARK.findall(text)), f"{page}: a mark without its end"
    assert marks >= 10


def test_a_figure_that_drifts_is_found_and_one_that_nobody_measured_refused() -> None:
    known = figures()
    text = "a signal takes <!-- bench signal -->1 ns<!-- end -->."
    assert filled(text, known, place="page") == f"a signal takes <!-- bench signal -->{known['signal']}<!-- end -->."
    with pytest.raises(PipelineError, match="no figure 'speed of light'"):
        filled("<!-- bench speed of light -->1<!-- end -->", known, place="page")
