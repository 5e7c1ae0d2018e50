"""Two grades: what has no exact form is measured, says so everywhere, and stands before no tree unasked."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from sklearn import datasets
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA, KernelPCA
from sklearn.ensemble import (
    BaggingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skops import io as skops_io

from export import __main__ as export_command
from export.errors import NoExactForm
from export.grade import KEY, Grade, grade_of
from export.sklearn.columns import stock
from export.sklearn.graded import measured
from export.sklearn.graded.measured import compile_graded
from train.core.errors import PipelineError
from train.core.sklearn_answers import answers
from verify import __main__ as verify_command

X, Y = datasets.make_classification(300, 6, n_informative=4, random_state=0)
BENT = KernelPCA(2, kernel="rbf", gamma=0.1)
FOREST = RandomForestClassifier(4, random_state=0)
SIDES = ColumnTransformer([("bent", BENT, [0, 1]), ("plain", StandardScaler(), [2, 3])])
MEASURED = {
    "neighbours": KNeighborsClassifier(),
    "neighbours' mean": KNeighborsRegressor(),
    "behind a kernel": make_pipeline(BENT, LogisticRegression()),
    "beside plain columns": make_pipeline(SIDES, LogisticRegression()),
    "in a vote": VotingClassifier([("a", FOREST), ("b", KNeighborsClassifier())], voting="soft"),
    "in a bag": BaggingClassifier(KNeighborsClassifier(), n_estimators=2, random_state=0),
    "in a stack": StackingClassifier([("a", FOREST), ("b", KNeighborsClassifier())]),
}
BEHIND = {
    "kernel": make_pipeline(BENT, FOREST),
    "sums of products": make_pipeline(PCA(3), FOREST),
    "one branch": make_pipeline(SIDES, FOREST),
    "a stack of trees": StackingClassifier([("b", KNeighborsClassifier())], final_estimator=FOREST),
    "values": make_pipeline(BENT, RandomForestRegressor(4, random_state=0)),
}


def asked(graph: onnx.ModelProto, rows: np.ndarray) -> Any:
    return ort.InferenceSession(graph.SerializeToString()).run(None, {"features": rows})[0]


@pytest.mark.parametrize("name", MEASURED)
def test_a_measured_graph_stays_within_its_tolerance_on_other_rows(name: str) -> None:
    model = MEASURED[name].fit(X, Y)

    graph, grade = compile_graded(model, name="case")

    given = np.random.default_rng(7).standard_normal((500, 6))
    assert grade.kind == "measured"
    assert grade == grade_of(graph)
    assert grade.rows > 2000
    assert grade.parts
    assert np.abs(asked(graph, given) - answers(model, given)).max() <= grade.absolute


@pytest.mark.parametrize("name", MEASURED)
def test_exact_refuses_what_would_be_measured(name: str) -> None:
    with pytest.raises(NoExactForm, match=r"KNeighbors|KernelPCA"):
        compile_graded(MEASURED[name].fit(X, Y), name="case", exact=True)


@pytest.mark.parametrize("name", BEHIND)
def test_a_measured_part_in_front_of_a_tree_is_refused_unless_asked_for(name: str) -> None:
    model = BEHIND[name].fit(X, Y)
    with pytest.raises(
        PipelineError, match=r"in front of a tree.*another leaf.*exact would be.*--measured-before-trees"
    ):
        compile_graded(model, name="case")

    graph, grade = compile_graded(model, name="case", before_trees=True)

    given = np.random.default_rng(7).standard_normal((500, 6))
    off = np.abs(asked(graph, given) - answers(model, given)).max(axis=1) > grade.absolute
    assert "in front of trees" in " ".join(grade.parts)
    assert off.mean() < 0.01


def test_what_is_exact_stays_exact_and_says_so() -> None:
    model = make_pipeline(StandardScaler(), FOREST).fit(X, Y)
    graph, grade = compile_graded(model, name="case")
    assert grade == grade_of(graph) == Grade("exact", 0.0, 0.0)


def test_a_graph_that_is_not_near_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    other = KNeighborsClassifier(algorithm="ball_tree").fit(X, 1 - Y)
    right = stock._converted
    monkeypatch.setattr(stock, "_converted", lambda _, width: right(other, width))
    with pytest.raises(PipelineError, match=r"another label|no rounding"):
        compile_graded(KNeighborsClassifier(algorithm="ball_tree").fit(X, Y), name="case")


def test_a_stock_graph_that_strays_is_refused() -> None:
    with pytest.raises(PipelineError, match=r"no rounding|another label|NaN"):
        compile_graded(KNeighborsClassifier(algorithm="ball_tree", weights="distance").fit(X, Y), name="case")


def test_neither_is_refused_by_name() -> None:
    class Own(KNeighborsClassifier):
        pass

    with pytest.raises(PipelineError, match=r"neither exact nor measured: Own.*skl2onnx does not take it"):
        compile_graded(Own().fit(X, Y), name="case")


def test_a_wider_tolerance_than_rounding_is_not_believed(tmp_path: Path) -> None:
    model = make_pipeline(BENT, LogisticRegression()).fit(X, Y)
    graph, _ = compile_graded(model, name="case")
    fields = json.loads(next(entry.value for entry in graph.metadata_props if entry.key == KEY))
    onnx.helper.set_model_props(graph, {KEY: json.dumps(fields | {"absolute": 0.5})})
    (tmp_path / "m.onnx").write_bytes(graph.SerializeToString())
    skops_io.dump(model, tmp_path / "m.skops")
    with pytest.raises(PipelineError, match="more than a measured grade"):
        verify_command.main(["compare", "--original", str(tmp_path / "m.skops"), "--onnx", str(tmp_path / "m.onnx")])


def test_every_command_shows_the_grade(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    original, graph, folder = tmp_path / "m.skops", tmp_path / "m.onnx", tmp_path / "bent"
    skops_io.dump(make_pipeline(BENT, LogisticRegression()).fit(X, Y), original)

    assert export_command.main(["--original", str(original), "-o", str(graph)]) == 0
    assert "grade measured: within" in capsys.readouterr().err
    assert verify_command.main(["compare", "--original", str(original), "--onnx", str(graph), "--rows", "500"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "grade measured: within" in shown
    assert "KernelPCA" in shown
    assert export_command.main(["--original", str(original), "--artifact", str(folder)]) == 0
    assert "grade measured: within" in capsys.readouterr().err
    card = next(folder.glob("*/model_card.md")).read_text()
    manifest = json.loads(next(folder.glob("*/manifest.json")).read_text())
    assert "- Grade: measured: within" in card
    assert manifest["settings"]["grade"]["kind"] == "measured"
    assert manifest["settings"]["grade"]["seed"] == measured.SEED
    assert manifest["parity"]["absolute"] == manifest["settings"]["grade"]["absolute"]
    with pytest.raises(PipelineError, match="KernelPCA"):
        export_command.main(["--original", str(original), "-o", str(graph), "--exact"])


def test_a_steep_calibration_says_what_its_slope_makes_of_a_score_known_to_rounding() -> None:
    random = np.random.default_rng(0)
    rows = random.normal(size=(300, 2))
    answers = (rows[:, 0] + 0.3 * random.normal(size=300) > 0.0).astype(int)
    model = CalibratedClassifierCV(GaussianNB(), method="isotonic", cv=2).fit(rows, answers)
    for fold in model.calibrated_classifiers_:  # one step of the height 1 within 1e-7
        isotonic, scores = fold.calibrators[0], np.array([0.0, 0.5, 0.5 + 1e-7, 1.0])
        isotonic.X_thresholds_, isotonic.y_thresholds_ = scores, np.array([0.0, 0.0, 1.0, 1.0])
        isotonic._build_f(scores, isotonic.y_thresholds_)
    grade = compile_graded(model, name="steep").grade
    assert grade.kind == "measured"
    assert 0.9e-8 < grade.absolute < 1.1e-8  # 1e-15 times 1e7
    assert "slope" in grade.how
