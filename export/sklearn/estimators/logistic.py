"""The logistic function with a small relative error on both sides."""

from export.graph import GraphBuilder


def sigmoid(build: GraphBuilder, score: str) -> str:
    """1 / (1 + exp(-score)), of a float64 tensor of any shape.

    onnxruntime's own Sigmoid of doubles is good to 1e-16 absolutely, and 0 from about -37 on: where such values are
    divided by their sum, nothing of them is left. This form has the bits of `scipy.special.expit` but for the last one.
    """
    one = build.constant(1.0)
    return build.node("Div", one, build.node("Add", build.node("Exp", build.node("Neg", score)), one))
