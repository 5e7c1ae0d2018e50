"""`python -m train.history_from_chains`: hands on to the model that learns from such a history."""

import argparse
import importlib
from collections.abc import Sequence
from typing import Any

from train.core import cli
from train.core.errors import PipelineError
from train.registry import models

COMMAND = "history_from_chains"


def parser() -> argparse.ArgumentParser:
    """The command line, which is the model's."""
    command: argparse.ArgumentParser = _module().parser()
    return command


def main(arguments: Sequence[str]) -> int:
    """Call the command of the model that has it."""
    code: int = _module().main(arguments)
    return code


def _module() -> Any:
    module = next((model.commands[COMMAND] for model in models().values() if COMMAND in model.commands), None)
    if module is None:
        raise PipelineError(f"no model here has a command {COMMAND}; see `commands` in train/model.py")
    return importlib.import_module(module)


if __name__ == "__main__":
    cli.run(main)
