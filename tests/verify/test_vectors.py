"""Golden vectors: ONNX's own backend-test runner replays them, and sees a changed graph."""

import json
import shutil
import unittest
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnx.backend.test
import onnx.backend.test.runner
import onnxruntime.backend
import pytest
from onnx import numpy_helper
from onnx.backend.test.case.test_case import TestCase
from onnx.backend.test.loader import load_model_tests

from export.artifact.manifest import GRAPH_FILE, ParityEntry, TensorEntry, read_manifest
from export.artifact.vectors import vector_files
from export.artifact.version_folder import CURRENT, version_folder
from export.onnx_session import open_session
from tests.support.places import ROOT
from tests.support.verified import build_house, change_one_number, run_verify, with_graph
from train.core.files import read_bytes
from train.registry import models
from verify.check.golden import golden_tensors


def replayed(folder: Path, scratch: Path) -> unittest.TestResult:
    """What ONNX's loader and runner say of one folder, onnxruntime's own backend answering with one thread."""
    shutil.copytree(folder, scratch / "real" / "test_golden")

    def load(kind: str) -> list[TestCase]:
        # Those that ONNX ships are not asked for here.
        return load_model_tests(str(scratch), kind) if kind == "real" else []

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx.backend.test.runner, "load_model_tests", load)
        one_thread = {"test_golden": {"intra_op_num_threads": 1}}
        runner = onnx.backend.test.BackendTest(onnxruntime.backend, __name__, test_kwargs=one_thread)
    result = unittest.TestResult()
    runner.test_suite.run(result)
    assert result.testsRun - len(result.skipped) == 1
    assert not result.errors, result.errors[0][1]
    return result


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    return build_house(tmp_path_factory.mktemp("vectors"))


def candidate(house) -> Path:
    return version_folder(house.model_folder, "candidate.json")


def test_onnx_own_runner_replays_what_export_wrote_to_the_last_bit(house, tmp_path) -> None:
    assert not replayed(candidate(house), tmp_path).failures


@pytest.mark.parametrize("which", ["test_data_set_0", "test_data_set_1"])
def test_it_sees_one_wrong_number_in_either_set(house, which, tmp_path, monkeypatch, capsys) -> None:
    assert run_verify(["vectors", str(candidate(house)), "-o", str(tmp_path / "v")], monkeypatch, capsys).code == 0
    path = tmp_path / "v" / which / "output_0.pb"
    tensor = onnx.load_tensor(path)
    answers = numpy_helper.to_array(tensor).copy()
    answers[-1] = np.nextafter(answers[-1], 1.0)
    onnx.save_tensor(numpy_helper.from_array(answers, tensor.name), path)
    assert len(replayed(tmp_path / "v", tmp_path / "s").failures) == 1


def test_it_sees_a_changed_graph(house, tmp_path) -> None:
    changed = house
    for leaf in range(40):
        changed = with_graph(changed, change_one_number("leaf_weights", leaf, 0.01))
    assert len(replayed(candidate(changed), tmp_path).failures) == 1


@pytest.mark.parametrize("name", models())
def test_the_versions_in_use_have_vectors_made_from_their_golden_cases(name, tmp_path) -> None:
    folder = version_folder(ROOT / "artifacts" / name, CURRENT)
    assert folder is not None
    manifest = read_manifest(folder)
    inputs, outputs = golden_tensors(folder, manifest)
    for path, content in vector_files(
        manifest.inputs, manifest.outputs, inputs, outputs, parity=manifest.parity
    ).items():
        assert (folder / path).read_bytes() == content, path
    if set(manifest.graph.opset) <= {"ai.onnx", "ai.onnx.ml"}:
        assert not replayed(folder, tmp_path).failures
        return
    # ONNX's runner passes over a graph with an operator set of somebody else's: onnxruntime is asked without it.
    answers = open_session(read_bytes(folder / GRAPH_FILE)).run(None, inputs)
    for answer, expected in zip(answers, outputs.values(), strict=True):
        np.testing.assert_allclose(answer, expected, rtol=manifest.parity.relative, atol=manifest.parity.absolute)


def test_vectors_keep_types_order_and_missing_values() -> None:
    entries = [
        TensorEntry(name=f"x{dtype}", dtype=dtype, shape=["batch", 2], columns=[])
        for dtype in ("float64", "float32", "int64", "string")
    ]
    cases = {
        "xfloat64": np.array([[1.0, np.nan], [-0.0, 5e-324]]),
        "xfloat32": np.array([[0.1, 2.0], [3.0, np.nan]]),
        "xint64": np.array([[2**62, -1], [0, 1]]),
        "xstring": np.array([["a", "ä\n<b>"], ["", "c"]], dtype=object),
    }
    files = vector_files(
        entries, entries[:1], cases, cases, parity=ParityEntry(reference="", absolute=0, relative=1e-6)
    )
    assert len(files) == 11
    assert json.loads(files["data.json"]) == {"atol": 0.0, "rtol": 1e-6}
    for place, entry in enumerate(entries):
        both = onnx.TensorProto.FromString(files[f"test_data_set_0/input_{place}.pb"])
        assert both.name == entry.name
        found = numpy_helper.to_array(both)
        if entry.dtype == "string":
            assert found.tolist() == cases[entry.name].tolist()
        else:
            assert found.dtype == entry.dtype
            assert found.tobytes() == cases[entry.name].astype(entry.dtype).tobytes()
        last = numpy_helper.to_array(onnx.TensorProto.FromString(files[f"test_data_set_1/input_{place}.pb"]))
        assert last.shape == (1, 2)


def test_the_same_draft_gives_the_same_vectors(house, tmp_path) -> None:
    from export.artifact.version_folder import write_artifact

    again = write_artifact(tmp_path, replace(house.draft))
    paths = sorted(str(path.relative_to(again)) for path in again.glob("test_data_set_*/*.pb"))
    assert paths == [f"test_data_set_{n}/{side}_0.pb" for n in (0, 1) for side in ("input", "output")]
    first = next(folder for folder in house.model_folder.iterdir() if folder.name == again.name)
    assert all((again / path).read_bytes() == (first / path).read_bytes() for path in paths)


@pytest.mark.parametrize("out", ["here", "file"])
def test_a_place_that_is_taken_and_a_folder_that_is_no_artifact_are_exit_2(
    out, house, tmp_path, monkeypatch, capsys
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "here").mkdir()
    ended = run_verify(["vectors", str(candidate(house)), "-o", str(tmp_path / out)], monkeypatch, capsys)
    assert ended.code == 2
    assert "is there already" in ended.err
    ended = run_verify(["vectors", str(tmp_path / "here")], monkeypatch, capsys)
    assert ended.code == 2
    assert ended.err.count("\n") == 1
