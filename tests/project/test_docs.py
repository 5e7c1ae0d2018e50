"""The documents say what is: links, paths, commands, config keys and code samples are held against the code."""

import argparse
import contextlib
import functools
import importlib
import importlib.util
import io
import json
import re
import shlex
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import export.__main__ as export_command
import train.__main__ as train_command
import verify.__main__ as verify_command
from export.versions.commands import version_parser
from tests.support.places import ROOT
from train import history_from_chains
from train.config import config_type
from train.registry import models
from verify.drift.command import drift_parser
from verify.drift.parquet import parquet_parser
from verify.figures.__main__ import tables
from verify.score.command import score_parser

MOST_LINES = 150
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
ROOMS = ("train", "export", "verify", "runtime", "tests", "config", "examples", "docs", "artifacts")
MADE = ("runtime/target/", "artifacts/my_model", "train/half_spread")
"""Named in the documents and made by their reader: these need not exist."""
TOOLS = ("sphinx", "pytest", "pip", "venv")
"""Modules of others that a page may call with `python -m`."""
PARSERS: dict[tuple[str, ...], Callable[[], argparse.ArgumentParser]] = {
    ("train",): train_command.parser,
    ("train.history_from_chains",): history_from_chains.parser,
    ("export",): export_command.parser,
    **{("export", name): functools.partial(version_parser, name) for name in export_command.VERSION_COMMANDS},
    **{
        ("export", name): importlib.import_module(module).parser
        for name, module in export_command.MORE_COMMANDS.items()
    },
    ("verify",): verify_command.parser,
    ("verify", "compare"): verify_command.compare_parser,
    ("verify", "drift"): drift_parser,
    ("verify", "parquet"): parquet_parser,
    ("verify", "explain"): verify_command.explain_parser,
    ("verify", "runtimes"): verify_command.runtimes_parser,
    ("verify", "score"): score_parser,
    ("verify", "survey"): verify_command.survey_parser,
    ("verify", "vectors"): verify_command.vectors_parser,
    ("verify", "retrain"): verify_command.retrain_parser,
    ("verify", "reproduce"): verify_command.reproduce_parser,
}


@dataclass(frozen=True)
class Block:
    """A fenced block; `marked` is the text of a comment in the line above it."""

    language: str
    text: str
    line: int
    marked: str = ""


def blocks(text: str) -> list[Block]:
    found: list[Block] = []
    fence = r"^(?:<!-- (?P<mark>[\w ]+) -->\n)?```(?P<language>[\w{}-]*)[^\n]*\n(?P<body>.*?)^```$"
    for match in re.finditer(fence, text, re.MULTILINE | re.DOTALL):
        line = text.count("\n", 0, match.start("language")) + 1
        found.append(Block(match["language"], match["body"], line, match["mark"] or ""))
    return found


def prose(text: str) -> str:
    """The text without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def inline_code(text: str) -> list[str]:
    return [" ".join(code.split()) for code in re.findall(r"(?<!`)`([^`]+)`(?!`)", prose(text))]


@functools.cache
def committed(*below: str) -> tuple[str, ...]:
    """Paths that git knows, those not committed yet among them."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *below]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return tuple(path for path in done.stdout.splitlines() if (ROOT / path).exists())


def on_every_page(problems: Callable[[str], list[str]]) -> list[str]:
    return [f"{page.relative_to(ROOT)}: {one}" for page in PAGES for one in problems(page.read_text())]


# ------------------------------------------------------------------------------------------------ links and paths


