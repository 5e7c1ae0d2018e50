"""`python -m export --original`: any fitted model that compiles, as a graph or as a whole artifact.

What a file is, scikit-learn's or Keras's, is seen from its content.
"""

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from export.artifact.manifest import MODEL_NAME, MOST_VALUES
from export.artifact.version_folder import Draft
from export.grade import NO_WISH, Grade, Wish
from train.core.errors import PipelineError
from train.core.sklearn_answers import described
from train.core.skops_files import load_skops
from train.model import Library
from train.registry import trusted_types

Floats = npt.NDArray[np.float64]


MOST_COLUMNS = MOST_VALUES
"""What one row of an artifact may hold; a graph of more columns takes minutes to compile."""


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
    if _is_of_both(path):
        raise PipelineError(
            f"{path}: holds a skops model and a Keras network; which of the two is meant is not seen from it: "
            "give each a file of its own"
        )
    if is_keras_file(path):
        network = load_keras_file(path)
        return OriginalFile("keras", network, f"a Keras network of {len(network.layers)} layers")
    estimator = load_skops(path, trusted=trusted_types())
    width = getattr(estimator, "n_features_in_", 0)
    if width > MOST_COLUMNS:
        raise PipelineError(
            f"{path}: takes {width:,} columns, a graph of this project at most {MOST_COLUMNS:,}; select some "
            "before the fit"
        )
    return OriginalFile("scikit-learn", estimator, f"a scikit-learn {described(estimator)}")


def _is_of_both(path: Path) -> bool:
    """Whether an archive holds what a skops file is known by and what a .keras file is known by."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False
    return {"schema.json", "config.json"} <= names


def load_original_file(path: Path) -> Any:
    """The fitted estimator or network in a file.

    Raises:
        PipelineError: as `open_original_file`.
    """
    return open_original_file(path).model


def graph_of_file(
    original: OriginalFile, *, name: str, labels: bool = False, wish: Wish = NO_WISH
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
    from export.sklearn.graded.measured import Form, compile_graded

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
    wish: Wish = NO_WISH,
) -> Draft:
    """Compile the model in a file into a draft artifact.

    Args:
        path: a .skops or .keras file.
        name: what the model is called; the name of its folder.
        rows: rows like the training data, float64 [row, column], from which golden cases are taken, and the range seen
            of each column; None derives rows from the model itself.
        original: the file, where it is open already.
        wish: what is asked of the grade, the inputs and the labels.

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
    from export.sklearn.estimator_artifact import draft_of_estimator
    from export.sklearn.graded.measured import Form

    form = Form(wish.labels, wish.inputs)
    return draft_of_estimator(
        original.model, path, name=name, rows=rows, form=form, exact=wish.exact, before_trees=wish.before_trees
    )
