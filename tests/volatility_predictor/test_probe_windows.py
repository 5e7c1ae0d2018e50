"""Windows made to break a compiled predictor stay within the contract, cover what is asked, and repeat."""

import numpy as np

from train.volatility_predictor.probe_windows import random_windows, window_probes


def golden_windows():
    return np.abs(np.random.default_rng(0).normal(0.3, 0.02, size=(4, 30, 7)))


def test_window_probes_stay_within_the_contract_and_cover_what_is_asked():
    families = window_probes(golden_windows(), least=10)
    assert {"constant and extreme IV", "spikes", "missing days", "missing features", "short histories"} <= set(families)
    for windows in families.values():
        known = windows[:, :, 0][~np.isnan(windows[:, :, 0])]
        assert known.min() > 0.01
        assert known.max() < 5.0
        assert not np.isnan(windows[:, -1, 0]).any()
    known_days = (~np.isnan(families["short histories"][:, :, 0])).sum(axis=1)
    assert set(known_days.tolist()) == set(range(10, 31))


def test_random_windows_repeat_and_keep_enough_known_days():
    first, again = (np.concatenate(list(random_windows(golden_windows(), 10, 700, seed=3))) for _ in range(2))
    assert first.shape == (700, 30, 7)
    assert np.array_equal(first, again, equal_nan=True)
    assert not np.isnan(first[:, -10:, 0]).any()
