"""The report: one page that anyone can read and nothing can escape from, and the same as JSON by its schema."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from tests.support.browser import find_browser, views_of
from tests.support.places import ROOT
from tests.support.verified import build_house, run_verify
from train.core.records.evidence import Evidence, Forecasts, Reliability, read_evidence, write_evidence
from train.core.records.record import QualityRow
from train.signal_classifier.contract import SIGNAL_CLASSIFIER
from verify.check.check_model import Checked, check_model
from verify.compare.pair_report import Comparison
from verify.comparison.parity import SIZES, compare
from verify.report.facts import Report, report_of
from verify.report.html import page

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\x1b[31m\x00\u202e]]>&quot;\"'--><svg/onload=alert(3)>"
CURVE = Reliability(
    name="this model", confidence=[0.2, 0.8], share=[0.25, 0.7], low=[0.2, 0.6], high=[0.3, 0.8], rows=[50, 50]
)
DAYS = np.linspace(0.2, 0.3, 60)
FORECAST = Forecasts(
    name="a series, 5 trading days ahead",
    unit="implied volatility",
    interval="80 % interval",
    forecast=DAYS.tolist(),
    lower=(DAYS - 0.05).tolist(),
    upper=(DAYS + 0.05).tolist(),
    outcome=(DAYS + 0.02 * np.sin(np.arange(60))).tolist(),
)


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    made = build_house(tmp_path_factory.mktemp("report"))
    write_evidence(made.source / SIGNAL_CLASSIFIER, Evidence(reliability=[CURVE], forecasts=[FORECAST]))
    return made


@pytest.fixture(scope="module")
def checked(house) -> Checked:
    found = check_model(
        house.model_folder, source=house.source / SIGNAL_CLASSIFIER, runtimes=("python", "reference"), rows=500
    )
    found.missing = {"java": "java: not installed; run `python -m verify runtimes --install`"}
    return found


def reported(house, *checks: Checked) -> Report:
    sources = [house.source / SIGNAL_CLASSIFIER] * len(checks)
    return report_of(checks, sources=sources, repeat=["python -m verify all --seed 0"])


def out_of_parity(checked: Checked) -> Checked:
    """The same check with answers that differ by all sizes, a NaN among them."""
    rows = np.linspace(0.1, 0.9, 40)
    off = rows + np.logspace(-20, 0.5, 40)
    off[7] = np.nan
    found = replace(checked, families=dict(checked.families), missing=dict(checked.missing))
    tally = replace(found.families["random rows"], results=dict(found.families["random rows"].results))
    tally.results["reference"] = compare(rows, off, inputs=np.ones((40, 8)))
    found.families["random rows"] = tally
    return found


class Tags(HTMLParser):
    """Every element of a page, with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs) -> None:
        self.seen.append((tag, dict(attrs)))


def test_the_page_holds_all_of_it(house, checked) -> None:
    text = page(reported(house, checked), [("a caption", "iVBORw0KGgo=")])
    for part in (
        "in parity with scikit-learn",
        "not run",
        "golden replay",
        "splits +-1 ulp",
        "Reliability on data",
        "Forecast against outcome, a series",
        "Model card",
        "python -m verify all --seed 0",
        "data:image/png;base64,iVBOR",
    ):
        assert part in text
    (line,) = re.findall(r'<th scope="row">java.*?</tr>', text, re.DOTALL)
    assert "– not run" in line
    assert "in parity" not in line


def test_a_miss_is_shown_with_its_row_and_its_size(house, checked) -> None:
    report = reported(house, out_of_parity(checked))
    (model,) = report.models
    assert model.verdict == "not in parity"
    row = next(row for row in model.runtimes if row.runtime == "reference")
    assert row.verdict == "not in parity"
    assert row.found.max_absolute is None
    assert sum(row.found.spread) == row.found.rows
    assert row.found.spread[-1] == 1
    text = page(report, [("", "")])
    assert "✗" in text
    assert "random rows, reference: original" in text


@pytest.mark.parametrize(
    "field", ["model", "sentence", "original", "misses", "card", "repeat", "runtime", "metric", "curve"]
)
def test_a_name_is_text_and_never_markup_wherever_it_stands(house, checked, field) -> None:
    report = reported(house, checked)
    (model,) = report.models
    quality = QualityRow(metric=EVIL, value=0.1, baseline=EVIL, baseline_value=0.2, higher_is_better=None)
    curves = Evidence(
        reliability=[CURVE.model_copy(update={"name": EVIL})],
        forecasts=[FORECAST.model_copy(update={"name": EVIL, "unit": EVIL, "interval": EVIL})],
    )
    changed = {
        "misses": [EVIL],
        "repeat": [EVIL],
        "quality": [quality],
        "evidence": curves,
        "runtimes": [
            row.model_copy(update={"runtime": EVIL, "version": EVIL, "reason": EVIL}) for row in model.runtimes
        ],
    }
    name = {"runtime": "runtimes", "metric": "quality", "curve": "evidence"}.get(field, field)
    spoiled = model.model_copy(update={name: changed.get(name, EVIL)})
    text = page(report.model_copy(update={"models": [spoiled]}), [(EVIL, "")])
    before = Tags(page(report, [("", "")])).seen
    after = Tags(text).seen
    assert {tag for tag, _ in after} <= {tag for tag, _ in before} | {"code"}  # in which misses stand
    assert not [name for _, attributes in after for name in attributes if name.startswith("on")]
    assert not set(text) & set("\x00\x1b\u202e")
    assert "&lt;script&gt;" in text


