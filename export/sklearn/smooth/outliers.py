"""Outlier detectors by a formula: a linear one-class machine, an ellipse."""

import numpy as np
from typing_extensions import override

from export.sklearn.estimators.detector import DetectorGraph
from export.sklearn.smooth.accounted import finite, require_accounted
from export.sklearn.smooth.sums import row_sum


class LinearOneClass(DetectorGraph):
    """SGDOneClassSVM: the product less the offset; the score is that plus the offset, in this order of rounding."""

    @override
    def decision(self) -> str:
        require_accounted(self.estimator)
        weights = np.atleast_2d(finite(self.estimator, "coef_", self.estimator.coef_)).T
        product = self.build.node("MatMul", self.scope.matrix(), self.build.constant(weights))
        return self.build.node("Sub", product, self.build.constant(np.ravel(self.estimator.offset_)))

    @override
    def scores(self) -> str:
        return self.build.node("Add", self.decision(), self.build.constant(np.ravel(self.estimator.offset_)))


class Ellipse(DetectorGraph):
    """EllipticEnvelope: the squared Mahalanobis distance, negative."""

    @override
    def scores(self) -> str:
        e, build = self.estimator, self.build
        require_accounted(e)
        away = build.node("Sub", self.scope.matrix(), build.constant(finite(e, "location_", e.location_)))
        turned = build.node("MatMul", away, build.constant(finite(e, "precision", e.get_precision())))
        return build.node("Neg", row_sum(build, build.node("Mul", turned, away), len(e.location_)))
