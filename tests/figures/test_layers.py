"""The table of Keras's layers by grade: one row each, compared before it is called exact."""

import json
from typing import Any

import pytest

from verify.figures import layers as table
from verify.figures.layers import EXACT, MEASURED, NO_NETWORK, REFUSED, WRONG, grade_of, main

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("name", "grade"),
    [
        ("GroupNormalization", EXACT),
        ("GroupedQueryAttention", EXACT),
        ("GRU", EXACT),
        ("STFTSpectrogram", MEASURED),
        ("ConvLSTM1D", REFUSED),
        ("Lambda", REFUSED),
        ("InputLayer", NO_NETWORK),
    ],
)
def test_each_layer_gets_its_grade(name: str, grade: str) -> None:
    row = grade_of("layer", name, rows=20)
    assert row.grade == grade, row
    assert (row.tolerance is not None) == (grade == MEASURED)
    if grade == REFUSED:
        assert row.reason


def test_no_network_is_farther_from_float64_than_keras() -> None:
    for name in ("Dense", "Conv2D", "MultiHeadAttention", "LSTM"):
        row = grade_of("layer", name, rows=20)
        assert row.ours is not None
        assert row.keras is not None
        assert row.ours <= 1.5 * max(row.keras, 1e-7), row


def test_a_graph_that_answers_otherwise_is_called_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    from export.keras import agreement

    right = agreement.graph_answers
    monkeypatch.setattr("export.keras.measured.compile_network", _unchecked)
    monkeypatch.setattr(agreement, "graph_answers", lambda *given: {k: v + 1e-3 for k, v in right(*given).items()})
    assert grade_of("layer", "Dense", rows=20).grade == WRONG


def _unchecked(model: Any, *, name: str) -> tuple[Any, Any]:
    from export.grade import Grade
    from export.keras.compile import lowered

    return lowered(model, False, name=name, metadata=None, wide=False)[1], Grade("exact", 0.0, 0.0)


def test_the_table_and_the_json_have_the_totals(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--only", "GroupN", "--rows", "10"]
    assert main([*arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["totals"]["layer"] == {EXACT: 1}
    assert found["rows"][0]["ours"] < 1e-5

    assert main(arguments) == 0
    assert "exact 1, measured 0" in capsys.readouterr().out


def test_every_kind_is_walked() -> None:
    assert len(table._names("layer")) >= 140
    assert len(table._names("activation")) >= 30
