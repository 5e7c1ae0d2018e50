"""The two grades of a compiled model, and how a graph says which one it has."""

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

import onnx
from onnx import helper

from train.core.errors import PipelineError

KEY = "dollarbill.grade"
"""Custom metadata of a graph: the fields of its `Grade` as JSON."""


@dataclass(frozen=True)
class Grade:
    """How near a graph is to its original.

    Attributes:
        kind: "exact": every part is this compiler's own, see `absolute`; "measured": a part came from its library's
            converter, and the tolerance is what was seen, not what is proven.
        absolute: in parity when abs(x - y) <= absolute + relative * abs(y), y being the original's answer; both 0 means
            bit for bit.
        relative: see `absolute`.
        converter: of "measured": whose parts stand in the graph.
        parts: of "measured": their names, each with the reason why it has no exact form.
        how: of "measured": how the tolerance was found, in words.
        rows: of "measured": how many rows were compared.
        seed: of those rows.
        largest: of "measured": the largest difference that was seen.
        limit: of "measured": it holds for rows whose numbers are of this size at most; 0 for any.
    """

    kind: Literal["exact", "measured"]
    absolute: float
    relative: float
    converter: str = ""
    parts: tuple[str, ...] = ()
    how: str = ""
    rows: int = 0
    seed: int = 0
    largest: float = 0.0
    limit: float = 0.0

    @property
    def says(self) -> str:
        """The grade in one line."""
        if self.kind == "measured":
            by = f" by {self.converter}" if self.converter else ""
            range_ = f" for numbers up to {self.limit:g}" if self.limit else ""
            return f"measured: within {self.absolute:.3g}{range_} ({self.how}); parts without an exact form{by}: " + (
                "; ".join(self.parts)
            )
        if self.absolute == self.relative == 0.0:
            return "exact: to the last bit"
        return f"exact: within {self.absolute:.3g} absolute, {self.relative:.3g} relative"

    def fields(self) -> dict[str, Any]:
        """For a manifest; an exact grade has its tolerance alone."""
        found: dict[str, Any] = {"kind": self.kind, "absolute": self.absolute, "relative": self.relative}
        if self.kind == "measured":
            found |= asdict(self) | {"parts": list(self.parts)}
        return found


def stamped(model: onnx.ModelProto, grade: Grade) -> onnx.ModelProto:
    """The same graph, which names its grade in its metadata."""
    known = {entry.key: entry.value for entry in model.metadata_props}
    known[KEY] = json.dumps(grade.fields(), sort_keys=True)
    del model.metadata_props[:]
    helper.set_model_props(model, dict(sorted(known.items())))
    return model


def grade_of(model: onnx.ModelProto) -> Grade:
    """The grade of a graph that `stamped` has named; exact to the last bit where none is named."""
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    return grade_in(metadata, where=f"graph {model.graph.name}") or Grade("exact", 0.0, 0.0)


def grade_in(metadata: dict[str, str], *, where: str) -> Grade | None:
    """The grade that a graph names, from its custom metadata; None where it names none (other converters' graphs).

    Raises:
        PipelineError: it names one that cannot be read.
    """
    text = metadata.get(KEY)
    if text is None:
        return None
    try:
        fields = json.loads(text)
        grade = Grade(**(fields | {"parts": tuple(str(part) for part in fields.get("parts", ()))}))
        sound = grade.kind in ("exact", "measured") and grade.absolute >= 0.0 and grade.relative >= 0.0
    except (ValueError, TypeError, AttributeError):
        sound = False
    if not sound:
        raise PipelineError(f"{where}: metadata {KEY!r} is no grade: {text[:80]!r}; compile the model again")
    return grade


@dataclass(frozen=True)
class Wish:
    """What a caller asks of the grade and, of a graph alone, of its inputs.

    Attributes:
        exact: refuse what would be measured.
        before_trees: let measured parts stand in front of trees.
        inputs: see `export.sklearn.graph_inputs`; None as the model needs.
        numbers: the type of inputs that are no text.
        labels: of an artifact: also what `predict` answers.
    """

    exact: bool = False
    before_trees: bool = False
    inputs: Literal["table", "columns"] | None = None
    numbers: Literal["float64", "float32"] = "float64"
    labels: bool = False


NO_WISH = Wish()
