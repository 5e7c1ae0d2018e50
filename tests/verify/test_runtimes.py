"""Every runtime that is installed here runs the same graphs: right ones are in parity, planted faults are caught."""

import json
import sys
from functools import lru_cache
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from export.__main__ import main as export
from export.artifact.manifest import GRAPH_FILE, read_manifest, version_of
from export.artifact.version_folder import CANDIDATE, version_folder
from export.graph import to_bytes
from export.onnx_session import open_session
from export.sklearn.compile import compile_sklearn
from tests.support.faults import FAULTS, with_fault
from tests.support.places import ROOT
from tests.support.verified import run_verify
from train.core.errors import PipelineError
from train.core.files import json_bytes, sha256_hex
from train.core.skops_files import save_skops
from verify.check.check_model import check_model
from verify.comparison.parity import compare
from verify.report.runtimes import share
from verify.runtimes import install, places
from verify.runtimes import open as opening
from verify.runtimes.flat_rows import words_of
from verify.runtimes.not_run import NotRunError
from verify.runtimes.open import asked_runtimes, known_runtimes, open_runtimes, required_runtimes
from verify.runtimes.original import load_file
from verify.runtimes.process import ProcessRuntime, Program, known_version, open_process
from verify.runtimes.reference import ReferenceRuntime
from verify.runtimes.rust_binary import RUST_ENGINES

pytestmark = pytest.mark.slow

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(400, 5))
Y = (X[:, 0] * X[:, 1] > 0).astype(int) + (X[:, 2] > 0.5)
FOREST = RandomForestClassifier(7, max_depth=5, random_state=0).fit(X, Y)
EXPECTED = FOREST.predict_proba(X)
GRAPH = compile_sklearn(FOREST, name="forest")


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    """A version folder of the forest."""
    folder = tmp_path_factory.mktemp("runtimes")
    save_skops(FOREST, folder / "model.skops")
    assert export(["--original", str(folder / "model.skops"), "--artifact", str(folder / "arts" / "mine")]) == 0
    return version_folder(folder / "arts" / "mine", CANDIDATE)


@pytest.fixture(autouse=True)
def in_the_house(monkeypatch):
    """What is installed lies below the root."""
    monkeypatch.chdir(ROOT)


@lru_cache
def program(name):
    """One process for all graphs: a browser starts slowly."""
    return Program(name, places.command_of(name))


def on_graph(name, graph: Path, manifest, artifact):
    """A runtime on a graph file; skips when it is not installed here, as the matrix says *not run*."""
    words = words_of(manifest.settings)
    try:
        if name == "python" or name in RUST_ENGINES:
            return open_runtimes([name], artifact, manifest)[0][0]
        if name == "reference":
            return ReferenceRuntime(graph, manifest.inputs, manifest.outputs, words)
        version = program(name).version
        return ProcessRuntime(name, program(name), graph, manifest.inputs, manifest.outputs, version, words=words)
    except NotRunError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("name", known_runtimes())
def test_a_right_graph_is_in_parity_in_every_runtime(name, artifact) -> None:
    runtime = on_graph(name, artifact / GRAPH_FILE, read_manifest(artifact), artifact)
    result = compare(EXPECTED, runtime(X))
    assert result.in_parity
    assert result.bit_equal == result.rows == len(X)
    assert runtime.version


@pytest.fixture(scope="module")
def sectors(tmp_path_factory):
    """A version folder of a model that takes text beside numbers and answers labels, and its original."""
    folder = tmp_path_factory.mktemp("sectors")
    names = np.array(["Energy", "Énergie", "エネルギー 🛢", "", "a, b"], dtype=object)
    table = pd.DataFrame({"sector": names[np.arange(400) % 5], "beta": X[:, 0]})
    steps = ColumnTransformer([("sector", OneHotEncoder(handle_unknown="ignore"), ["sector"])], remainder="passthrough")
    model = make_pipeline(steps, DecisionTreeClassifier(max_depth=6, random_state=0))
    model.fit(table, np.array(["kaufen", "halten", "売る"])[(np.arange(400) % 5 + (X[:, 0] > 0)) % 3])
    save_skops(model, folder / "model.skops")
    to = ["--artifact", str(folder / "arts" / "mine"), "--labels"]
    assert export(["--original", str(folder / "model.skops"), *to]) == 0
    return version_folder(folder / "arts" / "mine", CANDIDATE), folder / "model.skops"


