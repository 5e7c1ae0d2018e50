"""`python -m verify drift LOG`: what has moved since training, on a terminal, as JSON and as a page."""

import argparse
import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.table import Table

from export.artifact.manifest import read_manifest
from export.artifact.version_folder import CURRENT, version_folder
from train.config import DEFAULT_CONFIG, default_config, load_config
from train.core import cli
from train.core.config_sections import Drift as Thresholds
from train.core.errors import PipelineError
from train.core.files import json_bytes, write_atomic
from train.core.records.live_log import LiveLog, in_order
from train.core.records.live_rows import OTHERS, LiveReader, LiveRow, NoAnswersError
from train.core.records.live_window import answered_by
from train.model import Model
from train.registry import models
from verify.drift.facts import FORMAT, Drift, DriftReport
from verify.drift.measure import Measurement, logged_names, names_moved, wrong_kind
from verify.drift.quality import quality_of

PART = 5000
"""Answers that are looked at together."""
OPTIONS = ("psi", "ks", "outside", "novelty", "fallback", "calibration")


def drift_parser() -> argparse.ArgumentParser:
    """The command line of `python -m verify drift`."""
    command = argparse.ArgumentParser(
        prog="python -m verify drift",
        description="A log of live answers against what the model was trained on, and against what came of them. "
        "Exit codes: 0 nothing has moved, 1 something has (it is named), 2 could not tell.",
    )
    command.add_argument(
        "logs", nargs="+", type=Path, metavar="LOG", help="the log's path (closed files are read with it), or folders"
    )
    command.add_argument(
        "--model", metavar="MODEL", help="a name, or the folder of a model of your own (default: all in the log)"
    )
    command.add_argument("--version", metavar="VERSION", help="whose training and answers (default: the one in use)")
    command.add_argument("--outcomes", nargs="*", type=Path, metavar="FILE", help="what came; none: the log's own days")
    command.add_argument(
        "--from", dest="first", type=dt.date.fromisoformat, metavar="YYYY-MM-DD", help="answers since that day"
    )
    command.add_argument(
        "--to", dest="last", type=dt.date.fromisoformat, metavar="YYYY-MM-DD", help="answers up to that day"
    )
    command.add_argument("--html", type=Path, metavar="FILE", help="write the report as a page")
    command.add_argument("--json", type=Path, metavar="FILE", help="write the report as data")
    command.add_argument("--picture", type=Path, metavar="FILE.svg", help="write a picture of one model")
    command.add_argument("--config", type=Path, metavar="FILE", help=f"default: {DEFAULT_CONFIG}")
    command.add_argument("--artifacts", type=Path, default=Path("artifacts"), metavar="DIR")
    for name in OPTIONS:
        command.add_argument(f"--{name}", type=_threshold(name), metavar="X", help=f"in the place of drift.{name}")
    return command


def _threshold(name: str) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            return float(getattr(Thresholds.model_validate({name: float(text)}), name))
        except ValueError as error:
            limits = "0 to 10" if name == "psi" else "0 to 1"
            raise argparse.ArgumentTypeError(f"must be a number, {limits}, found {text!r}") from error

    return read


def run_drift(options: argparse.Namespace) -> int:
    """Measure, show, write; 1 where something has moved."""
    if options.picture is not None and options.picture.suffix != ".svg":
        raise PipelineError(f"--picture {options.picture}: must end in .svg")
    config = default_config() if options.config is None else load_config(options.config)
    given = {name: value for name in OPTIONS if (value := getattr(options, name)) is not None}
    thresholds = config.drift.model_copy(update=given)
    drifts, none = [], None
    for name in _asked(options):
        try:
            drift = _one(name, options, thresholds)
        except NoAnswersError as error:
            if options.model is not None or error.own:
                raise
            none = error
            continue
        drifts += [] if drift is None else [drift]
    if not drifts:
        raise PipelineError(_nothing(options, none))
    report = DriftReport(format=FORMAT, thresholds=thresholds.model_dump(), models=drifts)
    for drift in drifts:
        _show(drift)
    if options.json is not None:
        write_atomic(options.json, json_bytes(report.model_dump(mode="json")))
    if options.html is not None:
        from verify.drift.page import page

        write_atomic(options.html, page(report))
        cli.show(f"{options.html}: written")
    if options.picture is not None:
        from verify.drift.pictures import overview

        write_atomic(options.picture, overview(drifts[0], psi=thresholds.psi))
    for line in names_moved(drifts):
        cli.show(f"moved: {line}")
    return cli.EXIT_NOT_IN_PARITY if any(drift.moved for drift in drifts) else cli.EXIT_GOOD


def _asked(options: argparse.Namespace) -> list[str]:
    if options.model is not None:
        return [options.model]
    if options.version is not None:
        raise PipelineError("--version needs the model whose version it is: --model MODEL")
    return list(models())


def _nothing(options: argparse.Namespace, none: NoAnswersError | None) -> str:
    """Why a log says nothing of any model of this house, and what to do."""
    logs = f"{', '.join(map(str, options.logs))}:"
    if none is None:
        return f"{logs} no model has a version in use in {options.artifacts}; name the folder with --artifacts"
    said = "; ".join(none.skipped.report()) or "it is empty, or says only when it began and ended"
    others = any(reason.startswith(OTHERS) for reason in none.skipped.lines)
    hint = "; for a model of your own, name its folder: --model FOLDER" if others else ""
    return f"{logs} holds no answer of {', '.join(models())}: {said}{hint}"


