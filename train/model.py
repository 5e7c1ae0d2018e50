"""What a model is to everything outside its folder: the one interface that `train/<model>/model.py` fulfils.

`train`, `export` and `verify` know a model only through this class, and find it through `train.registry`; none of them
names one. What has a default here suits a scikit-learn model with one table of numbers as input; a model overrides what
is otherwise with it.
"""

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from train.core.config_sections import MlIntegration, ModelSection, Training
from train.core.contract import Task, Tensor
from train.core.errors import PipelineError
from train.core.records.evidence import Evidence
from train.core.records.live_log import LiveLog
from train.core.records.live_window import Indicator, LiveWindow
from train.core.records.record import QualityRow, TrainingRecord
from train.core.records.skill import SeriesSkill
from train.core.records.window import Window
from train.core.tables.calendar import WEEKDAYS

Array = NDArray[Any]
Floats = NDArray[np.float64]
Tensors = Mapping[str, Array]
"""Tensor name -> array; axis 0 is the batch."""
Library = Literal["scikit-learn", "keras"]


@dataclass(frozen=True)
class TrainingRequest:
    """What `python -m train` asks of a model.

    Attributes:
        out: the folder for the fitted model and `training.json`.
        data: the user's files; none means the model's simulator.
        training: the section `training` of the config.
        section: the model's own section of the config.
        estimator: one of the model's `estimators`; None where it offers no choice.
        show: called with each line of progress.
        outcomes: what came of the answers of a log among `data`.
        calendar: which days are trading days, by name (`train.core.tables.calendar`).
    """

    out: Path
    data: Sequence[Path]
    training: Training
    section: ModelSection
    estimator: str | None
    show: Callable[[str], None]
    outcomes: Sequence[Path] = ()
    calendar: str = WEEKDAYS


@dataclass(frozen=True)
class FittedModel:
    """A fitted model, as its own library answers.

    Attributes:
        place: the file, for messages.
        library: whose it is, and so who compiles it.
        estimator: the library's object.
        answer: (estimator, inputs) -> outputs by tensor name, float64. A function of its arguments alone: `verify`
            also asks it of altered copies of the estimator.
        second_class_only: the one output is the probability of a binary classifier's second class.
    """

    place: str
    library: Library
    estimator: Any
    answer: Callable[[Any, Tensors], Tensors]
    second_class_only: bool = False