def slug(heading: str) -> str:
    """The anchor of a heading, as GitHub and MyST make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def broken_links(page: Path, text: str) -> list[str]:
    wrong = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(text)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        place = (page.parent / name).resolve() if name else page
        if not place.exists():
            wrong.append(f"{target} leads nowhere")
        elif anchor and anchor not in [slug(h) for h in re.findall(r"^#+ (.+)$", place.read_text(), re.MULTILINE)]:
            wrong.append(f"{target}: no heading of that name")
    return wrong


def missing_paths(text: str) -> list[str]:
    """Paths in backticks that look like files of the repository, and bare names of source files, which do not exist."""
    wrong = []
    names = {Path(path).name for path in committed()}
    ours = rf"({'|'.join(ROOMS)})/[\w./-]*|[A-Z]\w+\.md|Makefile"
    for code in inline_code(text):
        for word in code.split():
            if re.search(r"[<>*{}=]|\.\.\.", word) or word.startswith(MADE):
                continue
            if re.fullmatch(r"[\w-]+\.(py|rs)", word):
                if word not in names:
                    wrong.append(f"no file is called {word}")
            elif re.fullmatch(ours, word) and not (ROOT / word).exists():
                wrong.append(f"{word} does not exist")
    return wrong


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= MOST_LINES


def test_every_link_leads_somewhere() -> None:
    assert [one for page in PAGES for one in broken_links(page, page.read_text())] == []


def test_every_path_that_is_named_exists() -> None:
    assert on_every_page(missing_paths) == []


def test_a_link_or_path_into_nothing_is_found() -> None:
    page = ROOT / "README.md"
    assert broken_links(page, "[x](docs/nothing.md) [y](https://example.org) [z](CONTRIBUTING.md)") == [
        "docs/nothing.md leads nowhere"
    ]
    assert broken_links(page, "[x](docs/quants.md#ask) [y](docs/quants.md#no-such)") == [
        "docs/quants.md#no-such: no heading of that name"
    ]
    assert missing_paths("`train/nothing.py`, `train/model.py`, `artifacts/<model>`, `nowhere.rs`, `model.py`") == [
        "train/nothing.py does not exist",
        "no file is called nowhere.rs",
    ]


def test_versions_in_the_readme_are_those_committed_as_in_use() -> None:
    # Not those on disk: `make` trains again, and another kind of processor gives another version.
    def committed(name: str) -> str:
        pointer = ["git", "show", f"HEAD:artifacts/{name}/current.json"]
        return str(json.loads(subprocess.run(pointer, cwd=ROOT, capture_output=True, check=True).stdout)["version"])

    shown = set(re.findall(r"│ (\w+) +│ ([0-9a-f]{12}) │", (ROOT / "README.md").read_text()))
    assert shown == {(name, committed(name)) for name in models()}


# ------------------------------------------------------------------------------------------------------- commands


def command_lines(block: Block) -> Iterator[str]:
    """The commands of a shell block (each line) or of a console block (each line behind `$`), continuations joined."""
    if block.language not in ("sh", "console", "bash"):
        return
    lines = block.text.splitlines()
    while lines:
        line = lines.pop(0)
        if block.language == "console" and not line.startswith("$ "):
            continue
        command = line.removeprefix("$ ")
        while lines and (command.endswith("\\") or _open_quote(command)):
            command = command.removesuffix("\\") + " " + lines.pop(0).strip()
        yield command


def _open_quote(command: str) -> bool:
    try:
        shlex.split(command, comments=True)
    except ValueError:
        return True
    return False


def wrong_command(command: str, *, whole: bool = True) -> list[str]:
    """What a command line gets wrong; `whole`: it is one to type in, not a part of a sentence with placeholders."""
    words = shlex.split(command, comments=True)
    if words[:2] == ["python", "-m"] and len(words) > 2:
        return _wrong_python(words[2], words[3:], whole=whole)
    if words[:1] == ["dollarbill-ml"]:
        return wrong_binary_call(words[1:], binary_commands())
    if words[:1] == ["make"]:
        known = re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        return [f"make has no target {w!r}" for w in words[1:] if "=" not in w and w.islower() and w not in known]
    return []


def _wrong_python(module: str, arguments: list[str], *, whole: bool) -> list[str]:
    example = ROOT / "examples" / module.removeprefix("examples.")
    if example.with_suffix(".py").is_file() or (example / "__main__.py").is_file():
        return _unknown_flags(module, arguments)
    if module.split(".")[0] not in ("train", "export", "verify"):
        return [] if module in TOOLS else [f"python -m {module}: not one of ours, nor of {', '.join(TOOLS)}"]
    try:
        found = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        found = None
    if found is None:
        return [f"python -m {module}: no such module"]
    key: tuple[str, ...] = (module, *arguments[:1])
    if key in PARSERS:
        return _unparsed(PARSERS[key](), arguments[1:], whole=whole)
    if (module,) in PARSERS and key[1:] not in (("migrate",), ("summary",)):
        return _unparsed(PARSERS[module,](), arguments, whole=whole)
    if module == "verify.figures" and arguments and arguments[0].islower():
        if arguments[0] == "all":
            return _unknown_flags("verify.figures.__main__", arguments[1:])
        if arguments[0] not in tables():
            return [f"no table {arguments[0]!r}"]
        return _unknown_flags(tables()[arguments[0]], arguments[1:])
    return _unknown_flags(module if found.submodule_search_locations is None else f"{module}.__main__", arguments)


def _unparsed(parser: argparse.ArgumentParser, arguments: list[str], *, whole: bool) -> list[str]:
    if not whole:
        known = {flag for action in parser._actions for flag in action.option_strings}
        return [f"{parser.prog} has no {word}" for word in arguments if word.startswith("-") and word not in known]
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            parser.parse_args(arguments)
    except SystemExit as exit_:
        return [said.getvalue().splitlines()[-1]] if exit_.code else []
    return []


def _unknown_flags(module: str, arguments: list[str]) -> list[str]:
    """Flags that the source of a module without a parser function does not name."""
    # Looked for and not imported: some of them take seconds to import.
    place = importlib.util.find_spec(module)
    source = Path(place.origin if place and place.origin else "").read_text()
    flags = [word for word in arguments if word.startswith("-") and word not in ("-h", "--help")]
    return [f"{module} has no {flag}" for flag in flags if f'"{flag}"' not in source]


def binary_commands() -> dict[str, set[str]]:
    """Subcommand of `dollarbill-ml` -> its flags, from the source; "" holds those of all."""
    source = (ROOT / "runtime/src/bin/dollarbill-ml/args.rs").read_text()
    shared, _, commands = source.partition("enum Command {")
    found = {"": _flags(shared) | {"--help", "-h", "--version", "-V"}, "help": set[str]()}
    parts = re.split(r"^    ([A-Z]\w+)(?= \{|,|\()", commands, flags=re.MULTILINE)
    for name, body in zip(parts[1::2], parts[2::2], strict=True):
        found[re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()] = _flags(body)
    return found


def _flags(source: str) -> set[str]:
    found = set()
    for attributes, name in re.findall(r"#\[arg\((.*)\)\]\s+(?:pub\(crate\) )?(\w+):", source):
        words = [word.strip() for word in re.split(r"[,=]", attributes)]
        found |= {f"--{name.replace('_', '-')}"} if "long" in words else set()
        found |= {f"-{name[0]}"} if "short" in words else set()
    return found


def wrong_binary_call(words: list[str], known: dict[str, set[str]]) -> list[str]:
    named = [word for word in words if not word.startswith("-")]
    if not named:
        return [f"dollarbill-ml has no {word}" for word in words if word not in known[""]]
    if named[0] not in known:
        return [f"dollarbill-ml has no command {named[0]!r}"]
    flags = [word for word in words if re.fullmatch(r"--?[a-z][a-z-]*", word)]
    return [f"dollarbill-ml {named[0]} has no {flag}" for flag in flags if flag not in known[named[0]] | known[""]]


def wrong_commands(text: str) -> list[str]:
    typed = [one for block in blocks(text) for line in command_lines(block) for one in wrong_command(line)]
    said = [code for code in inline_code(text) if code.startswith(("python -m ", "dollarbill-ml ", "make "))]
    parts = [part.strip() for code in said for part in code.split("&&")]
    return typed + [one for part in parts for one in wrong_command(part, whole=False)]


def test_every_command_is_one_that_the_code_takes() -> None:
    assert on_every_page(wrong_commands) == []


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("python -m train.walk_forward x.csv", "no such module"),
        ("python -m nothing", "not one of ours"),
        ("python -m train signal_classifer", "invalid choice"),
        ("python -m train signal_classifier --estimater svm", "unrecognized arguments"),
        ("python -m verify compare --original a.skops", "--onnx"),
        ("python -m verify summary --artefacts x", "no --artefacts"),
        ("python -m verify.figures walk_forwards x.csv", "no table"),
        ("python -m verify.figures walk_forward --lstms x.csv", "no --lstms"),
        ("python -m verify.figures all --shard x", "no --shard"),
        ("dollarbill-ml classifi '{}'", "no command"),
        ("dollarbill-ml predict x.csv --jsn", "no --jsn"),
        ("dollarbill-ml days --json", "no --json"),
        ("make everything", "no target"),
    ],
)
def test_a_wrong_command_is_found(command: str, complaint: str) -> None:
    problems = wrong_commands(f"```console\n$ {command}\nits output\n```\n")
    assert len(problems) == 1
    assert complaint in problems[0]


def test_commands_in_a_sentence_are_read_too() -> None:
    assert wrong_commands("Run `python -m verify DIR --orignal my.skops` or `make test`.") == [
        "python -m verify has no --orignal"
    ]


def test_a_command_over_two_lines_is_one() -> None:
    block = Block("console", '$ dollarbill-ml classify \'{"a": 1,\n   "b": 2}\'\n0.5\n$ make \\\n  test\n', 1)
    assert list(command_lines(block)) == ['dollarbill-ml classify \'{"a": 1, "b": 2}\'', "make  test"]


def test_every_subcommand_of_the_binary_is_documented() -> None:
    guide = (ROOT / "docs/engineers.md").read_text()
    said = {code.split()[1] for code in inline_code(guide) if code.startswith("dollarbill-ml ")}
    assert set(binary_commands()) - {"", "help"} <= said


def test_every_table_is_documented() -> None:
    page = (ROOT / "docs/figures.md").read_text()
    said = {code.split()[3] for code in inline_code(page) if re.match(r"python -m verify\.figures \w", code)}
    assert set(tables()) <= said


# -------------------------------------------------------------------------------------------------- code samples


def uncompiled(text: str) -> list[str]:
    wrong = []
    for block in blocks(text):
        if block.language == "python":
            try:
                compile(block.text, "block", "exec")
            except SyntaxError as error:
                wrong.append(f"line {block.line}: {error.msg}")
    return wrong


def test_every_python_block_compiles() -> None:
    assert on_every_page(uncompiled) == []


def test_a_python_block_that_does_not_compile_is_found() -> None:
    assert uncompiled("text\n```python\nx = (1,\n```\n") == ["line 2: '(' was never closed"]


RUNNABLE = [page for page in PAGES if any(block.marked == "runnable" for block in blocks(page.read_text()))]


def run_marked(text: str) -> dict[str, Any]:
    """Runs the blocks that are marked as runnable, one after the other."""
    names: dict[str, Any] = {}
    for block in blocks(text):
        if block.language == "python" and block.marked == "runnable":
            exec(compile(block.text, f"block at line {block.line}", "exec"), names)
    return names


@pytest.mark.slow
@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: page.name)
def test_python_blocks_marked_as_runnable_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_marked(page.read_text())


def test_marked_blocks_are_run_and_others_are_not() -> None:
    text = "<!-- runnable -->\n```python\nx = 1\n```\n\n```python\nx = 2\n```\n"
    assert run_marked(text)["x"] == 1
    with pytest.raises(AssertionError):
        run_marked("<!-- runnable -->\n```python\nassert False\n```\n")


def bare(line: str) -> str:
    """A line of Rust without its comment and with single spaces."""
    return " ".join(re.sub(r"(?<!:)//.*$", "", line).split())


def compiled_rust() -> set[str]:
    """The lines of the examples and of the documentation tests, all of which `cargo test` compiles."""
    lines = [line for path in (ROOT / "runtime/examples").glob("*.rs") for line in path.read_text().splitlines()]
    for path in (ROOT / "runtime/src").rglob("*.rs"):
        said = "\n".join(re.findall(r"^\s*//[/!] ?(.*)$", path.read_text(), re.MULTILINE))
        lines += [line.removeprefix("# ") for block in blocks(said) for line in block.text.splitlines()]
    return {bare(line) for line in lines}


def uncompiled_rust(text: str, compiled: set[str]) -> list[str]:
    wrong = []
    imported = {name for line in compiled if line.startswith("use ") for name in re.findall(r"\w+", line)}
    for block in blocks(text):
        for line in map(bare, block.text.splitlines() if block.language == "rust" else ()):
            if line.startswith("use "):
                wrong += [
                    f"nothing that is compiled imports {n}" for n in re.findall(r"\w+", line) if n not in imported
                ]
            elif line and line not in compiled:
                wrong.append(f"no example holds: {line}")
    return wrong


def test_every_rust_line_is_one_that_is_compiled() -> None:
    compiled = compiled_rust()
    assert on_every_page(lambda text: uncompiled_rust(text, compiled)) == []


def test_a_rust_line_that_nothing_compiles_is_found() -> None:
    compiled = {"use a::{B, C};", "let x = 1;"}
    assert uncompiled_rust("```rust\nuse a::B;\nlet  x = 1; // one\n```\n", compiled) == []
    assert uncompiled_rust("```rust\nuse a::D;\nlet x = 2;\n```\n", compiled) == [
        "nothing that is compiled imports D",
        "no example holds: let x = 2;",
    ]


def test_documentation_tests_count_as_compiled() -> None:
    assert "let ml = MlService::open(&Config::find(None)?)?;" in compiled_rust()


# --------------------------------------------------------------------------------------------------- dependencies


def libraries() -> set[str]:
    """Whatever a person wrote into pyproject.toml and Cargo.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    crate = tomllib.loads((ROOT / "runtime/Cargo.toml").read_text())
    python = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    names = {re.split(r"[<>=\[ ]", one)[0] for one in python}
    return names | set(crate["dependencies"]) | set(crate["dev-dependencies"])


