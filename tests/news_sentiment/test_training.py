"""The path from headlines to a proven artifact, small; and the artifact that is committed."""

import json
from pathlib import Path

import numpy as np
import pytest

from export.artifact.version_folder import CURRENT, version_folder
from export.compile_model import draft_of
from export.onnx_session import open_session
from tests.support.places import ROOT
from train.core.errors import PipelineError
from train.core.records.window import read_window
from train.news_sentiment.contract import BRIER, MODEL_FILE
from train.news_sentiment.evaluation.rivals import OURS_LIST, RIVALS_OF_PACKAGES, rivals
from train.news_sentiment.headlines.grammar import headlines
from train.news_sentiment.model import MODEL
from train.news_sentiment.training import EVALUATION_FILE, train


def trained(out: Path, data: tuple[Path, ...] = ()) -> list[str]:
    said: list[str] = []
    train(out=out, data=data, test_split=0.25, random_state=1, cv_folds=3, show=said.append, rows=1_500, test_rows=300)
    return said


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("models") / MODEL.name
    said = trained(place)
    assert any("nothing of real news" in line for line in said)
    return place


def test_the_compiled_graph_answers_as_the_original(folder: Path) -> None:
    draft = draft_of(MODEL, folder)
    session = open_session(draft.graph.SerializeToString())
    found = session.run(None, {"text": draft.golden_inputs["text"]})
    for (name, expected), answer in zip(draft.golden_outputs.items(), found, strict=True):
        np.testing.assert_allclose(answer, expected, rtol=0, atol=1e-12, err_msg=name)
    assert draft.settings["free_text"] == ["text"]
    assert "it has never seen a real one" in "\n".join(draft.card_lines)


def test_two_trainings_are_the_same_to_the_byte(folder: Path, tmp_path: Path) -> None:
    trained(tmp_path)
    assert (tmp_path / MODEL_FILE).read_bytes() == (folder / MODEL_FILE).read_bytes()
    assert (tmp_path / EVALUATION_FILE).read_bytes() == (folder / EVALUATION_FILE).read_bytes()


def test_the_record_holds_the_rival_that_is_always_there(folder: Path) -> None:
    record = json.loads((folder / "training.json").read_text())
    assert {row["baseline"] for row in record["quality"]} == {OURS_LIST}
    assert {row["metric"] for row in record["quality"]} == {
        "accuracy, unseen companies and frames",
        "accuracy, unseen words",
        "accuracy, written by hand",
    }
    assert set(rivals()) <= {OURS_LIST, *RIVALS_OF_PACKAGES}


def test_the_gates_window_has_losses_of_the_model_below_those_of_one_answer_for_all(folder: Path) -> None:
    window, _ = read_window(folder)
    fitted = MODEL.load(folder)
    assert fitted is not None
    losses = MODEL.window_losses(window, fitted.answer(fitted.estimator, MODEL.window_inputs(window, {})))[BRIER]
    assert losses.shape == window.moments.shape
    assert losses.mean() < 0.7 * window.baselines["shares of the labels"][BRIER].mean()


def test_own_headlines_are_learnt(tmp_path: Path) -> None:
    made = headlines(900, kind="training", seed=5)
    rows = "".join(f'"{text}",{truth}\n' for text, truth in zip(made.texts, made.truth, strict=True))
    (tmp_path / "own.csv").write_text("text,label\n" + rows, encoding="utf-8")
    said = trained(tmp_path / "out", (tmp_path / "own.csv",))
    assert not any("generated headlines" in line for line in said)
    record = json.loads((tmp_path / "out" / "training.json").read_text())
    assert (record["data"]["rows"], record["settings"]["trained_on"]) == (900, "history")


def test_the_word_list_turns_at_a_negation() -> None:
    answer = rivals()[OURS_LIST]
    assert answer(["Acme wins contract", "Acme fails to win contract", "Acme holds meeting", ""]).tolist() == [
        1,
        -1,
        0,
        0,
    ]


def test_a_model_of_other_classes_is_refused(folder: Path, tmp_path: Path) -> None:
    from train.core.skops_files import load_skops, save_skops

    other = load_skops(folder / MODEL_FILE, trusted=MODEL.trusted_types)
    other[-1].classes_ = np.array([0, 1, 2])
    save_skops(other, tmp_path / MODEL_FILE, trusted=MODEL.trusted_types)
    with pytest.raises(PipelineError, match="classes"):
        MODEL.load(tmp_path)


def test_the_committed_version_is_small_and_proven() -> None:
    version = version_folder(ROOT / "artifacts" / MODEL.name, CURRENT)
    assert version is not None
    assert (version / "model.onnx").stat().st_size < 1_000_000
    proof = json.loads((version / "parity.json").read_text())
    assert {name: run["mismatched"] for name, run in proof["runtimes"].items()} == {"python": 0, "rust": 0}
