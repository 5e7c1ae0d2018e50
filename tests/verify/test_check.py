"""`python -m verify MODEL` end to end on a small forest: what is in parity is promoted, and nothing else ever is."""

import json
import re
import shutil

import pytest
from onnx import helper

from export.artifact.version_folder import version_folder, write_artifact
from tests.support.verified import House, build_house, change_one_number, run_verify, with_graph
from train.signal_classifier.contract import SIGNAL_CLASSIFIER
from verify.check.promote import promote
from verify.comparison.parity import ParityResult, Tolerance, compare
from verify.proof.split_evidence import SplitProof

pytestmark = pytest.mark.slow

SIGNAL = (
    '{"edge_percent": 15.5, "delta": 0.65, "gamma": 0.004, "vega": 45.2, "theta": -8.5, "volume": 1200, '
    '"open_interest": 8500, "days_to_expiry": 45}'
)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return build_house(tmp_path_factory.mktemp("house"))


@pytest.fixture
def house(built, tmp_path):
    """A copy of the house, to be spoiled."""
    shutil.copytree(built.source, tmp_path / "models")
    shutil.copytree(built.artifacts, tmp_path / "artifacts")
    return House(tmp_path / "models", tmp_path / "artifacts", built.draft)


@pytest.fixture
def verify(monkeypatch, capsys):
    def run(house, *more, runtime="python"):
        arguments = house.arguments(SIGNAL_CLASSIFIER, "--rows", "3000", "--runtime", runtime, *more)
        return run_verify(arguments, monkeypatch, capsys)

    return run


def version(house, which):
    folder = version_folder(house.model_folder, which)
    return None if folder is None else folder.name


def test_a_candidate_in_parity_becomes_current(house, verify):
    candidate = version(house, "candidate.json")
    ended = verify(house)
    assert ended.code == 0
    assert "in parity" in ended.out
    assert "(100 %)" in ended.out
    assert version(house, "current.json") == candidate
    assert version(house, "candidate.json") is None
    proof = json.loads((house.model_folder / candidate / "parity.json").read_text())
    assert proof["runtimes"]["python"]["mismatched"] == 0
    assert proof["splits"]["visited"] == proof["splits"]["told_apart"] == proof["splits"]["all"] > 0
    assert proof["nan_routes"]["undecided"] == 0


def test_what_a_simple_baseline_beats_stays_a_candidate_unless_forced(house, verify):
    candidate = version(house, "candidate.json")
    path = house.source / SIGNAL_CLASSIFIER / "training.json"
    record = json.loads(path.read_text())
    record["settings"]["beaten_by"] = ["base rate: Brier 0.2000, the model's 0.2100"]
    path.write_text(json.dumps(record))
    ended = verify(house)
    assert ended.code == 1
    assert "base rate: Brier 0.2000" in ended.out
    assert "--force" in ended.out
    assert version(house, "candidate.json") == candidate
    assert version(house, "current.json") is None
    assert verify(house, "--force").code == 0
    assert version(house, "current.json") == candidate
    assert verify(house).code == 0, "what is in use already may be checked again"


def test_the_proof_is_written_once_and_the_current_version_can_be_checked_again(house, verify):
    verify(house)
    path = house.model_folder / version(house, "current.json") / "parity.json"
    first = path.read_bytes()
    assert verify(house, "--seed", "5").code == 0
    assert path.read_bytes() == first


def test_the_rust_binary_gives_the_same_bits(house, verify):
    ended = verify(house, runtime="python,rust")
    assert ended.code == 0, ended.err
    assert len(re.findall(r"│ rust +│", ended.out)) >= 5


@pytest.mark.parametrize(
    ("attribute", "by"), [("leaf_weights", 0.01), ("leaf_weights", 0.0), ("nodes_splits", 0.0), ("nodes_splits", 2.0)]
)
def test_one_changed_number_in_the_graph_is_never_promoted(house, verify, attribute, by):
    verify(house)
    before = version(house, "current.json")
    changed = with_graph(house, change_one_number(attribute, 3, by))
    ended = verify(changed)
    assert ended.code == 1
    assert "NOT in parity" in ended.out
    assert "edge_percent=" in ended.out
    assert "cause on" in ended.out
    assert version(changed, "current.json") == before
    assert not (house.model_folder / version(changed, "candidate.json") / "parity.json").exists()


