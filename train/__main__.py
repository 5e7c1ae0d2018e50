"""`python -m train`: fit, calibrate and evaluate the models."""

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from train.config import DEFAULT_CONFIG, load_config
from train.core import cli
from train.core.errors import PipelineError
from train.core.records.record import TrainingRecord, read_record, write_record
from train.core.tables.calendar import CALENDARS, WEEKDAYS, calendar_name
from train.model import Model, TrainingRequest
from train.provenance import age, is_due, provenance_of
from train.registry import models

DEFAULT_OUT = Path("build/models")

EXAMPLES = """\
examples:
{examples}

The fitted model and training.json (its fingerprint and quality) are written to <out>/<model>/.
Next: python -m export. Exit codes: 0 good, 2 could not.
"""


def parser() -> argparse.ArgumentParser:
    """The command line of `python -m train`."""
    rows = [("", "every model, on the built-in simulators"), ("--if-older-than 7d", "what was not trained this week")]
    rows += [(f"{name} {example}", says) for name, model in models().items() for example, says in model.train_examples]
    command = argparse.ArgumentParser(
        prog="python -m train",
        description=__doc__,
        epilog=EXAMPLES.format(examples=cli.example_lines("python -m train", rows)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    estimators = sorted({name for model in models().values() for name in model.estimators})
    command.add_argument("model", nargs="?", default="all", choices=[*models(), "all"], help="default: all")
    command.add_argument("--data", nargs="+", type=Path, default=[], metavar="FILE", help="default: the simulator")
    command.add_argument("--outcomes", nargs="+", type=Path, default=[], metavar="FILE", help="of a log among --data")
    command.add_argument("--config", type=Path, default=DEFAULT_CONFIG, help=f"default: {DEFAULT_CONFIG}")
    command.add_argument("--calendar", type=calendar_name, help=f"trading days: {CALENDARS} (default: the config's)")
    command.add_argument("--estimator", choices=estimators, help="for a model that offers a choice")
    command.add_argument("--if-older-than", type=age, metavar="AGE", help="train only what is older, for instance 7d")
    command.add_argument("--out", type=Path, default=DEFAULT_OUT, help=f"default: {DEFAULT_OUT}")
    return command


def main(arguments: Sequence[str]) -> int:
    """Train what is asked for, one model after the other."""
    options = parser().parse_args(arguments)
    if options.data and options.model == "all":
        raise PipelineError(f"--data needs the model it is for: python -m train {next(iter(models()))} --data ...")
    asked = [models()[name] for name in (models() if options.model == "all" else (options.model,))]
    choices = {model.name: _estimator(options.estimator, model, alone=len(asked) == 1) for model in asked}
    config = load_config(options.config)
    warnings: list[str] = []

    def show(line: str) -> None:
        cli.show(line)
        if line.startswith("warning: "):
            warnings.append(line)

    for model in asked:
        where = options.out / model.name
        if options.if_older_than is not None:
            due, why = is_due(_known(where), options.if_older_than)
            show(f"{why}; {model.name}" if why.startswith("warning: ") else f"{model.name}: {why}")
            if not due:
                continue
        request = TrainingRequest(
            out=where,
            data=options.data,
            training=config.training,
            section=config.section(model.name),
            estimator=choices[model.name],
            show=show,
            outcomes=options.outcomes,
            calendar=options.calendar or config.runtime.calendar or WEEKDAYS,
        )
        made = {"provenance": provenance_of(request), "trained_at": datetime.now(UTC).isoformat(timespec="seconds")}
        record = model.train(request).model_copy(update=made)
        write_record(where, record)
        cli.show(f"{model.name}: {record.estimator}, {record.data.rows:,} rows, {record.seconds:.1f} s -> {where}")
        for row in record.quality:
            cli.show(f"  {row.metric}: {row.value:.4f} ({row.baseline}: {row.baseline_value:.4f})")
    # What was left out must not scroll away.
    for line in warnings:
        cli.show(line)
    return cli.EXIT_GOOD


def _known(folder: Path) -> TrainingRecord | None:
    """The record of an earlier training; None where there is none that can be read."""
    try:
        return read_record(folder)
    except PipelineError:
        return None


def _estimator(chosen: str | None, model: Model, *, alone: bool) -> str | None:
    """The estimator that one model is to use; models without the chosen one keep their own unless asked for alone."""
    if chosen is None or chosen in model.estimators:
        return chosen
    if alone:
        offers = f"choose from {', '.join(model.estimators)}" if model.estimators else "it offers no choice"
        raise PipelineError(f"--estimator {chosen}: not one of {model.name}'s; {offers}; leave it out")
    return None


if __name__ == "__main__":
    cli.run(main)
