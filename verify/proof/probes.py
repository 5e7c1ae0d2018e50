"""Rows made to break a compiled scikit-learn model: its own splits, special numbers, and millions of hostile rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from train.core.contract import Column
from verify.proof.distinguishing_rows import witness_rows
from verify.proof.split_evidence import Count, Judge, SplitProof, Standing
from verify.proof.trees import Group, Visits

Floats = npt.NDArray[np.float64]

AT_SPLITS, AT_ROUTES, GIVEN = "splits +-1 ulp", "routes of NaN", "rows like training"
"""Names of families of rows."""
CHUNK_ROWS = 50_000
START_ROWS = 400
TINY = float(np.finfo(np.float64).tiny)
SPECIAL_NUMBERS = (
    0.0,
    -0.0,
    *(
        sign * size for size in (5e-324, TINY / 2, TINY, 1e-45, 1e-39) for sign in (1.0, -1.0)
    ),  # denormals of both kinds
    *(base + step for base in (2.0**24, 2.0**53) for step in (-1.0, 0.0, 1.0, 2.0)),
    1e15,
    -1e15,
)
"""Numbers that the original accepts in any column."""
OUTER_NUMBERS = (np.nan, np.inf, -np.inf, float(np.finfo(np.float32).max), 3.5e38, -3.5e38, 1e300, -1e300)
"""Numbers that scikit-learn may refuse; rows that it refuses are counted and compared with nothing."""


OUTER_COLUMNS = 8
"""Every refused row is found by asking for it alone, so these go into some columns of a wide model only."""


@dataclass(frozen=True)
class Span:
    """Where the values of one column lie.

    Attributes:
        low: least value seen in training.
        high: largest one.
        integer: whether they are whole.
        choices: ascending, the only values there are (categories); empty where any number is one.
    """

    low: float
    high: float
    integer: bool = False
    choices: tuple[float, ...] = ()


@dataclass(frozen=True)
class RowSource:
    """Endless random rows, the same for the same seed, chunk by chunk, whoever makes them.

    Attributes:
        spans: one per column.
        levels: per column, raw values at which some split lies, ascending; may be empty.
        base: rows like those of the training data, float64 [row, column]; at least one.
    """

    spans: tuple[Span, ...]
    levels: tuple[Floats, ...]
    base: Floats

    def chunks(self, rows: int, *, seed: int) -> Iterator[Floats]:
        """`rows` rows in chunks of `CHUNK_ROWS`."""
        for number in range(-(-rows // CHUNK_ROWS)):
            yield self.numbered(number, rows, seed=seed)

    def numbered(self, number: int, rows: int, *, seed: int) -> Floats:
        """Chunk `number` of `chunks(rows)`, whoever asks for it and when."""
        return self.chunk(min(CHUNK_ROWS, rows - number * CHUNK_ROWS), random=np.random.default_rng((seed, number)))

    def chunk(self, rows: int, *, random: np.random.Generator) -> Floats:
        """Random rows: like training, uniform over its range, at splits of many columns at once, and far outside."""
        kinds = (self._like_training, self._uniform, self._at_splits, self._far)
        share = np.array([0.25, 0.3, 0.35, 0.1])
        counts = random.multinomial(rows, share)
        return np.concatenate([make(int(count), random) for make, count in zip(kinds, counts, strict=True)])

    def _like_training(self, rows: int, random: np.random.Generator) -> Floats:
        picked = self.base[random.integers(len(self.base), size=rows)]
        nudged = picked * (1.0 + 0.05 * random.standard_normal(picked.shape))
        return self._whole(np.where(random.random(picked.shape) < 0.5, picked, nudged))

    def _uniform(self, rows: int, random: np.random.Generator) -> Floats:
        low, high = np.array([s.low for s in self.spans]), np.array([s.high for s in self.spans])
        return self._whole(low + (high - low) * random.random((rows, len(self.spans))))

    def _at_splits(self, rows: int, random: np.random.Generator) -> Floats:
        """Most columns stand at a split, one double below it or one above; the others are uniform."""
        made = self._uniform(rows, random)
        for column, levels in enumerate(self.levels):
            if len(levels):
                picked = levels[random.integers(len(levels), size=rows)]
                towards = random.choice(np.array([-np.inf, np.nan, np.inf]), rows)
                stepped = np.where(np.isnan(towards), picked, np.nextafter(picked, np.nan_to_num(towards, nan=0.0)))
                made[:, column] = np.where(random.random(rows) < 0.7, stepped, made[:, column])
        return self._whole(made) if any(span.choices for span in self.spans) else made

    def _far(self, rows: int, random: np.random.Generator) -> Floats:
        """Uniform rows of which some columns have any size from 1e-6 to 1e6, either sign."""
        made = self._uniform(rows, random)
        far = random.choice([-1.0, 1.0], made.shape) * 10.0 ** random.uniform(-6, 6, made.shape)
        made = np.where(random.random(made.shape) < 0.3, far, made)
        return self._whole(made) if any(span.choices for span in self.spans) else made

    def _whole(self, rows: Floats) -> Floats:
        integer = np.array([s.integer for s in self.spans])
        rows = np.where(integer, np.rint(rows), rows)
        for column, span in enumerate(self.spans):
            if span.choices:
                values, choices = rows[:, column], np.array(span.choices)
                place = np.clip(np.searchsorted(choices, values, side="right") - 1, 0, None)
                rows[:, column] = np.where(np.isnan(values), values, choices[place])
        return rows


@dataclass(frozen=True)
class Probes:
    """Probes of one model: families of rows, the source of random rows, and what the tree probes have shown.

    Attributes:
        families: name -> float64 [row, column].
        source: of random rows.
        visits: splits that the probes leave by both sides.
        standings: for each group of trees, the splits that the probes tell apart.
    """

    families: dict[str, Floats]
    source: RowSource
    visits: Visits
    standings: tuple[Standing, ...] = ()

    @property
    def proof(self) -> SplitProof:
        """All groups together."""
        return SplitProof(
            self.visits.splits,
            self.visits.visited,
            sum((standing.thresholds for standing in self.standings), start=Count()),
            sum((standing.routes for standing in self.standings), start=Count()),
        )


def spans_of(columns: Sequence[Column | Any], base: Floats) -> tuple[Span, ...]:
    """Spans from columns with a trained range (a manifest's), else from the rows `base`."""
    spans = []
    for position, column in enumerate(columns):
        low, high = getattr(column, "trained_minimum", None), getattr(column, "trained_maximum", None)
        values = base[:, position][np.isfinite(base[:, position])]
        low = float(values.min(initial=0.0)) if low is None else low
        high = float(values.max(initial=0.0)) if high is None else high
        spans.append(Span(low, high if high > low else low + 1.0, bool(getattr(column, "integer", False))))
    return tuple(spans)


def tree_probes(
    groups: Sequence[Group],
    base: Floats,
    spans: Sequence[Span],
    *,
    judge: Judge | None = None,
    takes_missing: bool = True,
    seed: int = 0,
) -> Probes:
    """Everything that is derived from the model itself.

    Args:
        groups: the original's trees; none gives a model without split probes.
        base: rows like those of the training data, float64 [row, column]; may hold NaN.
        spans: the columns' ranges.
        judge: says whether the whole model would answer otherwise, see `split_evidence`; None asks each tree alone.
        takes_missing: whether the model answers rows with missing values.
        seed: of every random choice.
    """
    random = np.random.default_rng(seed)
    start = _start_rows(base, spans, random)
    found = [
        witness_rows(group, start, number=number, judge=judge, takes_missing=takes_missing, seed=seed)
        for number, group in enumerate(groups)
    ]
    nothing = np.empty((0, len(spans)))
    at_splits = np.concatenate([nothing, *(one.rows for one in found)])
    source = RowSource(tuple(spans), _levels(at_splits), base)
    families = {
        AT_SPLITS: at_splits,
        AT_ROUTES: np.concatenate([nothing, *(one.missing for one in found)]),
        "special numbers": special_rows(start[:4], SPECIAL_NUMBERS),
        "NaN, infinite, too large": np.concatenate(
            [special_rows(start[:1], OUTER_NUMBERS, most_columns=OUTER_COLUMNS), nan_rows(at_splits, start, random)]
        ),
        GIVEN: base,
    }
    visits = Visits(tuple(groups))
    for name in (AT_SPLITS, GIVEN):
        if len(families[name]):
            visits.add(families[name])
    families = {name: rows for name, rows in families.items() if len(rows)}
    return Probes(families, source, visits, tuple(one.standing for one in found))


def visiting_rows(groups: Sequence[Group], base: Floats, spans: Sequence[Span], *, seed: int = 0) -> Floats:
    """Rows on both sides of every split that can be reached, for a first look at where the splits are."""
    start = _start_rows(base, spans, np.random.default_rng(seed))
    nothing = np.empty((0, len(spans)))
    return np.concatenate([nothing, *(witness_rows(group, start, seed=seed, told=False).rows for group in groups)])


def _start_rows(base: Floats, spans: Sequence[Span], random: np.random.Generator) -> Floats:
    plain = RowSource(tuple(spans), tuple(np.empty(0) for _ in spans), base)
    finite = base[np.isfinite(base).all(axis=1)]
    return np.concatenate([finite[:START_ROWS], plain.chunk(START_ROWS // 4, random=random)])


def special_rows(base: Floats, numbers: Sequence[float], *, most_columns: int = 1000) -> Floats:
    """Every number in every column (in evenly spread ones, if there are more) of every row; then in all at once."""
    rows, width = base.shape
    columns = np.unique(np.linspace(0, width - 1, min(width, most_columns)).astype(np.int64))
    made = np.empty((len(numbers), len(columns) + 1, rows, width))
    for n, number in enumerate(numbers):
        made[n] = base
        made[n, np.arange(len(columns)), :, columns] = number
        made[n, -1] = number
    return made.reshape(-1, width)


def nan_rows(at_splits: Floats, start: Floats, random: np.random.Generator) -> Floats:
    """Rows with one, some or all columns missing: each split is passed with and without its column."""
    pool = at_splits if len(at_splits) else start
    some = pool[random.integers(len(pool), size=min(20_000, 20 * len(pool)))].copy()
    share = random.choice([0.05, 0.2, 0.6], size=(len(some), 1))
    some[random.random(some.shape) < share] = np.nan
    return some


def _levels(at_splits: Floats) -> tuple[Floats, ...]:
    """Raw values that stand beside a neighbouring double in the split probes: those are the splits."""
    levels = []
    for values in at_splits.T:
        unique = np.unique(values)
        levels.append(unique[:-1][np.nextafter(unique[:-1], np.inf) == unique[1:]] if len(unique) > 1 else np.empty(0))
    return tuple(levels)