def _one(name: str, options: argparse.Namespace, thresholds: Thresholds) -> Drift | None:
    """One model's drift; None where it has no version in use, and it was not asked for by name.

    Raises:
        NoAnswersError: the log holds nothing of it.
    """
    model = models().get(name)
    folder = options.artifacts / name if model is not None else Path(name)
    version = version_folder(folder, CURRENT) if options.version is None else folder / options.version
    if version is None or not version.is_dir():
        if options.model is None:
            return None
        raise PipelineError(f"{folder}: holds no version {options.version or 'in use'}")
    manifest = read_manifest(version)
    columns = logged_names(manifest, by_column=model is not None)
    reader = LiveReader(options.logs, model=manifest.model, columns=columns)
    return _drift(reader, model, version, options, thresholds)


def _drift(
    reader: LiveReader, model: Model | None, version: Path, options: argparse.Namespace, thresholds: Thresholds
) -> Drift:
    manifest = read_manifest(version)
    kept: list[LiveRow] = []
    if options.outcomes is not None and model is None:
        raise PipelineError(f"{manifest.model}: not a model of this house: what an outcome is, is not known")
    found = Measurement(manifest, version.name, thresholds=thresholds)
    for part in _parts(reader, options, lambda row: wrong_kind(row, manifest, version.name)):
        found.add(part)
        if options.outcomes is not None:
            # An outcome may come for any answer of the version.
            kept += answered_by(part, version.name).rows
    log = LiveLog(reader.model, reader.paths, tuple(in_order(kept)), reader.skipped)
    if not found.rows:
        raise PipelineError(_unused(log, options))
    quality = None
    if options.outcomes is not None and model is not None:
        quality = quality_of(model, log, version.name, options.outcomes, allowed=thresholds.calibration)
    return found.drift(log, quality)


def _unused(log: LiveLog, options: argparse.Namespace) -> str:
    """Why none of the answers that a log holds of a model can be looked at."""
    days = f" from {options.first or 'the beginning'} to {options.last or 'the end'}"
    asked = days if options.first or options.last else ""
    said = log.skipped.report()
    if other := log.skipped.other_days:
        said.insert(0, f"{other.total():,} are of {min(other)} to {max(other)}")
    return f"{', '.join(map(str, log.paths[:3]))}: no answer of {log.model} can be used{asked}: {'; '.join(said)}"


def _parts(reader: LiveReader, options: argparse.Namespace, wrong: Callable[[LiveRow], str]) -> Iterator[LiveLog]:
    """The answers of the days asked for, so many at a time; a clock that went back is counted between neighbours."""
    first, last = options.first or dt.date.min, options.last or dt.date.max
    before: dict[str, LiveRow] = {}
    rows: list[LiveRow] = []
    for row in reader:
        earlier = before.get(row.run)
        reader.skipped.clock_back += earlier is not None and earlier.seq < row.seq and row.time < earlier.time
        before[row.run] = row
        if not first <= row.time.date() <= last:
            reader.skipped.other_days[row.time.date()] += 1
            continue
        if why := wrong(row):
            reader.skipped.add(f"broken: {why}", f"answer {row.id}")
            continue
        rows.append(row)
        if len(rows) == PART:
            yield LiveLog(reader.model, reader.paths, tuple(rows), reader.skipped)
            rows = []
    yield LiveLog(reader.model, reader.paths, tuple(rows), reader.skipped)


def _show(drift: Drift) -> None:
    title = f"{drift.model} {drift.version}: {drift.rows:,} answers, {drift.first} to {drift.last}"
    columns = _table(title, "column", "side", "PSI", "KS", "p", "out of range", "missing", "verdict")
    for one in drift.columns:
        verdict = "not known" if one.psi is None else "moved" if one.moved else "as trained"
        columns.add_row(
            one.name,
            one.side,
            _number(one.psi),
            _number(one.ks),
            _number(one.ks_p),
            _percent(one.outside),
            _percent(one.missing),
            verdict,
        )
    cli.result(columns)
    shares = _table("shares", "share", "found", "allowed", "verdict", "note")
    for share in drift.shares:
        verdict = "not known" if share.value is None else "too many" if share.moved else "let pass"
        shares.add_row(share.name, _percent(share.value), _percent(share.allowed), verdict, share.note)
    cli.result(shares)
    if drift.quality is not None:
        outcomes = _table(
            f"{drift.quality.rows:,} answers with outcomes", "figure", "live", "beside", "its value", "verdict"
        )
        for skill in drift.quality.skill:
            verdict = "surely worse" if skill.worse else "not surely worse"
            outcomes.add_row(skill.measure, _number(skill.loss), skill.baseline, _number(skill.baseline_loss), verdict)
        for one_off in drift.quality.calibration:
            interval = f"{_number(one_off.low)} to {_number(one_off.high)}; should be"
            if not one_off.known:
                interval = "too few days for an interval; should be"
            outcomes.add_row(
                one_off.name,
                _number(one_off.value),
                interval,
                _number(one_off.expected),
                "not known" if not one_off.known else "off" if one_off.off else "as said",
            )
        cli.result(outcomes)
        for line in drift.quality.notes:
            cli.show(f"note: {line}")
    for line in drift.skipped:
        cli.show(f"warning: {line}")
    if drift.sampled:
        cli.show(f"note: live quantiles are those of {drift.sampled:,} values drawn at random; the rest is of all")
    if all(one.psi is None for one in drift.columns):
        cli.show("warning: the version's manifest holds no distribution of its training; train and export again")


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"
