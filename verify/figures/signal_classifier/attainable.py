"""How good can it get: the attainable accuracy, what each engineered feature earns, a history with a known best."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor

from train.signal_classifier.contract import SIGNAL_NAMES
from train.signal_classifier.engineered_features import FOR_TREES, FORMULAS, TradeFeatures
from train.signal_classifier.estimators import make_estimator, settle
from train.signal_classifier.evaluation.metrics import Figure
from train.signal_classifier.history.labelled_signals import Floats, Index
from train.signal_classifier.simulator.market import simulate, true_probability

Show = Callable[[str], None]

_SOFT_PATHS = 8  # inner simulations per training row: an eighth of the noise of one outcome


@dataclass(frozen=True)
class Attainable:
    """Expected accuracy on the fresh signals.

    `curve`: training rows -> accuracy of a large model taught with simulated probabilities instead of outcomes; its
    last value is what the features allow, `still_rising` the last step. `from_state` knows all that the simulator
    knows; no model of the eight features can reach it.
    """

    accuracy: float
    still_rising: float
    curve: dict[int, float]
    brier: float
    from_state: float


def expected_accuracy(confidence: Floats, truth: Floats) -> float:
    """Mean probability of being right, over the outcomes, of (confidence >= 0.5): needs no luck of the draw."""
    return float(np.where(confidence >= 0.5, truth, 1.0 - truth).mean())


def estimate(features: Floats, truth: Floats, *, sizes: tuple[int, ...], seed: int, show: Show) -> Attainable:
    """The accuracy attainable from the eight features, by learning on ever more rows until it no longer moves.

    Args:
        features: fresh rows, float64 [row, feature].
        truth: their true P(profit).
        sizes: training rows, ascending.
        seed: of the training signals; must differ from that of the fresh rows.
        show: called with each line of progress.
    """
    show(f"attainable accuracy: simulating {sizes[-1]:,} signals, {_SOFT_PATHS} inner simulations each")
    signals = simulate(sizes[-1], seed=seed)
    soft = true_probability(signals.deals, paths=_SOFT_PATHS, seed=seed)
    expand = TradeFeatures(tuple(FORMULAS)).fit(signals.features)
    known, fresh = expand.transform(signals.features), expand.transform(features)
    curve: dict[int, float] = {}
    answer = np.full(len(truth), 0.5)
    for size in sizes:
        model = HistGradientBoostingRegressor(
            learning_rate=0.04, max_iter=600, max_leaf_nodes=31, min_samples_leaf=200, random_state=seed
        )
        answer = np.clip(model.fit(known[:size], soft[:size]).predict(fresh), 0.0, 1.0)
        curve[size] = expected_accuracy(answer, truth)
        show(f"attainable accuracy from {size:,} rows: {curve[size]:.4f}")
    steps = list(curve.values())
    return Attainable(
        accuracy=steps[-1],
        still_rising=steps[-1] - steps[-2] if len(steps) > 1 else float("nan"),
        curve=curve,
        brier=float(np.mean((answer - truth) ** 2 + truth * (1.0 - truth))),
        from_state=float(np.maximum(truth, 1.0 - truth).mean()),
    )


def ablation(
    features: Floats, truth: Floats, *, rows: int, seed: int, repeats: int = 5, show: Show
) -> dict[str, Figure]:
    """What the forest loses without each engineered feature: the rise of its mean squared distance to the truth.

    Every repeat trains on signals of its own; figures are means over them with normal intervals, in units of 1e-4 of
    the Brier score. "all" is the loss when every engineered feature goes. A feature earns its place when its interval
    lies above zero, here or in the rule-based history.
    """
    names = list(FOR_TREES)
    variants = {"all": (), **{name: tuple(n for n in names if n != name) for name in names}}
    losses: dict[str, list[float]] = {name: [] for name in variants}
    signals = simulate(rows * repeats, seed=seed)
    for repeat in range(repeats):
        show(f"ablation: {repeat + 1} of {repeats}")
        part = slice(repeat * rows, (repeat + 1) * rows)
        X, y = signals.features[part], signals.profitable[part]
        full = _distance(tuple(names), X, y, features, truth, seed=seed + repeat)
        for name, kept in variants.items():
            losses[name].append(_distance(kept, X, y, features, truth, seed=seed + repeat) - full)
    return {name: Figure.mean(np.array(values) * 1e4) for name, values in losses.items()}


def _distance(names: tuple[str, ...], X: Floats, y: Index, fresh: Floats, truth: Floats, *, seed: int) -> float:
    model = make_estimator("random_forest", rows=len(X), random_state=seed)
    model.set_params(features__names=names).fit(X, y)
    settle(model)
    return float(np.mean((model.predict_proba(fresh)[:, 1] - truth) ** 2))


def linear_history(rows: int, *, seed: int, steepness: float = 2.0) -> tuple[Floats, Index, Floats]:
    """A plain rule-based history: profit by a noisy linear score of the eight columns.

    Returns:
        features float64 [row, feature] like a simple generator's (independent columns), outcomes 0/1, and the true
        P(profit) = 1 / (1 + exp(-steepness x score)), the score being standardised.
    """
    random = np.random.default_rng(np.random.SeedSequence((seed, 2)))
    columns = {
        "edge_percent": random.normal(0.0, 15.0, rows),
        "delta": random.uniform(-1.0, 1.0, rows),
        "gamma": random.uniform(0.001, 0.1, rows),
        "vega": random.uniform(1.0, 80.0, rows),
        "theta": random.uniform(-80.0, -1.0, rows),
        "volume": random.integers(0, 5_000, rows),
        "open_interest": random.integers(0, 20_000, rows),
        "days_to_expiry": random.integers(7, 91, rows),
    }
    weights = {"edge_percent": 1.0, "delta": 0.5, "gamma": -0.3, "vega": 0.4, "theta": 0.2, "volume": 0.6}
    weights |= {"open_interest": 0.3, "days_to_expiry": -0.4}
    features = np.column_stack([columns[name] for name in SIGNAL_NAMES]).astype(np.float64)
    scaled = (features - features.mean(axis=0)) / features.std(axis=0)
    score = scaled @ np.array([weights[name] for name in SIGNAL_NAMES])
    truth = 1.0 / (1.0 + np.exp(-steepness * score / score.std()))
    return features, (random.random(rows) < truth).astype(np.int64), truth