def test_every_split_of_the_graph_moved_by_one_ulp_alone_is_caught(house, verify):
    operator = next(node for node in house.draft.graph.graph.node if node.op_type == "TreeEnsemble")
    splits = len(helper.get_node_attr_value(operator, "nodes_featureids"))
    for position in range(0, splits, splits // 6):
        assert verify(with_graph(house, change_one_number("nodes_splits", position, 0.0)), "--rows", "0").code == 1


def test_a_missing_original_leaves_golden_replay_alone_and_proves_nothing(house, verify):
    (house.source / SIGNAL_CLASSIFIER / "model.skops").unlink()
    ended = verify(house)
    assert ended.code == 2
    assert "only its golden cases were replayed" in ended.out
    assert version(house, "current.json") is None


def test_a_missing_original_does_not_hide_a_wrong_golden_answer(house, verify):
    (house.source / SIGNAL_CLASSIFIER / "model.skops").unlink()
    operator = next(node for node in house.draft.graph.graph.node if node.op_type == "TreeEnsemble")
    leaves = len(helper.get_node_attr_value(operator, "leaf_targetids"))
    changed = house
    for leaf in range(leaves):
        changed = with_graph(changed, change_one_number("leaf_weights", leaf, 0.01))
    assert verify(changed).code == 1


def spoil_graph(house):
    path = next(house.model_folder.glob("*/model.onnx"))
    path.write_bytes(path.read_bytes()[:-1] + b"\0")


def spoil_golden(house):
    path = next(house.model_folder.glob("*/golden/cases.json"))
    path.write_text(path.read_text().replace("1", "2", 1))


def spoil_original(house):
    (house.source / SIGNAL_CLASSIFIER / "model.skops").write_bytes(b"not a zip file")


def another_original(house):
    other = build_house(house.source.parent / "other")
    from sklearn.tree import DecisionTreeClassifier

    from tests.support.verified import signals
    from train.core.skops_files import save_skops

    rows = signals(100, seed=9)
    tree = DecisionTreeClassifier(random_state=0).fit(rows, (rows[:, 2] > 0.1).astype(int))
    save_skops(tree, house.source / SIGNAL_CLASSIFIER / "model.skops")
    assert other.source.is_dir()


FAULTS = {
    "no artifact": (lambda h: shutil.rmtree(h.model_folder), "run `python -m export signal_classifier` first"),
    "names a version that is not there": (
        lambda h: (h.model_folder / "candidate.json").write_text('{"version": "0123456789ab"}'),
        "names version 0123456789ab",
    ),
    "names a path": (
        lambda h: (h.model_folder / "candidate.json").write_text('{"version": "../../etc"}'),
        "12 hex digits",
    ),
    "not JSON": (lambda h: (h.model_folder / "candidate.json").write_text("{"), "not JSON"),
    "graph changed": (spoil_graph, "'graph.sha256'"),
    "golden cases changed": (spoil_golden, "'golden.sha256'"),
    "graph missing": (lambda h: next(h.model_folder.glob("*/model.onnx")).unlink(), "model.onnx"),
    "manifest missing": (lambda h: next(h.model_folder.glob("*/manifest.json")).unlink(), "manifest.json"),
    "original damaged": (spoil_original, "not a skops model"),
    "another original": (another_original, "not the model that this version was made from"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_be_checked_ends_with_one_line_and_exit_2(house, verify, fault):
    spoil, message = FAULTS[fault]
    spoil(house)
    ended = verify(house)
    assert ended.code == 2
    assert ended.err.startswith("error: ")
    assert ended.err.count("\n") == 1
    assert message in ended.err
    assert not (house.model_folder / "current.json").exists()


def test_a_missing_rust_binary_names_make(house, verify, monkeypatch, tmp_path):
    monkeypatch.setattr("verify.runtimes.open.RustRuntime.__init__.__defaults__", (tmp_path / "none", "rust"))
    ended = verify(house, runtime="rust")
    assert ended.code == 2
    assert "run `make`" in ended.err


FAKE_BINARY = """#!/bin/sh
# arguments: evaluate VERSION --input ROWS --output ANSWERS, or check VERSION
[ "$1" = check ] && {check}
rows=$(( $(wc -c < "$4") / 64 ))
{evaluate}
"""
ZEROS = 'head -c $(( rows * 8 )) /dev/zero > "$6"'


@pytest.mark.parametrize(
    ("check", "evaluate", "code", "message"),
    [
        ("exit 0", ZEROS, 1, "NOT in parity"),
        ("{ echo 'error: golden case 3 differs' >&2; exit 2; }", ZEROS, 1, "golden case 3 differs"),
        ("exit 0", 'head -c 8 /dev/zero > "$6"', 2, "1 answers for 32 rows"),
        ("exit 0", "echo 'error: no onnxruntime library' >&2; exit 2", 2, "no onnxruntime library"),
        ("exit 0", "exit 0", 2, "answers.f64"),
    ],
    ids=["wrong answers", "golden replay fails", "too few answers", "evaluate fails", "no answers"],
)
def test_a_binary_that_answers_wrongly_is_caught(house, verify, monkeypatch, tmp_path, check, evaluate, code, message):
    binary = tmp_path / "dollarbill-ml"
    binary.write_text(FAKE_BINARY.format(check=check, evaluate=evaluate))
    binary.chmod(0o755)
    monkeypatch.setattr("verify.runtimes.open.RustRuntime.__init__.__defaults__", (binary, "rust"))
    ended = verify(house, runtime="python,rust")
    assert ended.code == code
    assert message in ended.out + ended.err
    assert version(house, "current.json") is None


def test_an_unknown_runtime_is_named(house, verify):
    ended = verify(house, runtime="python,node")
    assert ended.code == 2
    assert "no runtime 'node'" in ended.err


def test_a_graph_with_another_output_name_is_refused(house, verify):
    graph = type(house.draft.graph)()
    graph.CopyFrom(house.draft.graph)
    graph.graph.output[0].name = "probability"
    for node in graph.graph.node:
        node.output[:] = ["probability" if name == "confidence" else name for name in node.output]
    from dataclasses import replace

    write_artifact(house.artifacts, replace(house.draft, graph=graph))
    ended = verify(house)
    assert ended.code == 2
    assert "outputs are ['probability']" in ended.err


def test_a_result_out_of_parity_cannot_be_promoted(house):
    folder = version_folder(house.model_folder, "candidate.json")
    wrong = compare([1.0], [2.0])
    for results in ({}, {"python": ParityResult()}, {"python": wrong}):
        with pytest.raises(ValueError, match="only a version in parity"):
            promote(folder, results, tolerance=Tolerance(), proof=SplitProof())
    assert version(house, "current.json") is None


def test_the_report_holds_tables_and_picture_and_escapes_names(house, verify, tmp_path):
    ended = verify(house, "--report", str(tmp_path / "report.html"))
    page = (tmp_path / "report.html").read_text()
    assert ended.code == 0
    assert "&lt;Brier&gt;" in page
    assert "<Brier>" not in page
    assert "data:image/png;base64,iVBOR" in page
    assert "splits +-1 ulp" in page


def test_a_report_that_cannot_be_written_is_exit_2(house, verify, tmp_path):
    (tmp_path / "file").write_text("")
    ended = verify(house, "--report", str(tmp_path / "file" / "report.html"))
    assert ended.code == 2
    assert "cannot write" in ended.err


def test_explain_gives_the_same_bits_for_every_side(house, monkeypatch, capsys):
    arguments = ["explain", *house.arguments(SIGNAL_CLASSIFIER, SIGNAL, "--runtime", "python")]
    ended = run_verify(arguments, monkeypatch, capsys)
    answers = re.findall(r"(0\.\d+) \((0x[0-9a-f]{16})\)", ended.out)
    assert ended.code == 0
    assert len(answers) == 2
    assert answers[0] == answers[1]
    assert "all 8 trees end in the same leaf" in ended.out


def test_explain_names_the_tree_that_parts(house, monkeypatch, capsys):
    leaves = len(
        helper.get_node_attr_value(
            next(node for node in house.draft.graph.graph.node if node.op_type == "TreeEnsemble"), "leaf_targetids"
        )
    )
    changed = house
    for leaf in range(leaves):
        changed = with_graph(changed, change_one_number("leaf_weights", leaf, 0.001 * (1 + leaf)))
    arguments = ["explain", *changed.arguments(SIGNAL_CLASSIFIER, SIGNAL, "--runtime", "python")]
    ended = run_verify(arguments, monkeypatch, capsys)
    assert ended.code == 1
    assert "NOT in parity" in ended.out
    assert re.search(r"tree \d+: the original ends in a leaf of", ended.out)


@pytest.mark.parametrize(
    ("signal", "message"),
    [
        ("{", "not JSON"),
        ('{"delta": 1}', "missing"),
        (SIGNAL.replace("0.65", "7"), "'delta'"),
        ("none.json", "none.json"),
    ],
)
def test_explain_refuses_a_bad_signal(house, monkeypatch, capsys, signal, message):
    ended = run_verify(["explain", *house.arguments(SIGNAL_CLASSIFIER, signal)], monkeypatch, capsys)
    assert ended.code == 2
    assert message in ended.err


def test_help_teaches_by_example(monkeypatch, capsys):
    ended = run_verify(["--help"], monkeypatch, capsys)
    assert ended.code == 0
    assert "python -m verify compare --original model.skops --onnx model.onnx" in ended.out