@pytest.mark.parametrize("name", known_runtimes())
def test_text_goes_into_every_runtime_and_comes_out(name, sectors) -> None:
    version, original = sectors
    manifest = read_manifest(version)
    assert {tensor.dtype for tensor in (*manifest.inputs, *manifest.outputs)} >= {"string", "float64"}
    runtime = on_graph(name, version / GRAPH_FILE, manifest, version)
    rows = np.column_stack([np.arange(60) % 5, X[:60, 0]]).astype(np.float64)
    expected = load_file(original, manifest).answer(rows)
    assert len(np.unique(expected[:, -1])) == 3
    plain = rows[:, 0] != manifest.settings["words"]["sector"].index("エネルギー 🛢")
    assert compare(expected[plain], runtime(rows[plain])).in_parity
    # onnxruntime's Java build takes text as Java's own UTF-8, in which such a character is another one.
    assert compare(expected, runtime(rows)).in_parity == (not name.startswith("java"))


@pytest.mark.parametrize("required", [("python",), ("python", "java")])
def test_a_runtime_that_breaks_off_is_not_run_or_ends_the_check(required, artifact, monkeypatch) -> None:
    class Failing:
        name, version, most_rows, calls = "java", "1.29.0", None, 0

        def __init__(self, real):
            self.real = real

        def __call__(self, rows):
            self.calls += 1
            if self.calls > 4:
                raise PipelineError("java: out of memory")
            return self.real(rows)

        def replay_golden(self):
            return ""

    def opened(_names, folder, manifest, **_):
        [real], _ = open_runtimes(["python"], folder, manifest)
        return [real, Failing(real)], {}

    monkeypatch.setattr("verify.check.check_model.open_runtimes", opened)
    save_skops(FOREST, artifact.parent / "model.skops")
    asked = {"original_file": artifact.parent / "model.skops", "runtimes": ("python", "java"), "rows": 1000}
    if "java" in required:
        with pytest.raises(PipelineError, match="out of memory"):
            check_model(artifact.parent, **asked, required=required)
        return
    checked = check_model(artifact.parent, **asked, required=required)
    assert checked.missing == {"java": "java: out of memory"}
    assert set(checked.totals()) == {"python"}


def faulty_artifact(artifact: Path, graph: bytes, to: Path) -> Path:
    """The artifact with another graph, and golden answers that hide it: the Rust runtime refuses it otherwise."""
    fields = json.loads((artifact / "manifest.json").read_text())
    (to / "mine" / "new" / "golden").mkdir(parents=True)
    (to / "mine" / "new" / GRAPH_FILE).write_bytes(graph)
    cases = json.loads((artifact / "golden" / "cases.json").read_text())
    rows = np.array(next(iter(cases["inputs"].values())), dtype=np.float64)
    session = open_session(graph)
    answers = session.run(None, {session.get_inputs()[0].name: rows})[0]
    lists = [[None if np.isnan(value) else value for value in row] for row in answers.tolist()]
    cases["outputs"] = dict.fromkeys(cases["outputs"], lists)
    golden = json_bytes(cases, compact=True)
    (to / "mine" / "new" / "golden" / "cases.json").write_bytes(golden)
    fields["graph"] |= {"sha256": sha256_hex(graph), "bytes": len(graph)}
    fields["graph"]["opset"] = {entry.domain: entry.version for entry in onnx.load_from_string(graph).opset_import}
    fields["golden"]["sha256"] = sha256_hex(golden)
    for tensor in fields["outputs"]:
        for column in tensor["columns"]:
            column["missing"] = True
    manifest = json_bytes(fields)
    (to / "mine" / "new" / "manifest.json").write_bytes(manifest)
    return (to / "mine" / "new").rename(to / "mine" / version_of(manifest))


@pytest.mark.parametrize("name", known_runtimes())
@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_caught_in_every_runtime(name, fault, artifact, tmp_path) -> None:
    graph = to_bytes(with_fault(GRAPH, FAULTS[fault]))
    spoiled = faulty_artifact(artifact, graph, tmp_path)
    runtime = on_graph(name, spoiled / GRAPH_FILE, read_manifest(spoiled), spoiled)
    try:
        result = compare(EXPECTED, runtime(X), inputs=X)
    except PipelineError as error:
        if name == "rust-native" and "native engine cannot run it" in str(error):
            pytest.skip(str(error))  # it need not know the fault's operators
        # The Rust runtime catches by itself what depends on a row's place: golden cases are replayed in other batches.
        if name in RUST_ENGINES and "golden" in str(error):
            return
        raise
    assert not result.in_parity
    assert result.bit_equal < result.rows
    if name == "rust-native":
        return  # it answers a batch in blocks: where a fault of the whole batch shows, it may show in each
    if "row" in fault:
        row = {"first": 0, "middle": (len(X) - 1) // 2, "last": len(X) - 1}[
            next(word for word in ("first", "middle", "last") if word in fault)
        ]
        assert [found.index for found in result.first] == [row]
    else:
        assert result.mismatched > len(X) // 4


