"""A version folder is whole or absent, named by its content, and refused when a byte of it was changed."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from export.artifact.manifest import GOLDEN_FILE, GRAPH_FILE, MANIFEST_FILE, ParityEntry, read_manifest, tensor_entry
from export.artifact.version_folder import CANDIDATE, CURRENT, Draft, set_version, version_folder, write_artifact
from export.graph import GraphBuilder, finish, tensor
from train.core.errors import PipelineError
from train.core.files import json_bytes
from train.core.records.record import DataRecord, QualityRow, TrainingRecord
from train.signal_classifier.contract import SIGNAL_CLASSIFIER, SIGNAL_INPUT, SIGNAL_OUTPUT


@pytest.fixture
def draft() -> Draft:
    record = TrainingRecord(
        model=SIGNAL_CLASSIFIER,
        estimator="mean of the row",
        data=DataRecord(source="none", rows=1),
        random_state=0,
        seconds=1.25,
        libraries={"python": "3.11"},
        quality=[QualityRow(metric="accuracy", value=0.6, baseline="coin", baseline_value=0.5, higher_is_better=True)],
        feature_ranges={"delta": (-0.5, 0.5)},
        settings={},
        sample={"features": [[0.0] * 8]},
    )
    builder = GraphBuilder()
    axis = builder.constant([1], np.int64)
    builder.output(builder.node("ReduceMean", "features", axis, keepdims=0), "confidence")
    graph = helper.make_graph(
        builder.nodes,
        "g",
        [tensor("features", TensorProto.DOUBLE, ["batch", 8])],
        [tensor("confidence", TensorProto.DOUBLE, ["batch"])],
        builder.initializers,
    )
    return Draft(
        record=record,
        task="classifier",
        graph=finish(graph, name="mean"),
        inputs=[tensor_entry(SIGNAL_INPUT, ["batch", 8], record.feature_ranges)],
        outputs=[tensor_entry(SIGNAL_OUTPUT, ["batch"], {})],
        parity=ParityEntry(reference="numpy mean", absolute=0.0, relative=0.0),
        golden_inputs={"features": np.array([[0.5] * 8, [np.nan] * 8])},
        golden_outputs={"confidence": np.array([0.5, np.nan])},
        settings={},
    )


def test_a_written_artifact_is_read_back_as_it_was_meant(draft: Draft, tmp_path: Path) -> None:
    folder = write_artifact(tmp_path, draft)
    manifest = read_manifest(folder)
    delta = manifest.inputs[0].columns[1]
    assert (delta.name, delta.minimum, delta.trained_maximum) == ("delta", -1.0, 0.5)
    assert manifest.golden.cases == 2
    assert json.loads((folder / GOLDEN_FILE).read_text())["outputs"]["confidence"] == [0.5, None]
    assert version_folder(tmp_path / SIGNAL_CLASSIFIER, CANDIDATE) == folder
    assert version_folder(tmp_path / SIGNAL_CLASSIFIER, CURRENT) is None
    assert "accuracy | 0.6000" in (folder / "model_card.md").read_text()


def test_the_same_draft_gives_the_same_version_and_bytes(draft: Draft, tmp_path: Path) -> None:
    one, two = write_artifact(tmp_path / "one", draft), write_artifact(tmp_path / "two", draft)
    assert one.name == two.name
    for path in one.rglob("*.*"):
        assert path.read_bytes() == (two / path.relative_to(one)).read_bytes()
    assert write_artifact(tmp_path / "one", draft) == one


def test_how_long_training_took_does_not_change_the_version(draft: Draft, tmp_path: Path) -> None:
    slower = replace(draft, record=draft.record.model_copy(update={"seconds": 99.0}))
    assert write_artifact(tmp_path / "one", draft).name == write_artifact(tmp_path / "two", slower).name


def test_another_golden_bit_is_another_version(draft: Draft, tmp_path: Path) -> None:
    other = replace(draft, golden_outputs={"confidence": np.array([np.nextafter(0.5, 1), np.nan])})
    assert write_artifact(tmp_path, draft).name != write_artifact(tmp_path, other).name


@pytest.mark.parametrize("name", [GRAPH_FILE, GOLDEN_FILE, MANIFEST_FILE])
def test_one_changed_byte_is_refused(name: str, draft: Draft, tmp_path: Path) -> None:
    folder = write_artifact(tmp_path, draft)
    content = bytearray((folder / name).read_bytes())
    # A blank more is still JSON, and in a graph it is a byte that a parser may well ignore.
    (folder / name).write_bytes(bytes(content) + b" ")
    with pytest.raises(PipelineError, match="changed after it was written"):
        read_manifest(folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format_version": 3}, "'format_version'"),
        ({"surprise": 1}, "'surprise'"),
        ({"session": {"intra_op_num_threads": 4}}, "'session.intra_op_num_threads'"),
        ({"parity": {"reference": "x", "absolute": -1.0, "relative": 0.0}}, "'parity.absolute'"),
        ({"graph": {"file": "../model.onnx", "sha256": "0" * 64, "bytes": 1, "opset": {}}}, "'graph.file'"),
    ],
)
def test_a_manifest_beyond_the_format_is_refused_by_field(
    change: dict[str, object], said: str, draft: Draft, tmp_path: Path
) -> None:
    folder = write_artifact(tmp_path, draft)
    path = folder / MANIFEST_FILE
    path.write_bytes(json_bytes(json.loads(path.read_text()) | change))
    with pytest.raises(PipelineError, match=said):
        read_manifest(folder)


def test_a_folder_that_cannot_be_written_leaves_nothing_behind(draft: Draft, tmp_path: Path) -> None:
    (tmp_path / SIGNAL_CLASSIFIER).write_text("a file where the folder should be")
    with pytest.raises(PipelineError, match="cannot write"):
        write_artifact(tmp_path, draft)
    assert [path.name for path in tmp_path.iterdir()] == [SIGNAL_CLASSIFIER]


def test_a_full_disk_leaves_no_half_written_version(
    draft: Draft, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_version(tmp_path / SIGNAL_CLASSIFIER, CURRENT, "0" * 12)

    def no_space(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_space)
    with pytest.raises(PipelineError, match="No space left on device"):
        write_artifact(tmp_path, draft)
    assert [path.name for path in (tmp_path / SIGNAL_CLASSIFIER).iterdir() if path.name != ".lock"] == [CURRENT]


@pytest.mark.parametrize(
    "content", ['{"version": "../../etc"}', '{"version": 1}', "[]", '{"version": "0123456789ab", "more": 1}']
)
def test_a_version_that_is_no_version_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / CURRENT).write_text(content)
    with pytest.raises(PipelineError, match="12 hex digits"):
        version_folder(tmp_path, CURRENT)
