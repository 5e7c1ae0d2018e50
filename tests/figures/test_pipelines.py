"""Random combinations of steps: refused by name, or equal to the original on rows that the compiler never saw."""

from typing import Any

import numpy as np
import pytest

from export.sklearn.graded.measured import compile_graded
from verify.figures import pipelines
from verify.figures.pipelines import BAD, EXACT, REFUSED, WRONG, found_of, main
from verify.figures.pipelines import pipelines as combinations


@pytest.mark.slow
def test_forty_random_combinations_are_refused_by_name_or_equal() -> None:
    every = list(combinations(40, first=500_000))
    assert [one for one in every if one.grade in BAD] == []
    assert sum(one.grade == EXACT for one in every) >= 10
    assert all(one.rows > 0 for one in every if one.grade != REFUSED)
    assert all("\n" not in one.said and one.said for one in every if one.grade == REFUSED)


@pytest.mark.parametrize("seed", [3, 500_000, 500_007])
def test_the_same_seed_gives_the_same_fitted_model(seed: int) -> None:
    one, two = pipelines.drawn(seed), pipelines.drawn(seed)
    assert repr(one.model) == repr(two.model)
    assert np.array_equal(one.answers, two.answers)
    answers = [made.model.fit(made.rows, made.answers).predict(made.fresh) for made in (one, two)]
    assert np.array_equal(*answers)
    seeds = [value for name, value in one.model.get_params().items() if name.endswith("random_state")]
    assert seeds.count(0) == len(seeds)


def test_a_graph_that_answers_otherwise_and_a_traceback_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    seed = next(seed for seed in range(500_000, 500_050) if (one := found_of(seed)) and one.grade == EXACT)

    def of_another(_: Any, *, name: str) -> Any:
        made = pipelines.drawn(seed)
        return compile_graded(made.model.fit(made.rows, made.answers[::-1]), name=name)

    monkeypatch.setattr(pipelines, "compile_graded", of_another)
    found = found_of(seed)
    assert found is not None
    assert found.grade == WRONG

    def broken(*_: Any, **__: Any) -> Any:
        raise TypeError("no such thing")

    monkeypatch.setattr(pipelines, "compile_graded", broken)
    found = found_of(seed)
    assert found is not None
    assert found.said == "TypeError: no such thing"
    assert main(["--count", "1", "--seed", str(seed)]) == 1
