"""`verify retrain`: train, export, prove, gate and promote as one job that goes on where it was broken off.

The job's journal (`<model>.retrain.json` beside the model's folder) names what it was asked for and which stages are
done; a job that was broken off is taken up only when it is asked for the same again: the same files, config and code.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import train.__main__ as train_command
from export.artifact.version_folder import write_artifact
from export.compile_model import draft_of
from export.papers.mlflow_run import log_version, require_mlflow
from export.versions.finding import refused, table
from export.versions.promotion import promote, require_signature
from export.versions.switch import Sign
from export.versions.trust.chain import checked_signer, keys_of
from train.config import load_config
from train.core import cli
from train.core.errors import PipelineError
from train.core.files import alone, json_bytes, read_bytes, read_json, sha256_hex, write_atomic
from train.core.records.live_files import is_live_log, log_files
from train.core.records.record import read_record
from train.provenance import ROOT, is_due, source_commit
from train.registry import models
from verify.check.check_model import check_model
from verify.check.promote import write_proof
from verify.report.tables import print_checked, verdict

STAGES = ("train", "export", "verify", "promote")


@dataclass
class Job:
    """What is asked for, what is done of it, and the version that came of it; `ended` once nothing is left to do."""

    path: Path
    asked: dict[str, Any]
    done: list[str] = field(default_factory=list)
    version: str | None = None
    ended: bool = False

    def save(self) -> None:
        """Write the journal, whole or not at all."""
        fields = {"asked": self.asked, "done": self.done, "version": self.version, "ended": self.ended}
        write_atomic(self.path, json_bytes(fields))


def run_retrain(options: argparse.Namespace) -> int:
    """Retrain what is asked for; the worst exit code of its models."""
    if options.data and options.model == "all":
        raise PipelineError("--data needs the model it is for: python -m verify retrain MODEL --data ...")
    names = models() if options.model == "all" else (options.model,)
    return max(_retrain(name, options) for name in names)


def _retrain(name: str, options: argparse.Namespace) -> int:
    journal = options.source / f"{name}.retrain.json"
    with alone(options.source / f".{name}.retrain.lock", wait_seconds=0.0, doing=f"retraining {name}"):
        job, broken_off = _taken_up(journal, _asked(options))
        if job is None:
            # What a job left half done is young and unproven: its age says nothing of the version in use.
            if not broken_off and not _is_due(name, options):
                return cli.EXIT_GOOD
            job = Job(journal, _asked(options))
            job.save()
        return _run(name, job, options)


def _asked(options: argparse.Namespace) -> dict[str, Any]:
    """The inputs by their content: other files, another config or other code make another job."""
    return {
        "data": _contents(options.data),
        "outcomes": _contents(options.outcomes),
        "config": sha256_hex(read_bytes(options.config)),
        "source": source_commit(ROOT),
        "estimator": options.estimator,
    }


def _contents(paths: Sequence[Path]) -> list[dict[str, str]]:
    """Files by their content, those of a log with its closed ones."""
    files = [file for path in paths for file in (log_files(path) if is_live_log(path) else [path])]
    return [{"file": str(file), "sha256": sha256_hex(read_bytes(file))} for file in files]


def _taken_up(path: Path, asked: dict[str, Any]) -> tuple[Job | None, bool]:
    """The job that was broken off, if it was asked for the same; and whether any was broken off."""
    if not path.is_file():
        return None, False
    try:
        found = read_json(path)
        job = Job(path, found["asked"], [str(stage) for stage in found["done"]], found["version"], found["ended"])
    except (PipelineError, KeyError, TypeError):
        cli.show(f"warning: {path}: not a journal; the job begins anew")
        return None, True
    sound = job.done == list(STAGES[: len(job.done)]) and isinstance(job.ended, bool)
    if sound and job.ended:
        return None, False
    if sound and json.loads(json.dumps(asked)) == job.asked:
        return job, True
    cli.show(f"{path}: a job was broken off that was asked for other inputs; this one begins anew")
    return None, True


def _is_due(name: str, options: argparse.Namespace) -> bool:
    if options.if_older_than is None:
        return True
    try:
        record = read_record(options.source / name)
    except PipelineError:
        record = None
    due, why = is_due(record, options.if_older_than)
    cli.show(f"{name}: {why}")
    return due


def _run(name: str, job: Job, options: argparse.Namespace) -> int:
    if job.done:
        cli.show(f"{name}: goes on after {job.done[-1]!r}")
    does: dict[str, Callable[[str, Job, argparse.Namespace], int]] = {
        "train": _train,
        "export": _export,
        "verify": _verify,
        "promote": _promote,
    }
    require_signature(load_config(options.config), _signer(options))
    if options.mlflow is not None:
        require_mlflow()  # before an hour of training, not after
    for stage in STAGES[len(job.done) :]:
        cli.show(f"== {stage} {name}")
        code = does[stage](name, job, options)
        if code == cli.EXIT_COULD_NOT:
            return code  # the journal stays: the next run tries this stage again
        job.done.append(stage)
        job.ended = stage == STAGES[-1] or code != cli.EXIT_GOOD
        job.save()
        if job.ended:
            _log(name, job, options, gate="passed" if code == cli.EXIT_GOOD else f"refused at {stage}")
            return code
    return cli.EXIT_GOOD


def _signer(options: argparse.Namespace) -> Sign | None:
    if options.key is None:
        return None
    return checked_signer(keys_of(load_config(options.config), options.config, options.key))


def _log(name: str, job: Job, options: argparse.Namespace, *, gate: str) -> None:
    """The run in MLflow's store; the job is done by then, so what goes wrong there is said and ends nothing."""
    if options.mlflow is None or job.version is None:
        return
    try:
        tags = {"gate": gate, "reason": options.reason}
        uri = log_version(options.artifacts / name / job.version, options.mlflow, tags=tags)
        cli.show(f"{name}: logged to {options.mlflow} as {uri}")
    except PipelineError as error:
        cli.show(f"warning: {error}")


