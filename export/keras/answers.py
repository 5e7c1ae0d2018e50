"""What Keras answers, by the names of the graph's outputs."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from train.core.errors import PipelineError

Array = npt.NDArray[Any]


def keras_answers(model: Any, batch: Mapping[str, Array]) -> dict[str, Array]:
    """What Keras answers, by the names that the graph gives its outputs."""
    import keras

    given = [batch[value.name] for value in model.inputs]
    structured = keras.tree.pack_sequence_as(model._inputs_struct, given) if len(given) > 1 else given[0]
    try:
        answers = model(structured, training=False)
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else ""
        raise PipelineError(
            f"{model.name}: Keras itself does not answer the seeded batch: {type(error).__name__}: {reason[:200]}"
        ) from error
    return {name: np.asarray(value) for name, value in named_answers(model, answers).items()}


def output_structure(model: Any) -> Any:
    """The tensors that a model gives, in the structure that it gives them."""
    structure = getattr(model, "_outputs_struct", None)
    return model.outputs if structure is None else structure


def named_answers(model: Any, answers: Any) -> dict[str, Any]:
    """Answers by the names of the graph's outputs: the keys of a dict, else the layers that make them, each once."""
    import keras

    if isinstance(answers, dict) and not any(isinstance(value, dict | list | tuple) for value in answers.values()):
        return {str(key): value for key, value in answers.items()}
    found: dict[str, Any] = {}
    taken = {value.name for value in model.inputs}
    for value, answer in zip(model.outputs, keras.tree.flatten(answers), strict=True):
        name = str(value._keras_history.operation.name)
        while name in taken:
            name += "_answer"
        taken.add(name)
        found[name] = answer
    return found
