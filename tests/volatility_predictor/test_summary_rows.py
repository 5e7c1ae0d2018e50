"""What the summary shows of many figures."""

from train.core.records.record import QualityRow
from train.volatility_predictor.model import MODEL


def row(metric: str, value: float, baseline_value: float) -> QualityRow:
    return QualityRow(
        metric=metric, value=value, baseline="rival", baseline_value=baseline_value, higher_is_better=False
    )


def test_of_rows_that_differ_in_the_tenor_the_one_that_loses_most_is_shown() -> None:
    rows = [
        row("MSE", 0.9, 1.0),
        row("RMSE, 1 d, tenor 30 d", 1.0, 2.0),
        row("RMSE, 1 d, tenor 60 d", 2.1, 2.0),
        row("RMSE, 5 d, tenor 30 d", 1.5, 2.0),
    ]
    found = [(one.metric, one.value) for one in MODEL.summary_rows(rows)]
    assert found == [("MSE", 0.9), ("RMSE, 1 d, worst of 2 tenors", 2.1), ("RMSE, 5 d", 1.5)]


def test_rows_of_other_metrics_stay_as_they_are() -> None:
    rows = [row("accuracy", 0.6, 0.5), row("ECE", 0.02, 0.0)]
    assert MODEL.summary_rows(rows) == rows
