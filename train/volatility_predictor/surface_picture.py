"""A picture of one forecast surface with its interval, from a version's golden cases: the original's own answer."""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from train.volatility_predictor.contract import SURFACE_OUTPUT


def surface_picture(settings: Mapping[str, Any], golden_outputs: Mapping[str, NDArray[np.float64]]) -> bytes:
    """PNG of the first golden case's surfaces, one panel a horizon.

    A line is a tenor's smile. The band around the first and the last is the 80 % interval of the average, applied to
    the smile in proportion.
    """
    predicted, lower, upper, surface = (
        golden_outputs[name][0] for name in ("predicted", "lower", "upper", SURFACE_OUTPUT.name)
    )
    moneyness, tenors = settings["moneyness"], settings["tenor_days"]
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(predicted), sharey=True))
    for panel, days, level, low, high, grid in zip(
        panels, settings["horizons"], predicted, lower, upper, surface, strict=True
    ):
        for number, (tenor, smile) in enumerate(zip(tenors, grid, strict=True)):
            (line,) = panel.plot(moneyness, smile, marker="o", markersize=3, linewidth=1, label=f"{tenor} d to expiry")
            if number in (0, len(tenors) - 1):
                band = (smile * low / level, smile * high / level)
                panel.fill_between(moneyness, *band, color=line.get_color(), alpha=0.15, linewidth=0)
        title = f"{days} trading day{'s' if days > 1 else ''} ahead\naverage {level:.3f} ({low:.3f} to {high:.3f})"
        panel.set_title(title, fontsize=8)
        panel.set_xlabel("strike / spot", fontsize=8)
        panel.grid(alpha=0.3)
        panel.set_xticks(moneyness)
        panel.tick_params(labelsize=7)
    panels[0].set_ylabel("implied volatility", fontsize=8)
    panels[-1].legend(fontsize=7)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    return buffer.getvalue()
