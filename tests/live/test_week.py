"""The week of `examples/a_week`, with few trades: everything comes as it should."""

from pathlib import Path

import pytest

from examples.a_week import __main__ as a_week
from verify.drift.facts import DriftReport


@pytest.mark.slow
def test_a_week_of_a_model_that_is_replaced_while_it_serves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = a_week.main(["--short", "--folder", str(tmp_path)])
    shown = capsys.readouterr()
    assert "WRONG" not in shown.out
    assert code == 0, shown.err
    for day in ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"):
        assert day in shown.out
    report = DriftReport.model_validate_json((tmp_path / "drift.json").read_text())
    assert [column.name for column in report.models[0].columns if column.moved and column.side == "input"] == ["vega"]
    assert (tmp_path / "drift.svg").read_text().count("<svg") == 1
