"""The comparator: two sets of answers in, what differs out. Pure functions on arrays; a miss is a result, no exception.

Exact (both tolerances 0) means the same 64 bits: -0.0 is not 0.0, and a NaN equals a NaN of any payload. With a
tolerance, x is in parity with the original's y when abs(x - y) <= absolute + relative * abs(y); NaN equals NaN only, an
infinity only the same infinity.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Decide = Callable[[Floats], npt.NDArray[np.int64]]
"""Answers [row, output] -> the decision taken on each row, as a whole number."""

KEPT_ROWS = 5
_DECADES = range(-18, 1)
_EDGES = np.array([0.0, *(10.0**decade for decade in _DECADES)])
SIZES = ("0", "< 1e-18", *(f"1e{decade}" for decade in _DECADES), "NaN or infinite")
"""Bins of absolute differences: none at all, then by decade (from that size up to ten times it; 1e0: 1 or more)."""
NOT_A_NUMBER_APART = int(np.iinfo(np.uint64).max)


@dataclass(frozen=True)
class Tolerance:
    """How far an answer may be from the original's; both 0: bit for bit."""

    absolute: float = 0.0
    relative: float = 0.0

    @property
    def exact(self) -> bool:
        """Whether answers must agree to the last bit."""
        return self.absolute == 0.0 and self.relative == 0.0

    def __str__(self) -> str:
        return "bit for bit" if self.exact else f"|x - y| <= {self.absolute:g} + {self.relative:g} |y|"


@dataclass(frozen=True)
class RowDifference:
    """One row on which the two differ; `index` counts from the first row compared."""

    index: int
    inputs: tuple[float, ...]
    expected: tuple[float, ...]
    found: tuple[float, ...]


@dataclass(frozen=True)
class ParityResult:
    """What a comparison found; results of consecutive chunks are joined with `+`.

    Attributes:
        rows: rows compared.
        mismatched: rows with at least one answer out of tolerance, or a flipped decision.
        max_abs: largest absolute difference; infinite when one side has a NaN or infinity that the other has not.
        max_ulp: largest distance in representable doubles; the largest uint64 for a NaN against a number.
        flipped: decision name -> rows on which the two decide differently.
        first: the first mismatched rows, at most `KEPT_ROWS`.
        bit_equal: rows whose every answer has the original's 64 bits (a NaN equals any NaN).
        max_rel: largest difference relative to the original's answer; infinite where that is 0 and the other is not.
        spread: rows by the size of their largest absolute difference: see `SIZES`.
        problem: why the answers could not be compared element by element ("" when they could).
    """

    rows: int = 0
    mismatched: int = 0
    max_abs: float = 0.0
    max_ulp: int = 0
    flipped: dict[str, int] = field(default_factory=dict)
    first: tuple[RowDifference, ...] = ()
    problem: str = ""
    bit_equal: int = 0
    max_rel: float = 0.0
    spread: tuple[int, ...] = (0,) * len(SIZES)

    @property
    def in_parity(self) -> bool:
        """True only when something was compared and nothing differed."""
        return self.rows > 0 and self.mismatched == 0 and not self.problem and not any(self.flipped.values())

    def __add__(self, later: "ParityResult") -> "ParityResult":
        moved = tuple(replace(row, index=row.index + self.rows) for row in later.first)
        return ParityResult(
            rows=self.rows + later.rows,
            mismatched=self.mismatched + later.mismatched,
            max_abs=max(self.max_abs, later.max_abs),
            max_ulp=max(self.max_ulp, later.max_ulp),
            flipped={
                name: self.flipped.get(name, 0) + later.flipped.get(name, 0)
                for name in {**self.flipped, **later.flipped}
            },
            first=(self.first + moved)[:KEPT_ROWS],
            problem=self.problem or later.problem,
            bit_equal=self.bit_equal + later.bit_equal,
            max_rel=max(self.max_rel, later.max_rel),
            spread=tuple(a + b for a, b in zip(self.spread, later.spread, strict=True)),
        )


def compare(
    expected: npt.ArrayLike,
    found: npt.ArrayLike,
    *,
    inputs: npt.ArrayLike | None = None,
    tolerance: Tolerance | None = None,
    decisions: Mapping[str, Decide] | None = None,
) -> ParityResult:
    """Compare answers row by row.

    Args:
        expected: the original's answers, float64 [row] or [row, output].
        found: the compiled model's answers, same shape.
        inputs: float64 [row, column], quoted for mismatched rows.
        tolerance: bit for bit when None.
        decisions: name -> what is decided from an answer; computed from each side's own numbers.

    Returns:
        A result; answers of another shape or kind make every row mismatched, and `problem` says why.
    """
    first, second = np.asarray(expected), np.asarray(found)
    rows = len(first) if first.ndim else 0
    if first.shape != second.shape or first.ndim not in (1, 2):
        return _unlike(rows, second, f"shape {list(second.shape)} instead of {list(first.shape)}")
    if second.dtype != np.float64 or first.dtype != np.float64:
        return _unlike(rows, second, f"type {second.dtype} instead of float64 (original {first.dtype})")
    first, second = _as_table(first), _as_table(second)
    wrong = ~agreement(first, second, tolerance or Tolerance()).all(axis=1)
    flipped = {name: decide(first) != decide(second) for name, decide in (decisions or {}).items()}
    for flips in flipped.values():
        wrong |= flips
    apart = absolute_difference(first, second)
    return ParityResult(
        rows=rows,
        mismatched=int(wrong.sum()),
        max_abs=float(apart.max(initial=0.0)),
        max_ulp=int(ulp_distance(first, second).max(initial=0)),
        flipped={name: int(flips.sum()) for name, flips in flipped.items()},
        first=_quote(np.flatnonzero(wrong)[:KEPT_ROWS], first, second, inputs),
        bit_equal=int(agreement(first, second, Tolerance()).all(axis=1).sum()),
        max_rel=float(relative_difference(first, apart).max(initial=0.0)),
        spread=_spread(apart.max(axis=1, initial=0.0)),
    )


