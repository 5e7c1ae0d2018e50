"""Whether a history is what it seems: rows left out by chance, one row a trade, an outcome in each.

A model learns from what is left. Losses that cannot be read, opening legs without a profit of their own and one trade
in many fills each make a history that looks whole and is not.
"""

import math
from collections import Counter

import numpy as np

from train.core.errors import PipelineError
from train.signal_classifier.history.trade_columns import TradeColumns
from train.signal_classifier.history.trade_rows import DUPLICATE

MOST_REJECTED = 0.05
"""Of a history's rows, repeated signals not counted."""
ENOUGH = 8
"""Rejected rows whose outcome is known, from which on their share of profitable ones says something."""
DEVIATIONS = 4.0
"""Standard deviations between the share of profitable rows left out and of those kept that chance does not explain."""
MOST_ZERO = 0.2
"""Of the trades with a pnl of exactly 0: scratch trades are some, opening legs are half."""
MOST_FILLS = 0.05
FILL_SECONDS = 300.0


def check_history(name: str, trades: TradeColumns) -> list[str]:
    """Notes on what is odd.

    Raises:
        PipelineError: too many rows are rejected, or they are of one outcome; opening legs or fills count as trades.
    """
    _check_rejections(name, trades)
    return [*_check_zeros(name, trades), *_check_fills(name, trades)]


def _check_rejections(name: str, trades: TradeColumns) -> None:
    bad = [row for row in trades.rejected if row.field != DUPLICATE]
    total = len(trades.kept) + len(bad)
    if not bad or not len(trades.kept):
        return
    fields = ", ".join(f"{count} for {field!r}" for field, count in Counter(row.field for row in bad).most_common())
    first = f"the first: {bad[0].where}: {bad[0].reason}"
    if len(bad) > MOST_REJECTED * total:
        raise PipelineError(
            f"{name}: {len(bad)} of {total} rows rejected ({fields}), more than {MOST_REJECTED:.0%}; what is left may "
            f"not be your history; {first}"
        )
    known = [row.profitable for row in bad if row.profitable is not None]
    share = int(trades.small("profitable")[trades.kept].sum()) / len(trades.kept)
    if len(known) >= ENOUGH and 0.0 < share < 1.0:
        off = (sum(known) - len(known) * share) / math.sqrt(len(known) * share * (1.0 - share))
        if abs(off) > DEVIATIONS:
            raise PipelineError(
                f"{name}: {sum(known)} of {len(known)} rejected rows are profitable, of those kept {share:.0%}: the "
                f"rows left out are of one outcome; {first}"
            )


def _check_zeros(name: str, trades: TradeColumns) -> list[str]:
    zeros = trades.kept[np.equal(trades.pnl[trades.kept], 0.0)]
    if not len(zeros):
        return []
    if len(zeros) > MOST_ZERO * len(trades.kept):
        raise PipelineError(
            f"{name}: {len(zeros)} of {len(trades.kept)} trades have a pnl of exactly 0 and would count as losses, the "
            f"first is {trades.where(int(zeros[0]))}; opening legs have no outcome: keep one row a trade, with its "
            "closing pnl"
        )
    return [f"{len(zeros)} trades have a pnl of exactly 0 and count as not profitable"]


def _check_fills(name: str, trades: TradeColumns) -> list[str]:
    """Rows that repeat a trade a moment later, or in a file without times anywhere, but for volumes and rounding."""
    fills = trades.fills(FILL_SECONDS)
    if len(fills) > MOST_FILLS * len(trades.kept):
        before, after = (trades.where(row) for row in fills[0])
        raise PipelineError(
            f"{name}: {len(fills)} of {len(trades.kept)} rows look like fills of an earlier one, the first is {after} "
            f"after {before}; merge the fills of a trade into one row with their pnl together"
        )
    if not fills:
        return []
    return [f"{len(fills)} rows look like fills of an earlier one; merge the fills of a trade into one row"]
