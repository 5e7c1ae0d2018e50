"""What the volatility predictor is to the rest of the project (see `train.model`)."""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from train.core.errors import PipelineError
from train.core.records.live_log import LiveLog
from train.core.records.live_window import Indicator, LiveWindow
from train.core.records.record import QualityRow, TrainingRecord
from train.core.records.skill import SeriesSkill
from train.core.records.window import Window
from train.core.tables.calendar import WEEKDAYS, calendar_of
from train.model import FittedModel, Floats, Model, Tensors, TrainingRequest
from train.volatility_predictor.contract import VOLATILITY_INPUT, VOLATILITY_OUTPUTS, VOLATILITY_PREDICTOR
from train.volatility_predictor.settings import VolatilityPredictorSection

EXAMPLE_SURFACE = "examples/surface.csv"
TENOR = ", tenor "


class VolatilityPredictor(Model):
    """Average implied volatility, its interval and the surface, some trading days ahead, by Keras."""

    name = VOLATILITY_PREDICTOR
    task = "forecaster"
    inputs = (VOLATILITY_INPUT,)
    outputs = VOLATILITY_OUTPUTS
    reference = "Keras, float32"
    purpose = (
        "Tomorrow's and later average implied volatility and surface of an underlying, with an interval, from the days "
        "observed of it. It forecasts levels of volatility; it says nothing of the price of the underlying."
    )
    relative = 1e-6
    section = VolatilityPredictorSection
    train_examples = (
        ("--data spx.csv.gz", "dated surfaces, plain or packed, one file or more"),
        ("--data data/vol_history.sqlite", "every day that the runtime has observed"),
    )
    verify_examples = (
        ("--runtime python --report report.html", "with tables and pictures"),
        ("explain surface.csv", "one surface file: who answers what"),
    )
    demonstration = (("predict", EXAMPLE_SURFACE),)
    random_rows = 3_000
    scores_series = True

    def train(self, request: TrainingRequest) -> TrainingRecord:
        """See `training.train`."""
        from train.volatility_predictor.network.pool import SeriesFile, default_files
        from train.volatility_predictor.training import train

        section = request.section
        length = section.sequence_length if isinstance(section, VolatilityPredictorSection) else 10
        return train(
            out=request.out,
            data=[SeriesFile(path) for path in request.data] or default_files(request.show),
            calendar=calendar_of(request.calendar),
            random_state=request.training.random_state,
            sequence_length=length,
            show=request.show,
        )

    def load(self, folder: Path) -> FittedModel | None:
        """`model.keras`."""
        from train.volatility_predictor.original import MODEL_FILE, load_original, predict_original

        path = folder / MODEL_FILE
        if not path.is_file():
            return None

        def answer(asked: Any, inputs: Tensors) -> Tensors:
            return predict_original(asked, inputs[VOLATILITY_INPUT.name])

        return FittedModel(str(path), "keras", load_original(folder), answer)

    def manifest_settings(self, record: TrainingRecord) -> dict[str, Any]:
        """All of the record's: see the contract."""
        return record.settings

    def probes(self, settings: Mapping[str, Any], base: Tensors) -> dict[str, Tensors]:
        """See `probe_windows`."""
        from train.volatility_predictor.probe_windows import window_probes

        families = window_probes(base[VOLATILITY_INPUT.name], least=int(settings["minimum_days"]))
        return {family: {VOLATILITY_INPUT.name: windows} for family, windows in families.items()}

    def random_inputs(self, settings: Mapping[str, Any], base: Tensors, rows: int, *, seed: int) -> Iterator[Tensors]:
        """See `probe_windows`."""
        from train.volatility_predictor.probe_windows import random_windows

        least = int(settings["minimum_days"])
        for windows in random_windows(base[VOLATILITY_INPUT.name], least, rows, seed=seed):
            yield {VOLATILITY_INPUT.name: windows}

    def window_inputs(self, window: Window, settings: Mapping[str, Any]) -> Tensors:
        """Whole windows that end on the days of the gate's window."""
        from train.volatility_predictor.evaluation.gate_window import inputs

        return {VOLATILITY_INPUT.name: inputs(window, days=int(settings["window_days"]))}

    def window_losses(self, window: Window, outputs: Tensors) -> dict[str, Floats]:
        """See `evaluation.gate_window`."""
        from train.volatility_predictor.evaluation.gate_window import losses

        return losses(window, np.asarray(outputs["predicted"], dtype=np.float64))

    def live_window(self, log: LiveLog, outcomes: Sequence[Path]) -> LiveWindow:
        """See `evaluation.live_days`."""
        from train.volatility_predictor.evaluation.live_days import live_window

        return live_window(log, outcomes)

    def live_indicators(self, window: Window, outputs: Tensors) -> list[Indicator]:
        """What comes lies within the interval in four of five cases."""
        from train.volatility_predictor.contract import HORIZONS
        from train.volatility_predictor.evaluation.gate_window import outcomes

        came = outcomes(window)
        inside = ((outputs["lower"] <= came) & (came <= outputs["upper"])).astype(np.float64)
        inside[np.isnan(came)] = np.nan
        return [
            Indicator(f"share within the 80 % interval, {horizon} d", inside[:, column], 0.8, horizon)
            for column, horizon in enumerate(HORIZONS)
        ]

    def read_input(self, text: str, settings: Mapping[str, Any], *, calendar: str = WEEKDAYS) -> Tensors:
        """The newest window of a surface file with dates; days before its first are NaN."""
        from train.volatility_predictor.surfaces.surface_days import read_days

        history = read_days(Path(text), calendar=calendar_of(calendar))
        days, least = int(settings["window_days"]), int(settings["minimum_days"])
        if len(history.features) < least:
            raise PipelineError(f"{text}: {len(history.features)} usable days, a forecast needs {least}")
        window = np.full((1, days, len(VOLATILITY_INPUT.columns)), np.nan)
        known = history.features[-days:]
        window[0, days - len(known) :] = known
        return {VOLATILITY_INPUT.name: window}

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
        """See `evaluation.skill`."""
        from train.volatility_predictor.evaluation.skill import series_skill

        days = calendar_of(calendar)
        return series_skill(path, settings, answer, history=history, first=first, calendar=days)

    def summary_rows(self, quality: Sequence[QualityRow]) -> list[QualityRow]:
        """Of rows that differ in the tenor alone the one furthest from its baseline on the wrong side, and how many."""
        groups: dict[str, list[QualityRow]] = {}
        for row in quality:
            groups.setdefault(row.metric.split(TENOR)[0], []).append(row)
        result = []
        for of, group in groups.items():
            worst = max(group, key=lambda row: row.value / row.baseline_value if row.baseline_value else 0.0)
            more = f", worst of {len(group)} tenors" if len(group) > 1 else ""
            result.append(worst.model_copy(update={"metric": of + more}))
        return result

    def card_lines(self, settings: Mapping[str, Any]) -> list[str]:
        """The grid of the forecast surface."""
        tenors, moneyness = (", ".join(f"{x:g}" for x in settings[name]) for name in ("tenor_days", "moneyness"))
        return [
            "## Surface",
            "",
            f"Implied volatility at {tenors} days to expiry and moneyness (strike / spot) {moneyness}, per horizon "
            f"({', '.join(str(days) for days in settings['horizons'])} trading days ahead). Free of calendar and "
            "butterfly arbitrage by construction, on the grid and between its points (total variance linear in the log "
            "of moneyness and in time); its mean is `predicted`.",
            "",
        ]

    def picture(self, settings: Mapping[str, Any], golden_outputs: Tensors) -> tuple[str, bytes]:
        """The surfaces of the first golden case."""
        from train.volatility_predictor.surface_picture import surface_picture

        caption = (
            "Forecast surface of the first golden case; bands: the 80 % interval of the average, applied to the smile "
            "in proportion."
        )
        return caption, surface_picture(settings, golden_outputs)


MODEL = VolatilityPredictor()