def _train(name: str, _: Job, options: argparse.Namespace) -> int:
    arguments = [name, "--out", str(options.source), "--config", str(options.config)]
    arguments += ["--data", *map(str, options.data)] if options.data else []
    arguments += ["--outcomes", *map(str, options.outcomes)] if options.outcomes else []
    arguments += ["--estimator", options.estimator] if options.estimator else []
    return train_command.main(arguments)


def _export(name: str, job: Job, options: argparse.Namespace) -> int:
    job.version = write_artifact(options.artifacts, draft_of(models()[name], options.source / name)).name
    return cli.EXIT_GOOD


def _verify(name: str, job: Job, options: argparse.Namespace) -> int:
    runtimes = tuple(dict.fromkeys(one.strip() for one in options.runtime.split(",")))
    folder = options.artifacts / name
    checked = check_model(folder, source=options.source / name, runtimes=runtimes, rows=options.rows, seed=options.seed)
    if checked.folder.name != job.version:
        raise PipelineError(
            f"{folder}: the candidate is {checked.folder.name}, and no longer {job.version}; start anew"
        )
    if checked.proven:
        write_proof(checked.folder, checked.totals(), tolerance=checked.tolerance, proof=checked.proof)
    print_checked(checked)
    if checked.differs:
        return cli.EXIT_NOT_IN_PARITY
    return cli.EXIT_GOOD if checked.proven else cli.fail(verdict(checked))


def _promote(name: str, job: Job, options: argparse.Namespace) -> int:
    done = promote(
        options.artifacts / name,
        job.version,
        source=options.source / name,
        config=load_config(options.config),
        why=options.reason,
        sign=_signer(options),
    )
    if done.findings:
        cli.result(table(f"{name} {done.version}: the gate", done.findings))
    if not done.passed:
        cli.show(f"refused: {', '.join(finding.check for finding in refused(done.findings))}; what was in use stays")
        return cli.EXIT_NOT_IN_PARITY
    state = "is in use already" if done.step is None else f"is in use now, step {done.step.number}"
    cli.show(f"{name}: {done.version} {state}")
    return cli.EXIT_GOOD
