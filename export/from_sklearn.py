"""What a program imports to compile scikit-learn models: `compile_sklearn`, or `register` for a stock skl2onnx call."""

from export.sklearn.compile import CLASSIFIERS, REGRESSORS, compile_sklearn, is_bit_exact

__all__ = ["compile_sklearn", "is_bit_exact", "register", "unregister"]


def register() -> None:
    """Register every supported estimator with skl2onnx: a stock `skl2onnx.to_onnx(model, X)` then compiles exactly.

    See `export.sklearn.skl2onnx_registration` for the outputs; `unregister` undoes it.
    """
    from export.sklearn.skl2onnx_registration import register_with_skl2onnx

    # Ensembles of other estimators stay refused by name there: see `export.sklearn.skl2onnx_registration`.
    room = "export.sklearn.ensembles"
    classifiers = [kind for kind, graph in CLASSIFIERS.items() if not graph.__module__.startswith(room)]
    regressors = [kind for kind, how in REGRESSORS.items() if not how.lower.__module__.startswith(room)]
    register_with_skl2onnx(classifiers, regressors)


def unregister() -> None:
    """Put skl2onnx back as it was before `register`."""
    from export.sklearn.skl2onnx_registration import unregister_from_skl2onnx

    unregister_from_skl2onnx()