def test_no_id_stands_twice_and_nothing_is_loaded(house, checked) -> None:
    report = reported(house, checked, checked)
    tags = Tags(page(report, [("a", "iVBORw0KGgo=")] * 2)).seen
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert not {tag for tag, _ in tags} & {"script", "link", "iframe", "object", "embed", "base", "form"}
    for _, attributes in tags:
        for name in ("src", "href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:"))


def test_the_same_facts_give_the_same_bytes(house, checked) -> None:
    assert page(reported(house, checked), [("", "")]) == page(reported(house, checked), [("", "")])


@pytest.fixture(scope="module")
def browser():
    return find_browser()


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [False, True])
def test_a_browser_finds_nothing_to_mind(house, checked, browser, tmp_path, wrong) -> None:
    checks = [out_of_parity(checked), checked] if wrong else [checked]
    text = page(reported(house, *checks), [("a caption", "iVBORw0KGgo=")] * len(checks))
    for view in views_of(browser, text, tmp_path):
        where = f"{view['width']} {view['theme']} {view['media']}"
        assert view["violations"] == [], where
        assert view["passes"] > 20, where
        assert view["overflow"] == 0, where
        assert view["smallest"] >= 10, where
        assert view["charts"] == 3 * len(checks), where
        assert view["said"] == [], where
        assert view["requests"] == 1, where  # the page itself
        dark = view["theme"] == "dark"
        assert (sum(map(int, re.findall(r"\d+", view["paper"])[:3])) < 150) == dark, where
        if view["media"] == "print":
            assert view["hidden"] == 0
            assert "Every family of rows" in view["text"]


@pytest.mark.slow
def test_the_browser_s_trap_works(browser, tmp_path) -> None:
    bad = (
        '<!doctype html><html><body style="width: 2000px; background: #fff"><img src="x.png"><p style="color: #ccc; '
        'font-size: 6px">faint</p><svg role="img"></svg><details><summary>s</summary><p>more</p></details>'
    )
    for view in views_of(browser, bad, tmp_path):
        names = " ".join(view["violations"])
        assert "image-alt" in names
        assert "color-contrast" in names
        assert "svg-img-alt" in names
        assert view["overflow"] > 0
        assert view["smallest"] == 6
        assert view["requests"] == 2
        assert view["hidden"] == 1


@pytest.mark.parametrize(
    ("kind", "path"),
    [(Report, "verify/report/report.schema.json"), (Comparison, "verify/compare/comparison.schema.json")],
)
def test_the_published_schema_is_the_one_that_is_written(kind, path) -> None:
    assert json.loads((ROOT / path).read_text()) == kind.model_json_schema()


def test_the_report_as_json_reads_back(house, tmp_path, monkeypatch, capsys) -> None:
    both = ["--report", str(tmp_path / "r.html"), "--report", str(tmp_path / "r.json")]
    arguments = house.arguments(SIGNAL_CLASSIFIER, "--rows", "500", "--runtime", "python", *both)
    assert run_verify(arguments, monkeypatch, capsys).code == 0
    report = Report.model_validate_json((tmp_path / "r.json").read_text())
    assert report.sizes == list(SIZES)
    assert report.models[0].evidence == read_evidence(house.source / SIGNAL_CLASSIFIER)
    assert report.models[0].repeat[-1] == f"python -m verify {SIGNAL_CLASSIFIER} --runtime python --seed 0 --rows 500"
    assert "&lt;Brier&gt;" in (tmp_path / "r.html").read_text()


@pytest.mark.parametrize("name", ["r.txt", "r", "r.htm"])
def test_a_report_of_another_kind_is_refused_before_any_work(house, name, tmp_path, monkeypatch, capsys) -> None:
    arguments = house.arguments(SIGNAL_CLASSIFIER, "--report", str(tmp_path / name))
    ended = run_verify(arguments, monkeypatch, capsys)
    assert ended.code == 2
    assert "names a .html or .json file" in ended.err
    assert ended.out == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ('{"reliability": 5}', "reliability"),
        (json.dumps({"reliability": [CURVE.model_dump() | {"rows": [1]}]}), "lists of one length"),
        (json.dumps({"forecasts": [FORECAST.model_dump() | {"more": 1}]}), "more"),
    ],
)
def test_evidence_that_is_none_is_named(text, message, tmp_path) -> None:
    from train.core.errors import PipelineError

    (tmp_path / "evidence.json").write_text(text)
    with pytest.raises(PipelineError, match=message):
        read_evidence(tmp_path)


def test_no_evidence_is_no_chart(checked) -> None:
    report = report_of([checked], sources=[None], repeat=[])
    assert page(report, [("", "")]).count("<svg") == 1
    assert report.models[0].evidence == Evidence()
