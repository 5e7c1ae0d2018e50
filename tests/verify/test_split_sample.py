"""Of very many splits a sample is looked into, drawn by the seed, and the report counts what was left out."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from export.graph import to_bytes
from export.sklearn.compile import compile_sklearn
from verify.compare.compare_model import compare_pair
from verify.compare.onnx_file import open_foreign
from verify.compare.pair_report import pair_json
from verify.proof import distinguishing_rows
from verify.runtimes.original import sklearn_original

ROWS = np.random.default_rng(0).normal(size=(200, 3))
FOREST = RandomForestClassifier(5, max_depth=5, random_state=0).fit(ROWS, ROWS.sum(axis=1) > 0.0)


def _compared(seed=0):
    graph = open_foreign(to_bytes(compile_sklearn(FOREST, name="forest")))
    return compare_pair(sklearn_original(FOREST, name="forest"), graph, rows=100, seed=seed)


def test_every_split_is_looked_into_where_there_are_few():
    proof = _compared().proof
    assert proof.thresholds.not_looked_at == 0
    assert proof.thresholds.undecided == 0
    assert not any("sample" in line for line in proof.lines())


def test_what_a_sample_leaves_out_is_counted_and_said(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(distinguishing_rows, "MOST_SPLITS", 10)
    found = _compared()
    count = found.proof.thresholds
    assert 0 < count.not_looked_at <= count.all - 10
    assert count.undecided == count.not_looked_at  # of those looked into none stays undecided
    assert f"{count.not_looked_at:,} not looked at" in str(count)
    assert any("a sample was looked into" in line for line in found.proof.lines())
    assert f'"not_looked_at": {count.not_looked_at}'.encode() in pair_json(found, original="a", graph="b", seed=0)

    again, other = _compared(), _compared(seed=1)
    assert again.proof.thresholds == count
    assert other.proof.thresholds.all == count.all
