"""Temperature scaling: logits times one number, and their softmax."""

from typing import Any

import numpy as np

from export.sklearn.columns.preprocess import refuse
from export.sklearn.estimators.classifier import ClassifierGraph

FLOOR = 1e-12
"""Added to a probability before its logarithm (scikit-learn's `_convert_to_logits`)."""


def tempered(member: ClassifierGraph, calibrator: Any) -> str:
    """Probabilities of one fold, float64 [batch, class]: scores as they are, or else logarithms of probabilities."""
    build, beta = member.build, inverse_temperature(calibrator)
    logits = member.decision()
    if logits is None:
        logits = build.node("Log", build.node("Add", member.probabilities(), build.constant(FLOOR)))
    elif member.n_classes == 2:
        logits = build.node("Concat", build.node("Neg", logits), logits, axis=1)
    scaled, axis = build.node("Mul", build.constant(beta), logits), build.constant([1], np.int64)
    grown = build.node("Exp", build.node("Sub", scaled, build.node("ReduceMax", scaled, axis, keepdims=1)))
    return build.node("Div", grown, build.node("ReduceSum", grown, axis, keepdims=1))


def inverse_temperature(calibrator: Any) -> float:
    """The one fitted number.

    Raises:
        NoExactForm: it is float32, as are then the logits.
    """
    beta = np.asarray(calibrator.beta_)
    if beta.dtype != np.float64:
        raise refuse(
            calibrator, "its temperature is float32: it was fitted on float32 scores", supported="float64 rows"
        )
    return float(beta)


def magnification(member: ClassifierGraph, calibrator: Any) -> float:
    """How many times the error of a score, or of a probability, an answer may be off.

    A probability near 0 has a logarithm that moves by 1e12 times its error; how much of that is left depends on what
    the temperature makes of it.
    """
    beta = inverse_temperature(calibrator)
    if type(member).decision is not ClassifierGraph.decision:
        return beta / 2.0
    chances = np.concatenate([[0.0], np.logspace(-18.0, np.log10(0.5), 400)])
    away = np.log1p(FLOOR - chances) - np.log(chances + FLOOR)
    with np.errstate(over="ignore"):
        answer = 1.0 / (1.0 + np.exp(beta * away))
    return float(np.max(beta / (chances + FLOOR) * answer * (1.0 - answer)))
