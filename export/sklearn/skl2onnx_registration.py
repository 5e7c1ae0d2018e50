"""The exact lowering inside skl2onnx: after `register()`, a stock `skl2onnx.to_onnx` call uses it."""

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
from onnx import TensorProto
from skl2onnx import update_registered_converter
from skl2onnx._parse import _parse_sklearn_simple_model, sklearn_parsers_map
from skl2onnx._supported_operators import sklearn_operator_name_map
from skl2onnx.common._registration import get_converter, get_shape_calculator
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType, StringTensorType
from sklearn.pipeline import Pipeline

from export.errors import NoExactForm
from export.graph import ML_DOMAIN, ML_OPSET, OPSET, GraphBuilder
from export.sklearn.columns.graph_columns import ColumnScope
from export.sklearn.columns.preprocess import input_columns, input_width, refuse
from export.sklearn.compile import lower_classifier, lower_value
from export.sklearn.estimators.classifier import has_probabilities
from export.sklearn.estimators.registry import value_width
from train.core.errors import PipelineError
from train.core.sklearn_answers import has_classes

_ALIAS = "DollarbillExact"
_HANDS_THROUGH = ("GridSearchCV", "RandomizedSearchCV", "MultiOutputClassifier", "MultiOutputRegressor", "Pipeline")
"""Estimators of skl2onnx that give the answers of those inside unchanged."""
_stock: dict[type, tuple[Any, Any]] = {}
_strict = False
_OWN_OPTIONS = {"zipmap": [True, False, "columns"]}
_STOCK_ONLY = ("raw_scores", "nocl", "decision_leaf", "decision_path", "output_class_labels")
"""Options that only the stock converters know."""


class NotExact(UserWarning):
    """A model, or a part of one, went through skl2onnx's own converter; the message says why."""


def register_with_skl2onnx(classifiers: Iterable[type], regressors: Iterable[type], *, strict: bool = False) -> None:
    """Give these estimators, alone or at the end of a Pipeline, to our compiler; may be called again.

    What has no exact form (a part in front of it, an option of the stock converter, an older operator set, an owner of
    another class such as bagging) goes through skl2onnx's own converter with a `NotExact` warning that names the
    reason; with `strict` it is refused instead.

    Outputs of a classifier are `label` and `probabilities` (double, a plain tensor: there is no ZipMap), of a
    regressor `variable` (double). Float inputs are widened to double first, so that the graph answers what
    scikit-learn answers for `X.astype(float64)`.
    """
    global _strict
    _strict = strict
    kinds = (*classifiers, *regressors)
    for kind in (*kinds, Pipeline):
        if kind not in _stock:
            _stock[kind] = (sklearn_operator_name_map.get(kind), sklearn_parsers_map.get(kind))
        update_registered_converter(
            kind,
            f"{_ALIAS}{kind.__name__}",
            _check_inputs,
            _convert,
            parser=_pipeline_parser(kinds) if kind is Pipeline else _parse,
            # Stock calls often carry zipmap; where the exact lowering answers there is none whatever it says.
            options={**_stock_options(kind), **_OWN_OPTIONS},
        )


def unregister_from_skl2onnx() -> None:
    """Put skl2onnx back as it was before `register_with_skl2onnx`."""
    for kind, values in _stock.items():
        for table, value in zip((sklearn_operator_name_map, sklearn_parsers_map), values, strict=True):
            if value is None:
                table.pop(kind, None)
            else:
                table[kind] = value
    _stock.clear()


def _pipeline_parser(kinds: tuple[type, ...]) -> Any:
    def parse(scope: Any, model: Any, inputs: Any, custom_parsers: Any = None) -> Any:
        final = model
        while type(final) is Pipeline:
            final = final.steps[-1][1]
        if type(final) in kinds:
            return _parse(scope, model, inputs, custom_parsers)
        stock = _stock[Pipeline][1]
        return stock(scope, model, inputs, custom_parsers)

    return parse


