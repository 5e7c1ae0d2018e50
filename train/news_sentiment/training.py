"""The sentiment model: fit, measure, write."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from train.core.columns.ascii_text import TOKEN_PATTERN, ascii_lower
from train.core.files import explain_os_errors, json_bytes, write_atomic
from train.core.records.record import DataRecord, QualityRow, TrainingRecord, library_versions, write_record
from train.core.records.window import Measures, Window, write_window
from train.core.skops_files import save_skops
from train.news_sentiment.contract import BRIER, CLASSES, LABEL, MODEL_FILE, NEWS_SENTIMENT, TEXT
from train.news_sentiment.evaluation.comparison import accuracy_rows, brier
from train.news_sentiment.evaluation.picture import draw_accuracies
from train.news_sentiment.evaluation.rivals import OURS_LIST, RIVALS_OF_PACKAGES, rivals
from train.news_sentiment.headlines.by_hand import by_hand
from train.news_sentiment.headlines.file import read_headlines
from train.news_sentiment.headlines.grammar import Headlines, headlines

TRUSTED_TYPES = ("train.core.columns.ascii_text.ascii_lower",)
ROWS, TEST_ROWS = 12_000, 3_000
MOST_TERMS = 4_000
STRENGTHS = (1.0, 10.0)
"""Of the inverse regularisation, chosen by cross-validated log loss."""
SAMPLE_TEXTS = 64
EVALUATION_FILE, PICTURE_FILE = "evaluation.json", "accuracy.png"
LIMIT = "warning: trained on generated headlines; they show that the model reads its grammar, and nothing of real news"


def train(
    *,
    out: Path,
    data: Sequence[Path],
    test_split: float,
    random_state: int,
    cv_folds: int,
    show: Callable[[str], None],
    rows: int = ROWS,
    test_rows: int = TEST_ROWS,
) -> TrainingRecord:
    """Train on files of `text,label`, or on generated headlines; write what is found.

    The folder gets model.skops, training.json, window.zip, evaluation.json (every rival) and accuracy.png.

    Args:
        out: the folder.
        data: the user's CSV files; none means the grammar.
        test_split: share of the user's texts that the model never sees.
        random_state: seed of grammar, split and folds.
        cv_folds: of the cross-validation that chooses the regularisation.
        show: called with each line of progress.
        rows: how many headlines to generate for the fit.
        test_rows: and for each of the two generated tests.

    Raises:
        PipelineError: as `read_headlines`, or the folder cannot be written.
    """
    started = time.perf_counter()
    with explain_os_errors(out, "write"):
        out.mkdir(parents=True, exist_ok=True)
    known, tests, record = _data(data, test_split, random_state, rows, test_rows)
    show(f"fitting on {len(known.texts):,} texts")
    model, strength = fit(known, random_state=random_state, cv_folds=cv_folds)
    seconds = time.perf_counter() - started
    every: list[QualityRow] = []
    for what, test in tests.items():
        others = {name: answer(test.texts) for name, answer in rivals().items()}
        every += accuracy_rows(what, test.truth, model.predict(test.texts), others, seed=random_state)
    # The record says the same wherever it is made: rivals of packages that may be missing stand beside it.
    write_atomic(out / EVALUATION_FILE, json_bytes([row.model_dump(mode="json") for row in every]))
    draw_accuracies(out / PICTURE_FILE, every)
    for row in every:
        show(
            f"{row.metric}: {row.value:.4f} ({row.low:.4f} .. {row.high:.4f}), {row.baseline}: {row.baseline_value:.4f}"
        )
    for name in sorted(RIVALS_OF_PACKAGES - {row.baseline for row in every}):
        show(f"{name} is not installed, and not compared")
    quality = [row for row in every if row.baseline == OURS_LIST]
    if not data:
        show(LIMIT)
    beaten = [
        f"{row.baseline}: {row.metric}"
        for row in every
        if row.value <= row.baseline_value and row.baseline == OURS_LIST
    ]
    for line in beaten:
        show(f"warning: not better than {line}")
    window = write_window(out, gate_window(known, next(iter(tests.values()))))
    save_skops(model, out / MODEL_FILE, trusted=TRUSTED_TYPES)
    sample = next(iter(tests.values())).texts[:SAMPLE_TEXTS]
    made = TrainingRecord(
        model=NEWS_SENTIMENT,
        estimator="tfidf_logistic_regression",
        data=record,
        random_state=random_state,
        seconds=seconds,
        libraries=library_versions("numpy", "scikit-learn", "scipy", "skops"),
        quality=quality,
        feature_ranges={},
        settings={
            "trained_on": "history" if data else "generated headlines",
            "terms": len(model[0].vocabulary_),
            "C": strength,
            "beaten_by": beaten,
        },
        sample={TEXT.name: [[text] for text in sample]},
        window=window,
    )
    write_record(out, made)
    return made


def fit(known: Headlines, *, random_state: int, cv_folds: int) -> tuple[Any, float]:
    """A pipeline of TF-IDF of words and pairs, and logistic regression; and the C that was chosen."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from threadpoolctl import threadpool_limits

    words = TfidfVectorizer(
        preprocessor=ascii_lower,
        token_pattern=TOKEN_PATTERN,
        ngram_range=(1, 2),
        min_df=3,
        max_features=MOST_TERMS,
        sublinear_tf=True,
    )
    pipeline = make_pipeline(words, LogisticRegression(max_iter=2000))
    folds = StratifiedKFold(cv_folds, shuffle=True, random_state=random_state)
    grid = {"logisticregression__C": list(STRENGTHS)}
    search = GridSearchCV(pipeline, grid, scoring="neg_log_loss", cv=folds)
    # The products are small: threads would wait for each other, a hundred times as long on a busy machine.
    with threadpool_limits(1):
        search.fit(known.texts, known.truth)
    return search.best_estimator_, float(search.best_params_["logisticregression__C"])


def gate_window(known: Headlines, unseen: Headlines) -> Window:
    """The first test's texts as the gate takes them, beside the shares of the labels as an answer to each."""
    shares = np.array([np.mean(known.truth == label) for label in CLASSES])
    same = np.tile(shares, (len(unseen.texts), 1))
    return Window(
        arrays={TEXT.name: np.array(unseen.texts)[:, None], LABEL: unseen.truth},
        moments=np.arange(len(unseen.texts)),
        measures=Measures(horizons={BRIER: 0}),
        baselines={"shares of the labels": {BRIER: brier(same, unseen.truth)}},
    )


def _data(
    data: Sequence[Path], test_split: float, random_state: int, rows: int, test_rows: int
) -> tuple[Headlines, dict[str, Headlines], DataRecord]:
    if data:
        whole, record = read_headlines(data)
        from sklearn.model_selection import train_test_split

        known, unseen = train_test_split(
            np.arange(len(whole.texts)), test_size=test_split, random_state=random_state, stratify=whole.truth
        )
        return _taken(whole, known), {"unseen texts": _taken(whole, unseen)}, record
    known = headlines(rows, kind="training", seed=random_state)
    tests = {
        "unseen companies and frames": headlines(test_rows, kind="unseen frames", seed=random_state),
        "unseen words": headlines(test_rows, kind="unseen words", seed=random_state),
        "written by hand": by_hand(),
    }
    return known, tests, DataRecord(source=f"generated headlines, seed {random_state}", rows=rows)


def _taken(whole: Headlines, rows: Any) -> Headlines:
    return Headlines([whole.texts[row] for row in rows], whole.truth[rows])