def fake(folder: Path, *lines: str) -> tuple[str, ...]:
    """A program that prints these lines, whatever it is asked."""
    script = folder / "fake.py"
    script.write_text("import sys\n" + "\n".join(lines) + "\n")
    return (sys.executable, str(script))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("print('2.0.0', flush=True)", "input()"), "another major version than 1"),
        (("sys.exit('ImportError: no onnxruntime here')",), "ImportError: no onnxruntime here"),
        (("pass",), "ended with 0 and said nothing"),
    ],
)
def test_a_program_that_is_no_runtime_is_not_run(lines, message, artifact, tmp_path) -> None:
    manifest = read_manifest(artifact)
    with pytest.raises(NotRunError, match=message):
        open_process("x", fake(tmp_path, *lines), artifact / GRAPH_FILE, manifest.inputs, manifest.outputs)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            ("print('1.0', flush=True)", "input()", "print('error: no such operator', flush=True)", "input()"),
            "no such op",
        ),
        (("print('1.0', flush=True)", "input()", "sys.exit('ValueError: out of memory')"), "ValueError: out of memory"),
        (("print('1.0', flush=True)", "input()", "print('ok', flush=True)", "input()"), "output_0"),
    ],
)
def test_a_program_that_fails_ends_in_one_line(lines, message, artifact, tmp_path) -> None:
    manifest = read_manifest(artifact)
    command = fake(tmp_path, *lines)
    runtime = open_process("x", command, artifact / GRAPH_FILE, manifest.inputs, manifest.outputs)
    with pytest.raises(PipelineError, match=message):
        runtime(X)


def test_a_program_that_writes_too_few_answers_is_caught(artifact, tmp_path) -> None:
    manifest = read_manifest(artifact)
    write = "import json; open(json.load(open(input()))['outputs'][0]['file'], 'wb').write(b'x' * 8)"
    command = fake(tmp_path, "print('1.0', flush=True)", write, "print('ok', flush=True)", "input()")
    runtime = open_process("x", command, artifact / GRAPH_FILE, manifest.inputs, manifest.outputs)
    with pytest.raises(PipelineError, match=r"has 8 bytes for 400 rows"):
        runtime(X)


def test_a_program_that_hangs_is_ended(artifact, tmp_path, monkeypatch) -> None:
    manifest = read_manifest(artifact)
    command = fake(tmp_path, "print('1.0', flush=True)", "import time", "time.sleep(60)")
    runtime = open_process("x", command, artifact / GRAPH_FILE, manifest.inputs, manifest.outputs)
    monkeypatch.setattr("verify.runtimes.process.TIME_LIMIT_SECONDS", 0.2)
    with pytest.raises(PipelineError, match="x: "):
        runtime(X)


def test_another_major_version_is_refused() -> None:
    assert known_version("x", "1.99.0") == "1.99.0"
    with pytest.raises(NotRunError, match=r"2\.0\.0 is of another major version"):
        known_version("x", "2.0.0")


def test_lists_of_runtimes() -> None:
    assert asked_runtimes("rust, python,rust") == ("rust", "python")
    assert set(asked_runtimes("all")) == set(known_runtimes())
    assert required_runtimes("all") == ("python", "rust-ort")
    assert required_runtimes("all,java") == ("java", "python", "rust-ort")
    assert required_runtimes("node,python") == ("node", "python")
    for wrong in ("", "python,,rust", "Python", "nodes"):
        with pytest.raises(PipelineError, match="no runtime"):
            asked_runtimes(wrong)


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [
        (5, 5, "100 %"),
        (0, 0, "-"),
        (0, 7, "0.0000 %"),
        (999_999_999, 1_000_000_000, "99.9999 %"),
        (1, 10**9, "0.0001 %"),
    ],
)
def test_a_share_is_a_hundred_only_when_it_is_all(part, whole, said) -> None:
    assert share(part, whole) == said


