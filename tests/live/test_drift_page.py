"""The page of a drift report: the same facts give the same bytes, and a browser finds nothing to mind."""

from pathlib import Path

import numpy as np
import pytest

from tests.verify.test_report import Tags, browser, views_of  # noqa: F401 - a fixture
from train.core.records.evidence import Evidence, Reliability
from verify.drift.facts import FORMAT, Calibration, ColumnDrift, Drift, DriftReport, Period, Quality, Share, Skill
from verify.drift.page import page
from verify.drift.pictures import overview


def column(name: str, *, psi: float | None, moved: bool) -> ColumnDrift:
    trained = np.linspace(0.0, 1.0, 21).tolist()
    live = (np.linspace(0.0, 1.0, 21) * (2.0 if moved else 1.0)).tolist()
    known = psi is not None
    return ColumnDrift(
        name=name,
        side="input",
        psi=psi,
        ks=0.3 if known else None,
        ks_p=1e-9 if known else None,
        outside=0.1,
        missing=0.02,
        trained=trained if known else [],
        live=live,
        moved=moved,
    )


def report(*, moved: bool = True) -> DriftReport:
    periods = [
        Period(
            first=f"2026-03-0{day}",
            last=f"2026-03-0{day}",
            rows=30,
            losses={"Brier": 0.2 + day / 100},
            baselines={"base rate": {"Brier": 0.25}, "rule": {"Brier": 0.24}},
            calibration={"share profitable less confidence": day / 100},
        )
        for day in range(1, 6)
    ]
    curve = Reliability(
        name="live", confidence=[0.2, 0.8], share=[0.3, 0.7], low=[0.2, 0.6], high=[0.4, 0.8], rows=[9, 9]
    )
    quality = Quality(
        rows=150,
        notes=["150 of 200 answers have an outcome"],
        skill=[Skill(measure="Brier", loss=0.2, baseline="base rate", baseline_loss=0.25, rows=150, worse=moved)],
        calibration=[
            Calibration(
                name="share profitable less confidence", value=0.03, low=0.0, high=0.06, expected=0.0, off=moved
            )
        ],
        periods=periods,
        evidence=Evidence(reliability=[curve]),
    )
    drift = Drift(
        model="a_model",
        version="0123456789ab",
        first="2026-03-01T00:00:00+00:00",
        last="2026-03-05T00:00:00+00:00",
        rows=200,
        by_version={"0123456789ab": 190, "fallback": 10},
        skipped=["3 lines skipped: broken; the first: live.ndjson line 7"],
        sampled=20_000 if moved else 0,
        columns=[
            column("vega", psi=2.0 if moved else 0.01, moved=moved),
            column("delta", psi=0.02, moved=False),
            column("old", psi=None, moved=False),
        ],
        shares=[
            Share(name="rows unlike training", value=0.2, allowed=0.05, moved=moved),
            Share(name="not known", value=None, allowed=0.1, moved=False),
        ],
        quality=quality,
        moved=["input vega: PSI 2.00"] if moved else [],
    )
    return DriftReport(format=FORMAT, thresholds={"psi": 0.25}, models=[drift, drift])


@pytest.mark.parametrize("moved", [True, False])
def test_the_page_says_what_moved_and_holds_every_picture_once(moved: bool) -> None:
    text = page(report(moved=moved))
    assert ("20,000 values drawn at random" in text) is moved
    tags = Tags(text).seen
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert not {tag for tag, _ in tags} & {"script", "link", "iframe", "object", "embed", "base", "form"}
    assert ("input vega: PSI 2.00" in text) == moved
    assert ("Nothing has moved" in text) == (not moved)
    # Of each of both models: the indices, two distributions, losses, calibration, reliability.
    assert text.count("<svg") == 2 * 6
    assert text == page(report(moved=moved))
    assert "mathdefault" not in text


def test_a_picture_of_its_own_has_colours_of_its_own() -> None:
    text = overview(report().models[0], psi=0.25)
    assert "var(--" not in text
    assert "currentColor" not in text
    assert text.startswith("<svg")


@pytest.mark.slow
@pytest.mark.parametrize("moved", [True, False])
def test_a_browser_finds_nothing_to_mind(browser, tmp_path: Path, moved: bool) -> None:  # noqa: F811
    for view in views_of(browser, page(report(moved=moved)), tmp_path):
        assert view["violations"] == [], view["width"]