def unexplained(text: str, names: set[str]) -> list[str]:
    said = set(re.findall(r"[\w-]+", text.lower()))
    return sorted(names - said)


def test_every_library_has_its_place_in_the_table() -> None:
    assert unexplained((ROOT / "docs/dependencies.md").read_text(), libraries()) == []


def test_a_library_without_a_place_is_found() -> None:
    assert unexplained("| arithmetic | NumPy |", {"numpy", "polars"}) == ["polars"]


# ---------------------------------------------------------------------------------------------------- config keys


def keys_in_code(section: Any, before: str = "") -> dict[str, Any]:
    """Whole key -> its default."""
    found: dict[str, Any] = {}
    for name, field in section.model_fields.items():
        kinds = (field.annotation, *getattr(field.annotation, "__args__", ()))
        below = next((kind for kind in kinds if hasattr(kind, "model_fields")), None)
        default = field.get_default(call_default_factory=True)
        found |= keys_in_code(below, f"{before}{name}.") if below else {f"{before}{name}": default}
    return found


def keys_in_page(text: str) -> dict[str, str]:
    """Whole key -> the text under "default"; `<model>` stands for each model."""
    found = {}
    for key, default in re.findall(r"^\| `(\w+\.[\w.<>]+)` \| ([^|]*) \|", text, re.MULTILINE):
        for name in models() if "<model>" in key else ("",):
            found[key.replace("<model>", name)] = default.strip("` ")
    return found


