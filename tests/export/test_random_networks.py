"""Two hundred networks drawn at random: compiled and in agreement with Keras, or refused by name in one line."""

import re
from collections import Counter

import numpy as np
import pytest

from export.keras.agreement import check_agreement
from export.keras.measured import compile_network
from export.keras.seeded_batch import seeded_batch
from tests.support.random_networks import random_network
from train.core.errors import PipelineError

pytestmark = pytest.mark.slow

NETWORKS, PART = 200, 50
UNTRIED = 77
"""The seed of rows that the compiler has not seen."""


@pytest.mark.parametrize("first", range(0, NETWORKS, PART))
def test_a_random_network_is_compiled_or_refused_by_name(first: int) -> None:
    outcomes: Counter[str] = Counter()
    for seed in range(first, first + PART):
        model, used = random_network(seed)
        try:
            graph, grade = compile_network(model, name="m")
        except PipelineError as error:
            said = str(error)
            assert "\n" not in said, (seed, used)
            assert re.search(r"Keras \w+ '|answers otherwise|does not answer", said), (seed, used, said)
            outcomes["in disagreement" if "answers otherwise" in said else "refused"] += 1
            continue
        outcomes[grade.kind] += 1
        if grade.kind == "exact":
            check_agreement(model, graph, seeded_batch(model, seed=UNTRIED))
    assert outcomes["in disagreement"] <= 2, outcomes
    assert outcomes["exact"] >= 0.8 * PART, outcomes
    assert np.sum(list(outcomes.values())) == PART
