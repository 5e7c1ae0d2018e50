"""A version as a run in MLflow's local file store, loadable by `mlflow.onnx` (extra `mlflow`)."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import onnx
import onnxruntime

from export.artifact.manifest import GRAPH_FILE, Manifest, read_manifest
from train.core.errors import PipelineError

# The local file store is asked for by name, and nothing is sent anywhere.
_SURROUNDINGS = {"MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_DISABLE_TELEMETRY": "true", "GIT_PYTHON_REFRESH": "quiet"}
_LONGEST = 500
_NAME = re.compile(r"[^\w\-. /]")


def require_mlflow() -> Any:
    """The library.

    Raises:
        PipelineError: it is not installed.
    """
    for name, value in _SURROUNDINGS.items():
        os.environ.setdefault(name, value)
    try:
        import mlflow
        import mlflow.onnx
    except ImportError as error:
        raise PipelineError(
            f"--mlflow needs the extra `mlflow` ({error}); install it: python -m pip install '.[mlflow]'"
        ) from error
    return mlflow


def log_version(folder: Path, store: Path, *, tags: Mapping[str, str] | None = None) -> str:
    """Log a version as one run of the experiment that bears the model's name.

    Args:
        folder: of the version; its hashes are checked.
        store: folder of the store, made where it is not there.
        tags: besides model, version, data and source.

    Returns:
        The URI that `mlflow.onnx.load_model` takes, with `mlflow.set_tracking_uri(store.as_uri())`.

    Raises:
        PipelineError: the extra is not installed, the version is damaged, or the store cannot be written.
    """
    mlflow = require_mlflow()
    manifest = read_manifest(folder)
    training = manifest.training
    before = mlflow.get_tracking_uri()
    said = {
        "model": manifest.model,
        "version": folder.name,
        "data.sha256": training.data.sha256 or "",
        "source": (training.provenance.source if training.provenance else None) or "",
        "graph.sha256": manifest.graph.sha256,
    }
    try:
        mlflow.set_tracking_uri(store.resolve().as_uri())
        mlflow.set_experiment(manifest.model)
        with mlflow.start_run(run_name=folder.name):
            mlflow.set_tags(said | dict(tags or {}))
            mlflow.log_params(dict(_parameters(manifest)))
            mlflow.log_metrics(dict(_metrics(manifest)))
            for path in sorted(folder.iterdir()):
                if path.is_file() and path.name != GRAPH_FILE:
                    mlflow.log_artifact(str(path))
            logged = mlflow.onnx.log_model(
                onnx.load(folder / GRAPH_FILE),
                name="model",
                pip_requirements=[f"onnx=={onnx.__version__}", f"onnxruntime=={onnxruntime.__version__}"],
            )
    except (mlflow.exceptions.MlflowException, OSError) as error:
        raise PipelineError(f"{store}: MLflow cannot log there: {' '.join(str(error).split())[:300]}") from error
    finally:
        mlflow.set_tracking_uri(before)
    return str(logged.model_uri)


def _parameters(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """What training was asked for, by dotted names."""
    training = manifest.training
    made = training.provenance.parameters if training.provenance else {}
    fields: dict[str, Any] = {
        "estimator": training.estimator,
        "random_state": training.random_state,
        "rows": training.data.rows,
    }
    todo: list[tuple[str, Any]] = list((fields | made).items())
    while todo:
        name, value = todo.pop()
        if isinstance(value, dict):
            todo += [(f"{name}.{key}", inner) for key, inner in value.items()]
        else:
            yield _NAME.sub("_", name), str(value)[:_LONGEST]


def _metrics(manifest: Manifest) -> Iterator[tuple[str, float]]:
    """Figures on unseen data, the ends of their intervals, and their baselines."""
    for row in manifest.quality:
        named = {"": row.value, " low": row.low, " high": row.high, f" of {row.baseline}": row.baseline_value}
        for suffix, value in named.items():
            if value is not None:
                yield _NAME.sub("_", row.metric + suffix), value
    yield "graph bytes", float(manifest.graph.bytes)