def wrong_keys(text: str) -> list[str]:
    code, page = keys_in_code(config_type()), keys_in_page(text)
    wrong = [f"{key} is not documented" for key in code if key not in page]
    wrong += [f"{key} is no key" for key in page if key not in code]
    given = {key: default for key, default in code.items() if default is not None and key in page}
    return wrong + [f"{k}: {page[k]} is not the default" for k, d in given.items() if page[k] != json.dumps(d)]


def test_the_config_page_holds_every_key_with_its_default_and_no_other() -> None:
    assert wrong_keys((ROOT / "docs/config.md").read_text()) == []


def test_a_wrong_missing_or_stale_key_is_found() -> None:
    text = (ROOT / "docs/config.md").read_text()
    assert wrong_keys(text.replace("| `training.cv_folds` | `5`", "| `training.cv_folds` | `6`")) == [
        "training.cv_folds: 6 is not the default"
    ]
    assert wrong_keys(text.replace("| `training.cv_folds`", "| `training.folds`")) == [
        "training.cv_folds is not documented",
        "training.folds is no key",
    ]


# -------------------------------------------------------------------------------------------------- the map of rooms


def rooms() -> set[str]:
    """Folders that hold committed source files of the packages, the crate and the tests."""
    tracked = committed("train", "export", "verify", "runtime/src", "tests")
    found = {f"{Path(path).parent}/" for path in tracked if path.endswith((".py", ".rs"))}
    return {room for room in found if not room.startswith("tests/data/") or room == "tests/data/"}


