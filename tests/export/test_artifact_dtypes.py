"""What Python writes in every dtype of the format, the Rust runtime reads, replays and answers."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from export.artifact.manifest import ParityEntry, read_manifest, tensor_entry
from export.artifact.version_folder import CURRENT, Draft, set_version, write_artifact
from export.graph import GraphBuilder, finish, tensor
from tests.support.places import ROOT
from train.core.contract import Column, Tensor
from train.core.errors import PipelineError
from train.core.records.record import DataRecord, TrainingRecord
from verify.runtimes.open import BINARY, onnxruntime_environment

PLACE = Tensor("place", ("batch",), (Column("place", meaning="where"),), dtype="string")
COUNT = Tensor("count", ("batch",), (Column("count", "contracts", 0.0, 1e6, integer=True),), dtype="int64")
PRICE = Tensor("price", ("batch", "side"), (Column("bid", "$", 0.0), Column("ask", "$", missing=True)), dtype="float32")
NAME = Tensor("name", ("batch",), dtype="string")
MORE = Tensor("more", ("batch",), dtype="int64")
TWICE = Tensor("twice", ("batch", "side"), dtype="float32")
SUM = Tensor("sum", ("batch",), dtype="float64")
KINDS = {
    "string": TensorProto.STRING,
    "int64": TensorProto.INT64,
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
}


@pytest.fixture
def draft() -> Draft:
    """Strings pass through, whole numbers gain one, prices double, and their sum is widened."""
    build = GraphBuilder()
    build.output(build.node("Identity", "place"), "name")
    build.output(build.node("Add", "count", build.constant(1, np.int64)), "more")
    build.output(build.node("Add", "price", "price"), "twice")
    wide = build.node("Cast", "price", to=TensorProto.DOUBLE)
    build.output(build.node("ReduceSum", wide, build.constant([1], np.int64), keepdims=0), "sum")

    def described(tensors: tuple[Tensor, ...]) -> list[object]:
        return [tensor(one.name, KINDS[one.dtype], ["batch", *([2] if len(one.axes) > 1 else [])]) for one in tensors]

    inputs, outputs = (PLACE, COUNT, PRICE), (NAME, MORE, TWICE, SUM)
    body = helper.make_graph(build.nodes, "mixed", described(inputs), described(outputs), build.initializers)
    places = np.array(["Zürich", "", 'a "quoted" place'], dtype=object)
    counts = np.array([0, 7, 2**53 // 2**33])
    prices = np.array([[0.1, 0.2], [1.5, np.nan], [3e10, 1e-20]], dtype=np.float32)
    record = TrainingRecord(
        model="mixed",
        estimator="none",
        data=DataRecord(source="none", rows=0),
        random_state=None,
        seconds=0.0,
        libraries={},
        quality=[],
        feature_ranges={},
        settings={},
        sample={},
    )

    def entries(tensors: tuple[Tensor, ...]) -> list[object]:
        return [tensor_entry(one, ["batch", *([2] if len(one.axes) > 1 else [])], {}) for one in tensors]

    return Draft(
        record=record,
        task="transformer",
        graph=finish(body, name="mixed"),
        inputs=entries(inputs),  # type: ignore[arg-type]
        outputs=entries(outputs),  # type: ignore[arg-type]
        parity=ParityEntry(reference="NumPy", absolute=0.0, relative=0.0),
        golden_inputs={"place": places, "count": counts, "price": prices},
        golden_outputs={
            "name": places,
            "more": counts + 1,
            "twice": prices + prices,
            "sum": prices.astype(np.float64).sum(axis=1),
        },
    )


def rust(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(ROOT / BINARY), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=onnxruntime_environment(),
    )


def written(draft: Draft, root: Path) -> Path:
    folder = write_artifact(root, draft)
    set_version(folder.parent, CURRENT, folder.name)
    return folder


def test_every_dtype_is_replayed_by_rust(draft: Draft, tmp_path: Path) -> None:
    folder = written(draft, tmp_path)
    assert [entry.dtype for entry in read_manifest(folder).inputs] == ["string", "int64", "float32"]
    done = rust("check", str(folder.parent))
    assert done.returncode == 0, done.stderr
    assert "3 golden cases" in done.stdout


@pytest.mark.parametrize("name", ["name", "more", "twice", "sum"])
def test_one_wrong_golden_value_of_any_dtype_is_caught_by_rust(name: str, draft: Draft, tmp_path: Path) -> None:
    wrong = {key: array.copy() for key, array in draft.golden_outputs.items()}
    value = wrong[name].flat[2]
    wrong[name].flat[2] = (
        value + " " if isinstance(value, str) else value + 1 if name == "more" else np.nextafter(value, 0)
    )
    done = rust("check", str(written(replace(draft, golden_outputs=wrong), tmp_path).parent))
    assert done.returncode == 1, done.stdout
    assert name in done.stderr


def test_a_row_of_every_dtype_is_answered_from_the_shell(draft: Draft, tmp_path: Path) -> None:
    folder = written(draft, tmp_path)
    done = rust("run", str(folder.parent), json.dumps({"place": "Genève", "count": 41, "bid": 0.5, "ask": None}))
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["name"], answer["more"], answer["sum"]) == ("Genève", 42, None)


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ({"count": 1, "bid": 1, "ask": 1}, "place"),
        ({"place": 3, "count": 1, "bid": 1, "ask": 1}, "place"),
        ({"place": "x", "count": 1.5, "bid": 1, "ask": 1}, "count"),
        ({"place": "x", "count": -1, "bid": 1, "ask": 1}, "count"),
        ({"place": "x", "count": "many", "bid": 1, "ask": 1}, "count"),
        ({"place": "x", "count": 1, "bid": None, "ask": 1}, "bid"),
        ({"place": "x", "count": 1, "bid": -0.5, "ask": 1}, "bid"),
        ({"place": "x", "count": 1, "bid": 1, "ask": [1]}, "ask"),
    ],
)
def test_a_wrong_value_is_named_by_its_column(row: dict[str, object], named: str, draft: Draft, tmp_path: Path) -> None:
    folder = written(draft, tmp_path)
    done = rust("run", str(folder.parent), json.dumps(row))
    assert done.returncode == 2
    assert named in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_a_golden_case_that_is_infinite_is_not_written(draft: Draft, tmp_path: Path) -> None:
    endless = {**draft.golden_outputs, "sum": np.array([1.0, np.inf, 2.0])}
    with pytest.raises(PipelineError, match="infinite"):
        write_artifact(tmp_path, replace(draft, golden_outputs=endless))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (replace(COUNT, columns=(Column("count", missing=True),)), "only a float can be missing"),
        (replace(PLACE, columns=(Column("place", maximum=3.0),)), "limits of numbers"),
        (replace(COUNT, columns=(Column("place"),)), "'place' stands twice"),
        (replace(COUNT, name="place", columns=()), "'place' stands twice"),
        (replace(COUNT, columns=(Column("a"), Column("b"))), "2 columns for a last axis of 1"),
    ],
)
def test_a_contract_beyond_the_format_is_not_written(change: Tensor, said: str, draft: Draft, tmp_path: Path) -> None:
    def write() -> None:
        entry = tensor_entry(change, ["batch"], {})
        write_artifact(tmp_path, replace(draft, inputs=[draft.inputs[0], entry, draft.inputs[2]]))

    with pytest.raises((PipelineError, ValueError), match=said):
        write()
    assert list(tmp_path.iterdir()) == []