@pytest.fixture
def bare(monkeypatch, tmp_path, artifact):
    """No runtime of another language is installed; the command line on the forest's artifact."""
    monkeypatch.setattr(places, "INSTALLED", tmp_path / "nothing")
    monkeypatch.setattr(opening, "open_rust", lambda name, *_: opening.PythonRuntime(forest_answers, name))
    root = artifact.parent
    return [str(root), "--original", str(root.parent.parent / "model.skops"), "--rows", "500"]


def forest_answers(rows):
    session = open_session(to_bytes(GRAPH))
    return session.run(None, {session.get_inputs()[0].name: rows})[0]


def test_what_is_not_installed_is_not_run_and_never_passed(bare, monkeypatch, capsys) -> None:
    ended = run_verify([*bare, "--runtime", "all"], monkeypatch, capsys)
    assert ended.code == 0, ended.err
    assert ended.out.count("not run: not installed") == len([n for n in known_runtimes() if n not in INCLUDED])
    for name in ("node", "java", "python-1.30.0"):
        (line,) = [line for line in ended.out.splitlines() if line.startswith(f"│ {name} ")]
        assert "not run" in line
        assert "in parity" not in line


INCLUDED = ("python", "rust-ort", "rust-native", "reference")


@pytest.mark.parametrize("more", [["--runtime", "python,node"], ["--runtime", "all", "--require", "node"]])
def test_a_required_runtime_that_is_not_there_is_exit_2(more, bare, monkeypatch, capsys) -> None:
    ended = run_verify([*bare, *more], monkeypatch, capsys)
    assert ended.code == 2
    assert ended.err == (
        f"error: node: not installed ({places.INSTALLED}/node/node_modules/onnxruntime-node is not there); "
        "run `python -m verify runtimes --install`\n"
    )


def test_a_runtime_that_answers_otherwise_is_exit_1_though_nobody_required_it(bare, monkeypatch, capsys) -> None:
    monkeypatch.setattr(ReferenceRuntime, "__call__", lambda _, rows: forest_answers(rows) * 1.001)
    ended = run_verify([*bare, "--runtime", "all"], monkeypatch, capsys)
    assert ended.code == 1
    assert "NOT in parity" in ended.out


def test_the_list_says_what_is_installed_and_what_not(monkeypatch, capsys, tmp_path) -> None:
    monkeypatch.setattr(places, "INSTALLED", tmp_path)
    ended = run_verify(["runtimes", "python", "java"], monkeypatch, capsys)
    assert ended.code == 2
    assert "not run: not installed" in ended.out
    assert run_verify(["runtimes", "python"], monkeypatch, capsys).code == 0


def test_locks_hold_hashes_and_no_address() -> None:
    node = json.loads((places.LOCKS / "package-lock.json").read_text())["packages"]
    assert all("integrity" in package for name, package in node.items() if name)
    for lock in places.LOCKS.iterdir():
        assert "://" not in lock.read_text(), lock
    assert all(len(sha256) == 64 for sha256, _ in places.java_packages())
    assert {places.release_of(name)[0] for name in places.releases()} == set(places.LANGUAGES)


def test_other_releases_are_named_after_their_language_and_have_their_own_files() -> None:
    assert places.release_of("node") == ("node", "")
    assert places.release_of("node-1.26.0") == ("node", "1.26.0")
    assert places.release_of("node-0.0.1") == ("node-0.0.1", "")
    newest = [package for _, package in places.java_packages()]
    (other,) = [name for name in places.releases() if name == "java-1.26.0"]
    older = [package for _, package in places.java_packages(places.release_of(other)[1])]
    assert (len(newest), len(older)) == (2, 2)
    assert [package.startswith(places.JAVA_RUNTIME) for package in older] == [True, False]
    assert older[0].endswith(":1.26.0")
    assert newest[0] != older[0]
    assert newest[1] == older[1]


def test_a_jar_with_another_hash_is_removed(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(places, "INSTALLED", tmp_path)
    monkeypatch.setattr(install, "INSTALLED", tmp_path)
    (package, *_) = [package for _, package in places.java_packages()]
    monkeypatch.setattr(install, "_run", lambda *_: places.jar_of(package).write_bytes(b"another"))
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    failed = install.install(["java"])
    assert "SHA-256 is" in failed["java"]
    assert not places.jar_of(package).exists()
