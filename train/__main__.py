"""`python -m train`: fit, calibrate and evaluate the models."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from train.config import DEFAULT_CONFIG, Config, load_config
from train.core import cli
from train.core.contract import MODELS
from train.core.errors import PipelineError
from train.core.record import TrainingRecord
from train.signal_classifier.contract import SIGNAL_CLASSIFIER
from train.volatility_predictor.contract import VOLATILITY_PREDICTOR

DEFAULT_OUT = Path("build/models")
ESTIMATORS = ("random_forest", "gradient_boosting", "svm", "voting")

EXAMPLES = """\
examples:
  python -m train                                              both models, on the built-in simulators
  python -m train signal_classifier --data trades.csv          your own trading history (eight features and pnl)
  python -m train signal_classifier --estimator voting
  python -m train volatility_predictor --data spx.csv.gz       dated surfaces, plain or gzip, one file or more

The fitted model and training.json (its fingerprint and quality) are written to <out>/<model>/.
Next: python -m export. Exit codes: 0 good, 2 could not.
"""


def parser() -> argparse.ArgumentParser:
    """The command line of `python -m train`."""
    command = argparse.ArgumentParser(
        prog="python -m train",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("model", nargs="?", default="all", choices=[*MODELS, "all"], help="default: all")
    command.add_argument("--data", nargs="+", type=Path, default=[], metavar="FILE", help="default: the simulator")
    command.add_argument("--config", type=Path, default=DEFAULT_CONFIG, help=f"default: {DEFAULT_CONFIG}")
    command.add_argument("--estimator", choices=ESTIMATORS, help="of the signal classifier (default: random_forest)")
    command.add_argument("--out", type=Path, default=DEFAULT_OUT, help=f"default: {DEFAULT_OUT}")
    return command


def main(arguments: Sequence[str]) -> int:
    """Train what is asked for, one model after the other."""
    options = parser().parse_args(arguments)
    if options.data and options.model == "all":
        raise PipelineError(f"--data needs the model it is for: python -m train {MODELS[0]} --data ...")
    if options.estimator is not None and options.model == VOLATILITY_PREDICTOR:
        raise PipelineError(f"--estimator is a choice of the {SIGNAL_CLASSIFIER}; leave it out for {options.model}")
    config = load_config(options.config)
    for model in MODELS if options.model == "all" else (options.model,):
        record = _train(model, options, config)
        where = options.out / model
        cli.show(f"{model}: {record.estimator}, {record.data.rows:,} rows, {record.seconds:.1f} s -> {where}")
        for row in record.quality:
            cli.show(f"  {row.metric}: {row.value:.4f} ({row.baseline}: {row.baseline_value:.4f})")
    return cli.EXIT_GOOD


def _train(model: str, options: argparse.Namespace, config: Config) -> TrainingRecord:
    out: Path = options.out / model
    training = config.training
    # Each trainer is imported when it is needed: TensorFlow takes seconds to load.
    if model == SIGNAL_CLASSIFIER:
        from train.signal_classifier.training import train as train_signal_classifier

        return train_signal_classifier(
            out=out,
            data=options.data,
            test_split=training.test_split,
            random_state=training.random_state,
            cv_folds=training.cv_folds,
            estimator="random_forest" if options.estimator is None else options.estimator,
            show=cli.show,
        )
    if model == VOLATILITY_PREDICTOR:
        from train.volatility_predictor.training import train as train_volatility_predictor

        return train_volatility_predictor(
            out=out,
            data=options.data,
            random_state=training.random_state,
            sequence_length=config.models.volatility_predictor.sequence_length,
            show=cli.show,
        )
    raise PipelineError(f"no trainer for {model!r}")


if __name__ == "__main__":
    cli.run(main)
