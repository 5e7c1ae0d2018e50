"""What a whole file tells of its units, and the notes on how it was read.

`runtime/src/surface/plausible/judgement.rs` alike.

What is drastic (another unit inside the file, whole years of expiry, a level that no volatility has, an index that
may be a price) is refused unless it is accepted, and then noted; what is odd is noted.
"""

import datetime as dt
import math
from itertools import pairwise
from pathlib import Path

from train.core.errors import PipelineError
from train.volatility_predictor.surfaces.chain_rows import ChainFile
from train.volatility_predictor.surfaces.csv_reader import SurfaceFile
from train.volatility_predictor.surfaces.daily_features import NO_TENOR
from train.volatility_predictor.surfaces.file_name import says_volatility
from train.volatility_predictor.surfaces.plausible.columns_agree import ColumnsAgree
from train.volatility_predictor.surfaces.plausible.levels import Level, level_change
from train.volatility_predictor.surfaces.plausible.quotes import (
    CAUSES,
    ENOUGH,
    INVERSE,
    LOGARITHM,
    LONGEST_TENOR,
    NOT_ONE,
    PERCENT,
    RATIO,
    Convention,
    as_ratio,
    cause,
    convention,
)
from train.volatility_predictor.surfaces.plausible.times import Times
from train.volatility_predictor.surfaces.row_reader import UNKNOWN_VOLUME, Row

HIGH, LOW, ODD = 2.0, 0.04, 0.1
"""Levels of a whole file: above and below the first two it is in another unit; below the third it may be, and neither
reading is taken unless prices or the spot's own moves tell which."""
FEW_DAYS, PART_OF_DAY = 5.0, 0.01
_ACCEPT = "; if it is right, add --accept"
_PERCENT_CAUSE = 2


