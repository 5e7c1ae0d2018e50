"""The table of scikit-learn's estimators by grade: one row a class, compared before it is called exact."""

import json

import numpy as np
from sklearn import datasets
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from verify.figures import estimators
from verify.figures.estimators import BITS, CLOSE, MEASURED, NOT_FITTED, REFUSED, WRONG, grade_of, grades, main


def test_each_class_gets_its_grade():
    found = {row.name: row.grade for row in grades(["regressor"], rows=50, only="Ridge")}

    assert found["Ridge"] == found["RidgeCV"] == CLOSE
    assert next(grades(["regressor"], rows=50, only="DummyR")).grade == BITS
    assert next(grades(["classifier"], rows=50, only="LabelSpreading")).grade == REFUSED
    assert next(grades(["regressor"], rows=50, only="KNeighborsR")).grade == MEASURED
    assert next(grades(["transformer"], rows=50, only="TSNE")).grade == NOT_FITTED


def test_one_that_answers_otherwise_is_refused_before_it_is_written(monkeypatch):
    class Otherwise(Ridge):
        def predict(self, X):
            return super().predict(X) + 1e-9

    monkeypatch.setattr(estimators, "_made", lambda *_: Otherwise())
    from export.sklearn.estimators.registry import REGRESSORS

    monkeypatch.setitem(REGRESSORS, Otherwise, REGRESSORS[Ridge])
    row = grade_of("regressor", "Otherwise", Otherwise, rows=50)

    assert row.grade == REFUSED
    assert "the graph answers otherwise than the original" in row.reason


def test_a_graph_that_strays_from_its_grade_is_called_wrong(monkeypatch):
    from export.sklearn.graded import measured

    right = measured.compile_graded

    def of_another(_, *, name):
        twin = make_pipeline(StandardScaler(), Ridge(alpha=5.0)).fit(*datasets.load_diabetes(return_X_y=True))
        return right(twin, name=name)

    monkeypatch.setattr(measured, "compile_graded", of_another)
    row = next(grades(["regressor"], rows=50, only="RidgeCV"))

    assert row.grade == WRONG
    assert row.mismatched > 0
    assert row.largest > 0.0


def test_the_table_and_the_json_have_the_totals(capsys):
    arguments = ["--only", "GaussianNB", "--kind", "classifier", "--rows", "50"]
    assert main([*arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["totals"]["classifier"] == {CLOSE: 1}
    assert np.isfinite(found["rows"][0]["largest"])

    assert main(arguments) == 0
    assert "exact within 1e-12 1, measured 0, refused 0" in capsys.readouterr().out
