"""What every lowered outlier detector offers: scores, the decision and the label, each a tensor made on demand."""

from typing import Any

import numpy as np

from export.sklearn.columns.graph_columns import ColumnScope


class DetectorGraph:
    """A fitted outlier detector and the columns it sees; a subclass for each kind defines `scores`.

    Attributes:
        exact: scores and decision equal scikit-learn's to the last bit (else to 1e-12).
    """

    exact = False

    def __init__(self, estimator: Any, scope: ColumnScope) -> None:
        self.estimator = estimator
        self.scope = scope
        self.build = scope.builder

    def scores(self) -> str:
        """`score_samples`, float64 [batch, 1]."""
        raise NotImplementedError

    def decision(self) -> str:
        """`decision_function`, float64 [batch, 1]: the score less the offset."""
        return self.build.node("Sub", self.scores(), self.build.constant(float(self.estimator.offset_)))

    def label(self) -> str:
        """`predict`, int64 [batch]: -1 for an outlier, 1 for anything else."""
        flat = self.build.node("Reshape", self.decision(), self.build.constant([-1], np.int64))
        outlier = self.build.node("Less", flat, self.build.constant(0.0))
        return self.build.node("Where", outlier, self.build.constant(-1, np.int64), self.build.constant(1, np.int64))