def _parse(scope: Any, model: Any, inputs: Any, custom_parsers: Any = None) -> Any:
    """Declare one operator for the whole model, scaler and all, and its outputs; or what skl2onnx would declare."""
    reason = _why_not(scope, model, inputs)
    if reason:
        _say(model, reason)
        return _stock_parse(scope, model, inputs, custom_parsers)
    operator = scope.declare_local_operator(f"{_ALIAS}{type(model).__name__}", model)
    operator.inputs = inputs
    if has_classes(model):
        operator.outputs.append(scope.declare_local_variable("label", _label_type(model)()))
        operator.outputs.append(scope.declare_local_variable("probabilities", DoubleTensorType()))
    else:
        operator.outputs.append(scope.declare_local_variable("variable", DoubleTensorType()))
    return operator.outputs


def _label_type(model: Any) -> Any:
    """Integers and truth values as int64, real numbers as double, text as text."""
    if getattr(model, "n_outputs_", 1) != 1 or isinstance(model.classes_, list):
        raise refuse(model, "it has several outputs", supported="one output")
    kind = model.classes_.dtype
    if np.issubdtype(kind, np.floating):
        return DoubleTensorType
    return Int64TensorType if np.issubdtype(kind, np.integer) or kind.kind == "b" else StringTensorType


def _stock_options(kind: type) -> dict[str, Any]:
    alias = _stock[kind][0]
    return dict(get_converter(alias).get_allowed_options() or {}) if alias else {}


def _stock_parse(scope: Any, model: Any, inputs: Any, custom_parsers: Any) -> Any:
    """What skl2onnx itself would declare; parts inside still come to us."""
    alias, parser = _stock[type(model)]
    if alias is None and parser is None:
        raise refuse(model, "skl2onnx has no converter for it either", supported="the estimators that compile exactly")
    ours = sklearn_operator_name_map.get(type(model))
    if alias is not None:
        sklearn_operator_name_map[type(model)] = alias
    try:
        return (parser or _parse_sklearn_simple_model)(scope, model, inputs, custom_parsers)
    finally:
        if ours is not None:
            sklearn_operator_name_map[type(model)] = ours


def _say(model: Any, reason: str) -> None:
    """Warn that skl2onnx's own converter runs, or refuse under `strict`."""
    said = f"{type(model).__name__} is not compiled exactly: {reason}"
    if _strict:
        raise NoExactForm(f"{said}; register() without strict=True lets skl2onnx's own converter run")
    warnings.warn(f"{said}; skl2onnx's own converter runs", NotExact, stacklevel=2)


def _why_not(scope: Any, model: Any, inputs: Any) -> str:
    """Why the exact lowering cannot answer this call; "" when it can."""
    given = scope.get_options(model, {}, fail=False) or {}
    asked = [name for name in _STOCK_ONLY if given.get(name)]
    if asked:
        return f"the option {asked[0]!r} is the stock converter's"
    if any(not isinstance(v.type, (DoubleTensorType, FloatTensorType, Int64TensorType)) for v in inputs):
        return "an input is not a number"
    targets = scope.target_opset if isinstance(scope.target_opset, dict) else {"": scope.target_opset}
    main, ml = targets.get("") or OPSET, targets.get(ML_DOMAIN)
    # skl2onnx asks for ml 1 to 3 by itself where the caller named none: only a main set that is older says no.
    if main < OPSET or (ml is not None and ml < ML_OPSET and isinstance(_asked_target(scope), dict)):
        return (
            f"target_opset is {targets}; exact trees need {{'': {OPSET}, '{ML_DOMAIN}': {ML_OPSET}}} (float32 answers)"
        )
    try:
        width = input_width(model)
        _results(model, ColumnScope(GraphBuilder(), "input", width, input_columns(width)))
    except NoExactForm as error:
        return str(error)
    return ""


def _asked_target(scope: Any) -> Any:
    return scope.target_opset_all if hasattr(scope, "target_opset_all") else scope.target_opset


def _has_known_owner(operator: Any) -> bool:
    """Inside another estimator skl2onnx mixes our nodes with its own, which know no operator set of ours."""
    model = operator.raw_operator
    others = [other.raw_operator for other in operator.scope_inst.operators.values()]
    owner = next((other for other in others if other is not model and _holds(other, model)), None)
    return owner is None or type(owner).__name__ in _HANDS_THROUGH


def _holds(owner: Any, model: Any, depth: int = 4) -> bool:
    """Whether a fitted estimator keeps `model` among its attributes, however nested in lists."""
    if owner is model:
        return True
    if depth == 0 or owner is None or isinstance(owner, (str, bytes, int, float, np.generic)):
        return False
    if isinstance(owner, np.ndarray):
        parts = list(owner.ravel()) if owner.dtype == object else []
    elif isinstance(owner, (list, tuple)):
        parts = list(owner)
    elif isinstance(owner, dict):
        parts = list(owner.values())
    else:
        parts = list(vars(owner).values()) if hasattr(owner, "get_params") else []
    return any(_holds(part, model, depth - 1) for part in parts)