def above(threshold: float) -> Decide:
    """TRADE (1) when the first answer is above `threshold`, else AVOID (0); a NaN is AVOID."""

    def decide(answers: Floats) -> npt.NDArray[np.int64]:
        return (answers[:, 0] > threshold).astype(np.int64)

    return decide


def label(answers: Floats) -> npt.NDArray[np.int64]:
    """Index of the most probable class, the first of equals, as scikit-learn decides."""
    result: npt.NDArray[np.int64] = np.argmax(answers, axis=1).astype(np.int64)
    return result


def agreement(expected: Floats, found: Floats, tolerance: Tolerance) -> Bools:
    """Element by element: in parity or not, as the head of this module defines it."""
    both_nan = np.isnan(expected) & np.isnan(found)
    if tolerance.exact:
        same_bits: Bools = both_nan | (_bits(expected) == _bits(found))
        return same_bits
    with np.errstate(invalid="ignore", over="ignore"):
        near = np.abs(found - expected) <= tolerance.absolute + tolerance.relative * np.abs(expected)
    finite = np.isfinite(expected) & np.isfinite(found)
    result: Bools = both_nan | (expected == found) | (finite & near)
    return result


def absolute_difference(expected: Floats, found: Floats) -> Floats:
    """|found - expected|; 0 for NaN against NaN and an infinity against itself, infinite for NaN against a number."""
    same = (np.isnan(expected) & np.isnan(found)) | (expected == found)
    with np.errstate(invalid="ignore", over="ignore"):
        difference = np.where(same, 0.0, np.abs(found - expected))
    return np.where(np.isnan(difference), np.inf, difference)


def relative_difference(expected: Floats, apart: Floats) -> Floats:
    """Absolute differences `apart` over |expected|; 0 where they are 0, infinite where only `expected` is 0."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        relative = np.where(apart == 0.0, 0.0, apart / np.abs(expected))
    return np.where(np.isnan(relative), np.inf, relative)


def ulp_distance(expected: Floats, found: Floats) -> npt.NDArray[np.uint64]:
    """How many doubles lie between, counting one end; -0.0 and 0.0 are 1 apart, NaN is 0 from NaN."""
    a, b = _ordered(expected), _ordered(found)
    distance = np.where(a > b, a - b, b - a)
    nan_a, nan_b = np.isnan(expected), np.isnan(found)
    distance = np.where(nan_a != nan_b, np.uint64(NOT_A_NUMBER_APART), distance)
    return np.where(nan_a & nan_b, np.uint64(0), distance).astype(np.uint64)


def _spread(apart: Floats) -> tuple[int, ...]:
    """Rows in each bin of `SIZES`."""
    bins = np.searchsorted(_EDGES, apart, side="right")
    bins[apart == 0.0] = 0
    bins[np.isinf(apart)] = len(SIZES) - 1
    return tuple(np.bincount(bins, minlength=len(SIZES)).tolist())


def _bits(values: Floats) -> npt.NDArray[np.uint64]:
    return np.ascontiguousarray(values).view(np.uint64)


def _ordered(values: Floats) -> npt.NDArray[np.uint64]:
    """Bits rearranged so that they sort as the numbers do."""
    bits, sign = _bits(values), np.uint64(1 << 63)
    return np.where(bits & sign, ~bits, bits | sign)


def _as_table(answers: Floats) -> Floats:
    return answers[:, None] if answers.ndim == 1 else answers


def _unlike(rows: int, found: npt.NDArray[np.generic], problem: str) -> ParityResult:
    count = max(rows, len(found) if found.ndim else 0, 1)
    return ParityResult(
        rows=count,
        mismatched=count,
        max_abs=np.inf,
        max_ulp=NOT_A_NUMBER_APART,
        problem=problem,
        max_rel=np.inf,
        spread=(*(0,) * (len(SIZES) - 1), count),
    )


def _quote(
    indices: npt.NDArray[np.intp], expected: Floats, found: Floats, inputs: npt.ArrayLike | None
) -> tuple[RowDifference, ...]:
    table = np.empty((len(expected), 0)) if inputs is None else np.asarray(inputs, dtype=np.float64)
    return tuple(
        RowDifference(int(i), tuple(table[i].tolist()), tuple(expected[i].tolist()), tuple(found[i].tolist()))
        for i in indices
    )