def wrong_rooms(text: str, there: set[str]) -> list[str]:
    shown = set(re.findall(r"^\| `((?:train|export|verify|runtime/src|tests)/[^`]*)` \|", text, re.MULTILINE))
    return sorted(f"{room} is not on the map" for room in there - shown) + sorted(
        f"{room} is no room" for room in shown - there
    )


def test_the_map_shows_every_room_and_no_other() -> None:
    assert wrong_rooms((ROOT / "docs/architecture.md").read_text(), rooms() - {"tests/"}) == []


def test_a_room_that_is_missing_or_gone_is_found() -> None:
    assert wrong_rooms("| `train/old/` | x |\n| `train/` | y |\n", {"train/", "train/new/"}) == [
        "train/new/ is not on the map",
        "train/old/ is no room",
    ]


def test_the_page_on_adding_a_model_names_all_that_the_protocol_has() -> None:
    from train.model import Model

    said = set(inline_code((ROOT / "docs/add_a_model.md").read_text()))
    members = {name for name in (*vars(Model), *Model.__annotations__) if not name.startswith("_")}
    assert members - said == set()


def compiled_names(text: str) -> set[str]:
    """The classes in the table of scikit-learn estimators."""
    table = text.split("<!-- scikit-learn estimators -->")[1].split("\n\n")[0]
    return set(re.findall(r"`(\w+)`", table))


def test_the_table_of_estimators_holds_what_the_compiler_takes_and_nothing_else() -> None:
    from export.sklearn.columns.preprocess import supported_transformers
    from export.sklearn.compile import CLASSIFIERS, REGRESSORS
    from export.sklearn.estimators.registry import DETECTORS, SEVERAL

    kinds = (*CLASSIFIERS, *REGRESSORS, *SEVERAL, *DETECTORS)
    known = {kind.__name__ for kind in kinds if kind.__module__.startswith("sklearn.")}
    known = {name for name in known if not name.startswith("_")} | {"Pipeline", "FrozenEstimator"}
    known |= set(supported_transformers().split(", and ")[0].split(", "))
    assert compiled_names((ROOT / "docs/own_model.md").read_text()) == known


def test_a_class_that_is_missing_from_the_table_is_found() -> None:
    assert compiled_names("<!-- scikit-learn estimators -->\n| trees | `A`, `B` |\n\nand `C`") == {"A", "B"}
