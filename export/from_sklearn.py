"""What a program imports to compile scikit-learn models: `compile_sklearn`, or `register` for a stock skl2onnx call."""

from export.sklearn.compile import CLASSIFIERS, REGRESSORS, compile_sklearn, is_bit_exact

__all__ = ["compile_sklearn", "is_bit_exact", "register", "unregister"]


def register(*, strict: bool = False) -> None:
    """Register every supported estimator with skl2onnx: a stock `skl2onnx.to_onnx(model, X)` then compiles exactly.

    Where exactness is impossible skl2onnx's own converter runs, with a warning that names the reason; with `strict` it
    is refused. See `export.sklearn.skl2onnx_registration` for the outputs; `unregister` undoes it.
    """
    from export.sklearn.skl2onnx_registration import register_with_skl2onnx

    register_with_skl2onnx(CLASSIFIERS, REGRESSORS, strict=strict)


def unregister() -> None:
    """Put skl2onnx back as it was before `register`."""
    from export.sklearn.skl2onnx_registration import unregister_from_skl2onnx

    unregister_from_skl2onnx()
