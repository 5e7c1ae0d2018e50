"""What the three libraries have in common: binary trees, a start value, an order of addition, and a link."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from export.sklearn.estimators.forest import Tree

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
SMALLEST_OF_LIGHTGBM = float(np.float32(1e-35))
"""LightGBM reads every number of this size or below it as 0."""


@dataclass(frozen=True)
class ZeroAsMissing:
    """A column beside those of the input: column `column`, with NaN in place of 0."""

    column: int


@dataclass(frozen=True)
class Memberships:
    """Columns beside those of the input: what a category does at each of several splits.

    Attributes:
        column: the input's, which holds the code of a category; a fraction is cut off.
        goes_right: bool [code, split]; the last row is of every number that is no code here.
        above: a number up to this one is no code (-1, exclusive), or below it (0, inclusive).
        keeps_missing: NaN stays NaN (else it is no code).
    """

    column: int
    goes_right: Bools
    above: int
    keeps_missing: bool


@dataclass(frozen=True)
class Link:
    """From raw scores to answers.

    Attributes:
        kind: "identity", "logistic", "softmax", "exp", "log1p_exp", "signed_square", "sign" (1 above 0, else 0) or
            "largest" (the number of the largest score).
        slope: of "logistic", what the score is multiplied with first.
    """

    kind: str = "identity"
    slope: float = 1.0


@dataclass(frozen=True)
class BoostedTrees:
    """A model of any of the three libraries.

    Attributes:
        library: its name.
        n_features: columns of the input; `Tree.feature` from there on stands for a column of `derived`.
        trees: `x <= threshold` goes to `true`; value [node, 1] is what the leaf adds, shrinkage included.
        scores: int64 [tree], the score that a tree adds to.
        start: float64 [score], what the sum starts from.
        link: what becomes of the scores.
        single_input: a value is rounded to float32 before it is compared.
        single_sums: the scores are sums of float32, and so are the answers.
        divide: the sums are divided by it (LightGBM's random forest), 1 for no.
        scale: the sums are multiplied with it, and `bias` [score] is added (CatBoost).
        bias: see `scale`.
        derived: what stands beside the input's columns, in order.
        names: of the input's columns; () where the model has none.
        note: what a reader of the file should be told.
    """

    library: str
    n_features: int
    trees: tuple[Tree, ...]
    scores: Ints
    start: Floats
    link: Link
    single_input: bool = False
    single_sums: bool = False
    divide: int = 1
    scale: float = 1.0
    bias: Floats | None = None
    derived: tuple[ZeroAsMissing | Memberships, ...] = ()
    names: tuple[str, ...] = ()
    note: str = ""

    @property
    def n_scores(self) -> int:
        """Raw scores a row."""
        return len(self.start)


@dataclass
class TreeArrays:
    """Nodes on their way to a `Tree`; a child is added after its parent."""

    feature: list[int] = field(default_factory=list)
    threshold: list[float] = field(default_factory=list)
    true: list[int] = field(default_factory=list)
    false: list[int] = field(default_factory=list)
    missing_true: list[bool] = field(default_factory=list)
    value: list[float] = field(default_factory=list)

    def leaf(self, value: float) -> int:
        """Add a leaf; its number."""
        return self._add(-1, 0.0, False, value)

    def split(self, feature: int, threshold: float, *, missing_true: bool) -> int:
        """Add a split, whose children are set later; its number."""
        return self._add(feature, threshold, missing_true, 0.0)

    def tree(self) -> Tree:
        """The arrays as they are now."""
        return Tree(
            feature=np.array(self.feature, dtype=np.int64),
            threshold=np.array(self.threshold, dtype=np.float64),
            true=np.array(self.true, dtype=np.int64),
            false=np.array(self.false, dtype=np.int64),
            missing_true=np.array(self.missing_true, dtype=bool),
            value=np.array(self.value, dtype=np.float64)[:, None],
        )

    def _add(self, feature: int, threshold: float, missing_true: bool, value: float) -> int:
        for part, one in zip(
            (self.feature, self.threshold, self.true, self.false, self.missing_true, self.value),
            (feature, threshold, 0, 0, missing_true, value),
            strict=True,
        ):
            part.append(one)  # type: ignore[attr-defined]
        return len(self.feature) - 1


class CategorySets:
    """Collects the category sets of a model's splits; each becomes a column beside the input's."""

    def __init__(self, first: int, *, inside_goes_right: bool, above: int, keeps_missing: bool) -> None:
        self._first = first
        self._inside = inside_goes_right
        self._above, self._keeps = above, keeps_missing
        self._numbers: dict[tuple[int, tuple[int, ...]], int] = {}

    def column(self, feature: int, codes: list[int]) -> int:
        """Which column a split on `feature` by a set of codes compares, with 0.5; numbers until `places` is known."""
        key = (feature, tuple(sorted(codes)))
        return self._first + self._numbers.setdefault(key, len(self._numbers))

    def memberships(self) -> tuple[tuple[Memberships, ...], Ints]:
        """The columns by input column, and where each number that `column` gave stands among them."""
        by_feature: dict[int, list[tuple[int, tuple[int, ...]]]] = {}
        for (feature, codes), number in self._numbers.items():
            by_feature.setdefault(feature, []).append((number, codes))
        found, places, at = [], np.zeros(len(self._numbers), dtype=np.int64), 0
        for feature, sets in by_feature.items():
            size = 1 + max((max(codes, default=-1) for _, codes in sets), default=-1)
            table = np.full((size + 1, len(sets)), not self._inside)
            for split, (number, codes) in enumerate(sets):
                table[list(codes), split] = self._inside
                places[number] = at + split
            at += len(sets)
            found.append(Memberships(feature, table, self._above, self._keeps))
        return tuple(found), places


def walk(tree: Tree, seen: Floats) -> Ints:
    """The leaf of each row, int64 [row]; `seen` float64 [row, column] as the tree compares it."""
    at = np.zeros(len(seen), dtype=np.int64)
    while (inside := np.flatnonzero(tree.feature[at] >= 0)).size:
        node = at[inside]
        value = seen[inside, tree.feature[node]]
        goes = np.where(np.isnan(value), tree.missing_true[node], value <= tree.threshold[node])
        at[inside] = np.where(goes, tree.true[node], tree.false[node])
    return at


def seen_by_trees(model: BoostedTrees, rows: Floats) -> Floats:
    """The columns that the trees compare, float64 [row, column], derived ones behind the input's."""
    rows = as_compared(model, rows)
    parts = [rows]
    for derived in model.derived:
        column = rows[:, derived.column]
        if isinstance(derived, ZeroAsMissing):
            parts.append(np.where(np.abs(column) <= SMALLEST_OF_LIGHTGBM, np.nan, column)[:, None])
            continue
        codes = len(derived.goes_right) - 1
        with np.errstate(invalid="ignore"):
            known = (column > -1 if derived.above < 0 else column >= 0) & (column < codes)
        table = derived.goes_right.astype(np.float64)[np.where(known, column, codes).astype(np.int64)]
        if derived.keeps_missing:
            table[np.isnan(column)] = np.nan
        parts.append(table)
    return np.concatenate(parts, axis=1)


def as_compared(model: BoostedTrees, x: Floats) -> Floats:
    """What a library makes of a number before it compares it: float32, or 0 for what is next to it."""
    if model.single_input:
        with np.errstate(over="ignore"):
            return x.astype(np.float32).astype(np.float64)
    return np.where(np.abs(x) <= SMALLEST_OF_LIGHTGBM, 0.0, x)
