"""Friday: versions that are not intact, and what the process that serves makes of them."""

import contextlib
import json
import shutil

import pandas as pd

import export.__main__ as export_command
from examples.a_week.market import signals_of
from examples.a_week.week import Week
from examples.serving import Server
from export.artifact.manifest import MANIFEST_FILE, version_of
from export.versions.steps import history, signature_path, step_path
from train.core.files import json_bytes, write_atomic
from train.signal_classifier.contract import SIGNAL_CLASSIFIER


def friday(week: Week, frame: pd.DataFrame, server: Server) -> None:
    """A version that was tampered with and re-hashed, and one that a stranger signed: the server stays as it is."""
    good, pointer = week.in_use(), week.model / "current.json"
    kept = pointer.read_bytes()
    manifest = json.loads((week.model / good / MANIFEST_FILE).read_text())
    manifest["quality"] = []
    content = json_bytes(manifest)
    forged = week.model / version_of(content)
    shutil.copytree(week.model / good, forged)
    (forged / MANIFEST_FILE).write_bytes(content)
    write_atomic(pointer, json_bytes(json.loads(kept) | {"version": forged.name}))
    refused(week, frame, server, f"tampered and re-hashed {forged.name}", good)
    write_atomic(pointer, kept)
    shutil.rmtree(forged)
    sign = ("sign", SIGNAL_CLASSIFIER, "--artifacts", week.folder / "artifacts")
    sign += ("--key", week.folder / "private/stranger.pem")
    code, _ = week.call(export_command.main, *sign, "--config", week.config)
    week.note("Fri", "a stranger's key, by the config of the house", "signs nothing", good=code == 2)
    # The stranger has a config where no key is asked for.
    write_atomic(week.folder / "stranger.json", b"{}")
    code, _ = week.call(
        export_command.main, *sign, "--config", week.folder / "stranger.json", "--first", "--reason", "mine"
    )
    with contextlib.closing(Server(week.binary, week.config, week.folder / "stranger.log")) as other:
        answer = other.ask(signals_of(frame.head(1), tag="x")[0])
    said = (week.folder / "stranger.log").read_text().strip().splitlines()
    came = said[-1][-80:] if said and "error" in answer else str(answer)
    week.note(
        "Fri", "signed by a stranger, a new process", f"refused: ... {came}", good=code == 0 and "error" in answer
    )
    step = history(week.model)[-1].number
    write_atomic(pointer, kept)
    for left in (step_path(week.model, step), signature_path(week.model, step)):
        left.unlink()


def refused(week: Week, frame: pd.DataFrame, server: Server, what: str, good: str) -> None:
    """Whether the server says that it refuses, and goes on with the good version."""
    said = server.said_within("is refused, the old one stays", seconds=20)
    answer = server.ask(signals_of(frame.head(1), tag="still")[0])
    stays = answer.get("model_version") == good
    week.note(
        "Fri", what, "refused by the process, which goes on" if said and stays else str(answer), good=said and stays
    )
