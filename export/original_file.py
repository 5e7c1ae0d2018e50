"""`python -m export --original`: any fitted model that compiles, as a graph or as a whole artifact.

What a file is, scikit-learn's or Keras's, is seen from its content.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import onnx

from export.artifact.manifest import LONGEST_AXIS, MODEL_NAME, ParityEntry, tensor_entry
from export.artifact.version_folder import Draft
from export.grade import Grade
from train.core.columns.model_table import table_of
from train.core.contract import Column, Task, Tensor
from train.core.errors import PipelineError
from train.core.files import read_bytes, sha256_hex
from train.core.records.record import DataRecord, TrainingRecord, library_versions
from train.core.sklearn_answers import gives_probabilities, has_classes
from train.core.skops_files import load_skops
from train.model import Library
from train.registry import trusted_types

if TYPE_CHECKING:
    from export.sklearn.graph_inputs import Layout, NumberType

Floats = npt.NDArray[np.float64]
GOLDEN_ROWS = 64
INPUT, PROBABILITIES, VALUE = "features", "probabilities", "variable"
"""Names of tensors: see `export.sklearn.compile`."""


@dataclass(frozen=True)
class OriginalFile:
    """What a file holds, `library` by name."""

    library: Library
    model: Any
    says: str


def open_original_file(path: Path) -> OriginalFile:
    """The fitted model in a .skops or .keras file, whatever the file is called.

    Raises:
        PipelineError: no such file, or not one that is read; names what is wrong.
    """
    if not path.is_file():
        found = "a folder, expected one file" if path.is_dir() else "no such file"
        raise PipelineError(
            f"{path}: {found}; --original names a model saved by skops.io.dump, keras.Model.save, or a booster"
        )
    from export.keras.model_file import is_keras_file, load_keras_file
    from export.sklearn.boosters.files import booster_of, load_booster

    library = booster_of(path)
    if library is not None:
        model = load_booster(path, library)
        return OriginalFile("scikit-learn", model, f"a model of {library}: {model.says}")
    if is_keras_file(path):
        network = load_keras_file(path)
        return OriginalFile("keras", network, f"a Keras network of {len(network.layers)} layers")
    estimator = load_skops(path, trusted=trusted_types())
    return OriginalFile("scikit-learn", estimator, f"a scikit-learn {_described(estimator)}")


def load_original_file(path: Path) -> Any:
    """The fitted estimator or network in a file.

    Raises:
        PipelineError: as `open_original_file`.
    """
    return open_original_file(path).model


@dataclass(frozen=True)
class Wish:
    """What a caller asks of the grade and, of a graph alone, of its inputs.

    Attributes:
        exact: refuse what would be measured.
        before_trees: let measured parts stand in front of trees.
        inputs: see `export.sklearn.graph_inputs`; None as the model needs.
        numbers: the type of inputs that are no text.
    """

    exact: bool = False
    before_trees: bool = False
    inputs: "Layout | None" = None
    numbers: "NumberType" = "float64"


def graph_of_file(
    original: OriginalFile, *, name: str, labels: bool = False, wish: Wish = Wish()
) -> tuple[onnx.ModelProto, Grade]:
    """The graph of what a file holds, which has answered as the original, and its grade, which its metadata names too.

    Args:
        original: what the file holds.
        name: the graph's.
        labels: also what `predict` answers.
        wish: what is asked of the grade and the inputs.

    Raises:
        PipelineError: it has no form of the grade asked for (named, with the reason), or the graph answers otherwise.
    """
    if original.library == "keras":
        from export.keras.measured import compile_network

        if labels or wish.inputs or wish.numbers != "float64":
            raise PipelineError(
                "--labels, --inputs and --input are of scikit-learn's models; a network has inputs of its own"
            )
        return compile_network(original.model, name=name, exact=wish.exact)
    from export.sklearn.measured import Form, compile_graded

    graph, grade = compile_graded(
        original.model,
        name=name,
        form=Form(labels, wish.inputs, wish.numbers),
        exact=wish.exact,
        before_trees=wish.before_trees,
    )
    if labels and all(output.name != "label" for output in graph.graph.output):
        raise PipelineError(f"--labels: a {type(original.model).__name__} gives values and no labels; leave it out")
    return graph, grade


def draft_of_file(
    path: Path,
    *,
    name: str,
    rows: Floats | None = None,
    original: OriginalFile | None = None,
    wish: Wish = Wish(),
) -> Draft:
    """Compile the model in a file into a draft artifact.

    Args:
        path: a .skops or .keras file.
        name: what the model is called; the name of its folder.
        rows: rows like the training data, float64 [row, column], from which golden cases are taken, and the range seen
            of each column; None derives rows from the model itself.
        original: the file, where it is open already.
        wish: what is asked of the grade and the inputs.

    Raises:
        PipelineError: the name is none, or the model has no exact form (named, with the reason).
    """
    if not re.match(MODEL_NAME, name):
        raise PipelineError(
            f"{name!r} cannot be a model's name: 1 to 64 lower-case letters, digits and _, a letter first; "
            "name another folder"
        )
    original = original or open_original_file(path)
    if original.library == "keras":
        from export.keras.network_artifact import draft_of_network

        return draft_of_network(original.model, path, name=name, rows=rows, exact=wish.exact)
    return _draft_of_estimator(original.model, path, name, rows, wish)


def _draft_of_estimator(estimator: Any, path: Path, name: str, rows: Floats | None, wish: Wish) -> Draft:
    from export.sklearn.columns.preprocess import input_width
    from export.sklearn.measured import compile_graded
    from export.sklearn.sample_rows import largest_size, missing_columns, starting_rows

    graph, grade = compile_graded(
        estimator, name=name, exact=wish.exact, before_trees=wish.before_trees, rows=_right_width(estimator, rows, path)
    )
    if len(graph.graph.output) > 1:
        raise PipelineError(
            f"{path}: it answers {', '.join(output.name for output in graph.graph.output)}, and an artifact holds one "
            "output of numbers; `-o model.onnx` compiles the graph alone"
        )
    width = input_width(estimator)
    texts = [column.name for column in table_of(estimator, width) if column.kind == "text"]
    if texts:
        raise PipelineError(
            f"{path}: column {texts[0]!r} holds text, an artifact takes numbers; `-o model.onnx` compiles the graph "
            "alone"
        )
    if width > LONGEST_AXIS:
        raise PipelineError(
            f"{path}: takes {width:,} columns, an artifact holds at most {LONGEST_AXIS:,}; "
            "`-o model.onnx` compiles the graph alone"
        )
    given = starting_rows(estimator, width) if rows is None else rows
    if grade.limit:
        given = given[np.nan_to_num(np.abs(given), nan=0.0).max(axis=1, initial=0.0) <= grade.limit]
    inputs, outputs = _golden_cases(estimator, given, path)
    missing = missing_columns(lambda trial: _accepts(estimator, trial), inputs[0])
    size = largest_size(lambda trial: _accepts(estimator, trial), np.nan_to_num(inputs[0]))
    if grade.limit:  # a measured grade says nothing of numbers beyond it
        size = grade.limit if size is None else min(size, grade.limit)
    names = [str(column) for column in getattr(estimator, "feature_names_in_", [f"x{i}" for i in range(width)])]
    columns = tuple(
        Column(column, minimum=None if size is None else -size, maximum=size, missing=bool(may))
        for column, may in zip(names, missing, strict=True)
    )
    seen = {} if rows is None else _ranges(names, rows)
    task, output = _answer(estimator, outputs.shape[1])
    record = TrainingRecord(
        model=name,
        estimator=_described(estimator),
        data=DataRecord(
            source=f"compiled from {path.name}",
            sha256=sha256_hex(read_bytes(path)),
            rows=0 if rows is None else len(rows),
        ),
        random_state=None,
        seconds=0.0,
        libraries=library_versions("numpy", "scikit-learn", "skops"),
        quality=[],
        feature_ranges=seen,
        settings={},
        sample={},
    )
    method = "predict_proba(X)" if gives_probabilities(estimator) else "predict(X)"
    measured = f", {grade.says}" if grade.kind == "measured" else ""
    return Draft(
        record=record,
        task=task,
        graph=graph,
        inputs=[tensor_entry(Tensor(INPUT, ("batch", "column"), columns), ["batch", width], seen)],
        outputs=[tensor_entry(output, ["batch", outputs.shape[1]], {})],
        parity=ParityEntry(
            reference=f"scikit-learn {method}{measured}", absolute=grade.absolute, relative=grade.relative
        ),
        settings={"grade": grade.fields()},
        golden_inputs={INPUT: inputs},
        golden_outputs={output.name: outputs},
    )


def _right_width(estimator: Any, rows: Floats | None, path: Path) -> Floats | None:
    from export.sklearn.columns.preprocess import input_width

    width = input_width(estimator)
    if rows is not None and rows.shape[1] != width:
        raise PipelineError(f"--data: {rows.shape[1]} columns, {path} takes {width}")
    return rows


def _golden_cases(estimator: Any, rows: Floats, path: Path) -> tuple[Floats, Floats]:
    """Rows that the model answers with numbers, and its answers."""
    from train.core.sklearn_answers import answers

    rows = rows[~np.isinf(rows).any(axis=1)]
    picked = rows[np.unique(np.linspace(0, max(len(rows) - 1, 0), min(GOLDEN_ROWS, len(rows))).astype(np.int64))]
    kept = [row for row in picked if _accepts(estimator, row[None, :])]
    if not kept:
        raise PipelineError(
            f"{path}: answers none of the rows tried; give rows like its training data: --data ROWS.csv"
        )
    inputs = np.array(kept)
    outputs = answers(estimator, inputs)
    finite = ~np.isinf(outputs).any(axis=1)
    if not finite.any():
        raise PipelineError(
            f"{path}: answers infinite numbers alone; give rows like its training data: --data ROWS.csv"
        )
    return inputs[finite], outputs[finite]


def _accepts(estimator: Any, rows: Floats) -> bool:
    from train.core.sklearn_answers import answers

    try:
        answers(estimator, rows)
    except ValueError:
        return False
    return True


def _answer(estimator: Any, width: int) -> tuple[Task, Tensor]:
    """The kind of model, and its one output as `compile_sklearn` names it."""
    if not has_classes(estimator):
        names = [VALUE] if width == 1 else [f"{VALUE}_{number}" for number in range(width)]
        return "regressor", Tensor(VALUE, ("batch", "value"), tuple(Column(n, meaning="predict(X)") for n in names))
    if isinstance(estimator.classes_, list) or getattr(estimator, "multilabel_", False):
        chance = tuple(Column(f"output {k}", "probability", meaning=f"of output {k}") for k in range(width))
        return "classifier", Tensor(PROBABILITIES, ("batch", "output"), chance)
    classes = [str(label) for label in np.asarray(estimator.classes_).tolist()]
    if len(set(classes)) < len(classes):
        raise PipelineError(f"two classes have one name: {', '.join(classes)}; use labels that read differently")
    soft = gives_probabilities(estimator)
    columns = tuple(
        Column(label, "probability", 0.0, 1.0, meaning=f"P(class {label})")
        if soft
        else Column(label, minimum=0.0, maximum=1.0, integer=True, meaning=f"1 where predict(X) is {label}, else 0")
        for label in classes
    )
    return "classifier", Tensor(PROBABILITIES, ("batch", "class"), columns)


def _ranges(names: list[str], rows: Floats) -> dict[str, tuple[float, float]]:
    """Smallest and largest value seen of each column that holds any."""
    return {
        name: (float(np.nanmin(column)), float(np.nanmax(column)))
        for name, column in zip(names, rows.T, strict=True)
        if np.isfinite(column).any()
    }


def _described(estimator: Any) -> str:
    """The classes of a pipeline's steps, or of the estimator."""
    steps = getattr(estimator, "steps", None)
    return " -> ".join(type(step).__name__ for _, step in steps) if steps else type(estimator).__name__