def _check_inputs(operator: Any) -> None:
    """skl2onnx's shape stage: batch size from the input, columns from the model."""
    model = operator.raw_operator
    if not _has_known_owner(operator):
        _say(model, "the estimator around it is of a class that is not compiled exactly")
        get_shape_calculator(_stock[type(model)][0])(operator)
        return
    for variable in operator.inputs:
        if not isinstance(variable.type, (DoubleTensorType, FloatTensorType, Int64TensorType)):
            raise PipelineError(f"input {variable.raw_name}: expected DoubleTensorType, got {variable.type}")
    batch = operator.inputs[0].get_first_dimension()
    if not has_classes(model):
        operator.outputs[0].type = DoubleTensorType([batch, value_width(model)])
        return
    operator.outputs[0].type.shape = [batch]
    operator.outputs[1].type = DoubleTensorType([batch, len(model.classes_)])


class _WithoutMl(set):  # type: ignore[type-arg]
    """Operator sets that nodes name, less ai.onnx.ml: a stock node beside ours would name an older one for both."""

    def __init__(self, pairs: Iterable[tuple[str, int]]) -> None:
        super().__init__(pair for pair in pairs if pair[0] != ML_DOMAIN)

    def add(self, pair: tuple[str, int]) -> None:
        """Keep a pair of another domain."""
        if pair[0] != ML_DOMAIN:
            super().add(pair)


def _convert(scope: Any, operator: Any, container: Any) -> None:
    """Write the model's nodes into skl2onnx's container."""
    model = operator.raw_operator
    if not _has_known_owner(operator):
        get_converter(_stock[type(model)][0])(scope, operator, container)
        return
    _require_opsets(container)
    build = GraphBuilder(prefix=f"{scope.get_unique_variable_name('exact')}_")
    given = {entry.name for entry in container.inputs}
    # A stock converter in front may say double and give float32.
    parts = [
        variable.full_name
        if isinstance(variable.type, DoubleTensorType) and variable.full_name in given
        else build.node("Cast", variable.full_name, to=TensorProto.DOUBLE)
        for variable in operator.inputs
    ]
    source = parts[0] if len(parts) == 1 else build.node("Concat", *parts, axis=1)
    width = input_width(model)
    columns = ColumnScope(build, source, width, input_columns(width))
    for tensor, variable in zip(_results(model, columns), operator.outputs, strict=True):
        build.output(tensor, variable.full_name)
    container.initializers.extend(build.initializers)
    container.nodes.extend(build.nodes)
    container.node_domain_version_pair_sets = _WithoutMl(container.node_domain_version_pair_sets)
    container.node_domain_version_pair_sets.add(("", OPSET))


def _require_opsets(container: Any) -> None:
    """The operator sets of `TreeEnsemble`.

    skl2onnx believes that ai.onnx.ml ends at 3 and rejects a node that names a later set; asked for as a target, it
    is written into the model as it is.
    """
    targets = dict(container.target_opset_all)
    main, ml = targets.get("") or OPSET, targets.get(ML_DOMAIN) or ML_OPSET
    if main < OPSET or ml < ML_OPSET:
        raise PipelineError(
            f"target_opset is {targets}; exact trees need {{'': {OPSET}, '{ML_DOMAIN}': {ML_OPSET}}} or leave it out"
        )
    container.target_opset_all = {**targets, ML_DOMAIN: ml}


def _results(model: Any, columns: ColumnScope) -> list[str]:
    if not has_classes(model):
        return [lower_value(model, columns)]
    build, graph = columns.builder, lower_classifier(model, columns)
    index = graph.label()
    probabilities = graph.probabilities() if has_probabilities(model) else graph.one_hot(index)
    if _label_type(model) is StringTensorType:
        classes = build.texts([str(name) for name in model.classes_])
    else:
        whole = _label_type(model) is Int64TensorType
        classes = build.constant(model.classes_, np.int64 if whole else np.float64)
    return [build.node("Gather", classes, index, axis=0), probabilities]