class Model(ABC):
    """One model; its folder's `model.py` holds an instance named `MODEL`.

    Class attributes:
        name: the folder's.
        task: what kind of answer it gives.
        inputs: tensors in graph order.
        outputs: tensors in graph order.
        reference: what the original is, in words, for the manifest.
        purpose: what its answers are for, and what not: a sentence or two for the card.
        relative: how far an answer of a network may be from the original's; of scikit-learn's the compiler knows.
        section: its keys in the config.
        estimators: what `--estimator` chooses from, the default first; () for no choice.
        trusted_types: types of its own that a .skops file may hold.
        train_examples, verify_examples: arguments and what they do, for the help of the two commands.
        demonstration: calls of the Rust binary that the summary shows, as arguments.
        commands: further commands of `python -m train.<name>` -> the module whose `main` they are.
        random_rows: how many random rows a check compares by default.
        scores_series: whether it forecasts series, and `skill` scores it on one.
        in_make: whether `make`, and the commands that are given no name, train it; if not, `make models` does, and
            what is served is the version committed in `artifacts/`. The Makefile looks for the line `in_make = False`.
    """

    name: ClassVar[str]
    task: ClassVar[Task]
    inputs: ClassVar[tuple[Tensor, ...]]
    outputs: ClassVar[tuple[Tensor, ...]]
    reference: ClassVar[str]
    purpose: ClassVar[str] = ""
    relative: ClassVar[float] = 0.0
    section: ClassVar[type[ModelSection]] = ModelSection
    estimators: ClassVar[tuple[str, ...]] = ()
    trusted_types: ClassVar[tuple[str, ...]] = ()
    train_examples: ClassVar[tuple[tuple[str, str], ...]] = ()
    verify_examples: ClassVar[tuple[tuple[str, str], ...]] = ()
    demonstration: ClassVar[tuple[tuple[str, ...], ...]] = ()
    commands: ClassVar[Mapping[str, str]] = {}
    random_rows: ClassVar[int] = 200_000
    scores_series: ClassVar[bool] = False
    in_make: ClassVar[bool] = True

    @abstractmethod
    def train(self, request: TrainingRequest) -> TrainingRecord:
        """Fit, measure, write the model's file and then `training.json`.

        Raises:
            PipelineError: the data is wrong or too little; what was there before stays.
        """

    @abstractmethod
    def load(self, folder: Path) -> FittedModel | None:
        """The original in the folder that `train` wrote; None when it is not there.

        Raises:
            PipelineError: it is there and cannot be read, or does not fit the contract.
        """

    def manifest_settings(self, record: TrainingRecord) -> dict[str, Any]:
        """What the manifest's `settings` hold: what code of the model's own reads at run time."""
        return {}

    def decisions(self, section: ModelSection, shared: MlIntegration) -> dict[str, float]:
        """What is decided from the first answer: name of a decision -> the value above which it is taken."""
        return {}

    def probes(self, settings: Mapping[str, Any], base: Tensors) -> dict[str, Tensors] | None:
        """Families of inputs made to break the compiled model; None lets `verify` derive them from the estimator.

        Args:
            settings: of the manifest.
            base: golden inputs.
        """
        return None

    def random_inputs(self, settings: Mapping[str, Any], base: Tensors, rows: int, *, seed: int) -> Iterator[Tensors]:
        """Random inputs in chunks, the same for the same seed; asked for only where `probes` gives some."""
        raise NotImplementedError

    def read_input(self, text: str, settings: Mapping[str, Any], *, calendar: str = WEEKDAYS) -> Tensors:
        """One input as a person gives it to `verify explain`, as tensors with a batch of one.

        Args:
            text: the input, or the name of its file.
            settings: those of the artifact.
            calendar: which days of a file are trading days, by name.

        Raises:
            PipelineError: it is none; names the field or the file.
        """
        raise PipelineError(f"{self.name}: has no way to read one input; use `dollarbill-ml run`")

    def skill(
        self,
        path: Path,
        settings: Mapping[str, Any],
        answer: Callable[[Tensors], Tensors],
        *,
        history: int | None,
        first: dt.date | None,
        calendar: str = WEEKDAYS,
    ) -> SeriesSkill:
        """How it did on the series in a file, beside simple rivals.

        Args:
            path: the file.
            settings: of the manifest.
            answer: inputs -> outputs, by tensor name, of the version in question.
            history: days that each forecast may see; None lets the model choose.
            first: the first day to forecast from; None: as early as that allows.
            calendar: which days are trading days, by name.

        Raises:
            PipelineError: the model forecasts no series, or the file says too little.
        """
        raise PipelineError(f"{self.name}: forecasts no series; there is nothing to score on {path}")

    def summary_rows(self, quality: Sequence[QualityRow]) -> list[QualityRow]:
        """The figures that the summary shows."""
        return list(quality)

    def card_lines(self, settings: Mapping[str, Any]) -> list[str]:
        """A section of the model card on what is peculiar to the model, as Markdown, from the record's settings."""
        return []

    def window_inputs(self, window: Window, settings: Mapping[str, Any]) -> Tensors:
        """The inputs of the gate's window (`train.core.records.window`), a row for each of its `moments`.

        Args:
            window: as training wrote it.
            settings: of the manifest.
        """
        return {tensor.name: window.arrays[tensor.name] for tensor in self.inputs}

    def window_losses(self, window: Window, outputs: Tensors) -> dict[str, Floats]:
        """Measure -> loss of each row of the window, float64 [row], lower is better; NaN where there is no outcome.

        Args:
            window: as training wrote it.
            outputs: what a version answers to `window_inputs`, by tensor name.
        """
        raise NotImplementedError

    def live_window(self, log: LiveLog, outcomes: Sequence[Path]) -> LiveWindow:
        """Those answers of a log whose outcome is known, in the order of the log.

        Args:
            log: answers of this model, none of them a fallback's.
            outcomes: the user's files.

        Raises:
            PipelineError: a file is wrong, or tells no outcome; or the model knows none.
        """
        raise PipelineError(f"{self.name}: its folder does not say what an outcome is; leave --outcomes out")

    def live_indicators(self, window: Window, outputs: Tensors) -> list[Indicator]:
        """How well calibrated answers are whose outcome is known.

        Args:
            window: from `live_window`.
            outputs: what was answered to its rows, by tensor name.
        """
        return []

    def live_evidence(self, window: Window, outputs: Tensors) -> Evidence:
        """Curves of answers whose outcome is known, for the report of `verify drift`; arguments as before."""
        return Evidence()

    def picture(self, settings: Mapping[str, Any], golden_outputs: Tensors) -> tuple[str, bytes] | None:
        """A caption and a PNG of one answer for the HTML report, from the golden cases."""
        return None
