"""The error function of doubles, for which onnxruntime has no operator."""

from export.graph import GraphBuilder
from export.sklearn.columns.quantiles import ratio

_NEAR = (
    "3.20937758913846947e3 3.77485237685302021e2 1.13864154151050156e2 3.16112374387056560e0 1.85777706184603153e-1",
    "2.84423683343917062e3 1.28261652607737228e3 2.44024637934444173e2 2.36012909523441209e1 1",
)
_FAR = (
    "1.23033935479799725e3 2.05107837782607147e3 1.71204761263407058e3 8.81952221241769090e2 2.98635138197400131e2"
    " 6.61191906371416295e1 8.88314979438837594e0 5.64188496988670089e-1 2.15311535474403846e-8",
    "1.23033935480374942e3 3.43936767414372164e3 4.36261909014324716e3 3.29079923573345963e3 1.62138957456669019e3"
    " 5.37181101862009858e2 1.17693950891312499e2 1.57449261107098347e1 1",
)
"""Of W. J. Cody, "Rational Chebyshev approximations for the error function" (1969), from the constant upwards."""


def error_function(build: GraphBuilder, x: str) -> str:
    """erf(x), float64 of any shape, within 4e-16; NaN stays NaN."""
    size = build.node("Min", build.node("Abs", x), build.constant(6.0))  # from there on it is 1
    square = build.node("Mul", size, size)
    near = build.node("Mul", x, ratio(build, square, _NEAR))
    less = build.node("Mul", build.node("Exp", build.node("Neg", square)), ratio(build, size, _FAR))
    far = build.node("Mul", build.node("Sign", x), build.node("Sub", build.constant(1.0), less))
    return build.node("Where", build.node("LessOrEqual", size, build.constant(0.46875)), near, far)