class Judgement:
    """Collects what the days of one file tell."""

    def __init__(self, path: Path, moneyness_unit: str) -> None:
        self._path = path
        self._causes: dict[int, tuple[int, int]] = {}
        self._rows = 0
        self._reasons: dict[str, tuple[int, str]] = {}
        self._written: dict[str, tuple[int, str]] = {}
        self._doubtful: dict[str, tuple[int, str]] = {}
        self._agree, self._times = ColumnsAgree(), Times()
        self._last = Convention({"logmoneyness": LOGARITHM, "percentmoneyness": PERCENT}.get(moneyness_unit, RATIO))
        self._percent_days: list[str] = []
        self._long: tuple[int, int, float] | None = None
        self._whole, self._longest = True, 0.0
        self._parts_of_days = False
        self._mixed = ""

    @property
    def by_forward(self) -> bool:
        """Whether the moneyness of the last day is by the forward of each expiry."""
        return self._last.forward

    def as_ratios(self, date: dt.date | None, rows: list[Row]) -> list[Row]:
        """The rows with moneyness as strike / spot, whatever it is written as."""
        self._see_tenors(rows)
        self._see_strikes(date, rows)
        written = convention([row.quote for row in rows])
        if written is not None:
            count, first = self._written.get(str(written), (0, str(date) if date else "the file"))
            self._written[str(written)] = (count + 1, first)
            self._last = written
        if self._last.written not in (RATIO, NOT_ONE) and not (
            self._last.written == INVERSE and min(row.quote.moneyness for row in rows) <= 0.0
        ):
            rows = [
                row._replace(quote=row.quote._replace(moneyness=as_ratio(row.quote.moneyness, self._last.written)))
                for row in rows
            ]
        self._agree.see(rows)
        self._times.see(date, rows)
        return rows

    def doubtful(self, date: dt.date | None, reason: str) -> None:
        """Count a day that is kept and may be none."""
        count, first = self._doubtful.get(reason, (0, str(date) if date else "the file"))
        self._doubtful[reason] = (count + 1, first)

    def _see_tenors(self, rows: list[Row]) -> None:
        for row in rows:
            tenor = row.quote.tenor
            if tenor == NO_TENOR or tenor == 0.0:
                self._whole = self._whole and tenor == 0.0
                continue
            self._whole = self._whole and tenor == int(tenor)
            self._longest = max(self._longest, tenor)
            days = tenor * 365.0
            self._parts_of_days |= abs(days - round(days)) > PART_OF_DAY
            if tenor > LONGEST_TENOR:
                count, first, value = self._long or (0, row.line, tenor)
                self._long = (count + 1, first, value)

    def _see_strikes(self, date: dt.date | None, rows: list[Row]) -> None:
        """Whether a strike has several volatilities on a day, without a tenor that would part them."""
        if self._mixed or rows[0].quote.tenor != NO_TENOR:
            return
        quotes = {(row.quote.strike, row.quote.iv) for row in rows}
        if len({strike for strike, _ in quotes}) < len(quotes):
            self._mixed = str(date) if date else "the file"

    def unusable(self, rows: list[Row]) -> None:
        """A day of which nothing is of use: why its rows are not."""
        percent = 0
        for row in rows:
            why = cause(row.quote)
            percent += why == _PERCENT_CAUSE
            count, first = self._causes.get(why, (0, row.line))
            self._causes[why] = (count + 1, first)
        self._rows += len(rows)
        if len(rows) >= ENOUGH and 5 * percent >= 4 * len(rows) and rows[0].date is not None:
            self._percent_days.append(str(rows[0].date))

    def dropped(self, date: dt.date | None, reason: str) -> None:
        """Count a day that was left out."""
        count, first = self._reasons.get(reason, (0, str(date) if date else "the file"))
        self._reasons[reason] = (count + 1, first)

    def commonest_reason(self) -> str:
        """Why most of the days were left out."""
        if not self._reasons:
            return "it has a header and no rows"
        reason, (count, first) = min(self._reasons.items(), key=lambda item: (-item[1][0], item[0]))
        if first == "the file":
            return reason
        return f"{first}: {reason}" if count == 1 else f"{first} and {count - 1} more: {reason}"

    def commonest_cause(self) -> str:
        """What most of the useless rows have in common; empty where there are none."""
        if self._long is not None:
            return f"; {self._long_tenor()}"
        if not self._causes:
            return ""
        why = max(sorted(self._causes), key=lambda key: self._causes[key][0])
        count, first = self._causes[why]
        return f": {count} of {self._rows} rows {CAUSES[why]}, the first is row {first}"

    def notes(
        self, days: list[tuple[dt.date | None, float]], file: SurfaceFile | ChainFile, *, index: bool, accept: bool
    ) -> list[str]:
        """Lines on how the file was read and what was left out.

        Raises:
            PipelineError: what it holds is not plausible, and not accepted.
        """
        lines = []
        levels = [level for _, level in days]
        changes = _changes(days)
        problems = self._drastic(levels, file, index=index)
        for problem in [*problems, *(text for drastic, text in changes if drastic)]:
            if not accept:
                raise PipelineError(f"{self._path}: {problem}{_ACCEPT}")
            lines.append(f"accepted: {problem}")
        lines += [
            f"moneyness is read as {written}" for written in sorted(self._written) if written not in (RATIO, NOT_ONE)
        ]
        lines += [f"{problem} and is not compared" for problem in file.not_compared]
        if file.shape.also:
            lines.append(
                f"column {file.shape.names[file.shape.iv]} is read as the implied volatility, and not "
                f"{', '.join(file.shape.also)}"
            )
        lines += self._agree.odd()
        lines += [] if index else self._times.odd()
        odd = [text for drastic, text in changes if not drastic]
        if odd:
            lines.append(odd[-1] if len(odd) == 1 else f"{odd[-1]}, and {len(odd) - 1} more changes before it")
        lines += rows_left_out(file)
        for reason, (count, day) in sorted(self._reasons.items(), key=lambda item: (-item[1][0], item[0])):
            lines.append(f"left out: {count} day{'s' * (count > 1)}: {reason}, the first is {day}")
        for reason, (count, day) in sorted(self._doubtful.items(), key=lambda item: (-item[1][0], item[0])):
            lines.append(f"{day}{f' and {count - 1} more' if count > 1 else ''}: {reason}")
        return lines

    def _drastic(self, levels: list[float], file: SurfaceFile | ChainFile, *, index: bool) -> list[str]:
        shape = file.shape
        found = []
        if index:
            if shape.names[shape.iv] == "close" and not says_volatility(self._path):
                found.append(
                    "date,close may be an index of volatility or a price, and its name does not say which; call it "
                    "vix.csv, spy_iv.csv or the like"
                )
            level = sorted(levels)[len(levels) // 2]
            if level > HIGH:
                found.append(f"its level is about {level * 100.0:.0f}; is it the price of something?")
            return found
        if self._long is not None:
            found.append(self._long_tenor())
        elif self._whole and self._longest >= 2.0:
            found.append(
                "column for the time to expiry: whole numbers only, which can be read as years and as months or days; "
                "write years, or call it dte if it is in days"
            )
        elif shape.tenor_unit == "days" and self._parts_of_days and self._longest < FEW_DAYS / 365.0:
            found.append(
                f"column {shape.names[shape.tenor]}: fractions of a day, and none of {FEW_DAYS:.0f} days or more: are "
                "they years? Then call it time_to_expiry"
            )
        if shape.unknown and self._mixed:
            found.append(
                f"column '{shape.unknown}' is not known, and strikes have several volatilities on a day (the first is "
                f"{self._mixed}): is it the expiry, the symbol or the type? Call it time_to_expiry, symbol or "
                "option_type, or leave it out"
            )
        if NOT_ONE in self._written:
            count, day = self._written[NOT_ONE]
            found.append(
                f"column moneyness: strike / moneyness is not one spot price on {count} day{'s' * (count > 1)}, the "
                f"first is {day}; write strike / spot, or leave moneyness out and add the spot price"
            )
        elif len(self._written) > 1:
            days = ", ".join(
                f"{name} on {count} days from {day}" for name, (count, day) in sorted(self._written.items())
            )
            found.append(f"column moneyness: its unit changes inside the file: {days}")
        if self._percent_days:
            found.append(
                f"column of the implied volatility: its unit changes inside the file: {len(self._percent_days)} days "
                f"from {self._percent_days[0]} to {self._percent_days[-1]} look like percent"
            )
        found += self._agree.drastic()
        level = sorted(levels)[len(levels) // 2]
        found += self._times.drastic(level)
        if level > HIGH:
            found.append(f"implied volatility is about {level:.2f} ({level * 100.0:.0f} % a year); is it in percent?")
        if level < LOW:
            found.append(f"implied volatility is about {level:.4f}; is it a variance, or of a day instead of a year?")
        elif level < ODD and not (file.inverted or self._agree.priced or self._times.moves_like(level)):
            found.append(
                f"implied volatility is about {level:.3f}, which can be read as a volatility and as a variance "
                f"({math.sqrt(level):.3f} as volatility); prices of the options in the file would tell"
            )
        return found

    def _long_tenor(self) -> str:
        count, first, value = self._long or (0, 0, 0.0)
        years = repr(value).replace("e+", "e")
        return (
            f"row {first}: {years} years to expiry, and {count} rows beyond {LONGEST_TENOR:.0f} years, which no "
            "listed option has; write years, or call the column dte if it is in days"
        )


def rows_left_out(file: SurfaceFile | ChainFile) -> list[str]:
    """How many rows were of no use, or in part, by reason, the commonest first."""
    return [
        f"{'' if reason == UNKNOWN_VOLUME else 'left out: '}{count} row{'s' * (count > 1)} {reason}, the first is row "
        f"{first}"
        for reason, (count, first) in sorted(file.left_out.items(), key=lambda item: (-item[1][0], item[0]))
    ]


def _changes(days: list[tuple[dt.date | None, float]]) -> list[tuple[bool, str]]:
    """What moved from one day to the next as it seldom does."""
    dated: list[Level] = [(date, level) for date, level in days if date is not None]
    found = [level_change(one, other) for one, other in pairwise(dated)]
    return [change for change in found if change is not None]
