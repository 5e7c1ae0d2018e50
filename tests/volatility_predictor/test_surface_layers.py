"""Forecast surfaces are free of arbitrage, and the detector of it works."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.support.arbitrage import arbitrage, butterfly, calendar, dense
from tests.support.places import ROOT
from tests.support.tiny_volatility import simulated_windows, tiny_keras, tiny_model
from train.volatility_predictor.contract import GRID_MONEYNESS, GRID_TENOR_DAYS, HORIZONS
from train.volatility_predictor.evaluation.surfaces import NETWORK, TODAY, free_of_arbitrage, surface_errors
from train.volatility_predictor.network.windows import Series, every_end
from train.volatility_predictor.original import predict_original
from train.volatility_predictor.probe_windows import random_windows, window_probes
from train.volatility_predictor.surfaces.simulator import simulate_surfaces
from train.volatility_predictor.surfaces.surface_days import read_days
from verify.figures.volatility_predictor.surface_table import table

pytestmark = pytest.mark.slow

SHAPE = (len(GRID_TENOR_DAYS), len(GRID_MONEYNESS))
SHARED = ROOT / "../shared/data"


def made(cells: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """What the network's last step makes of cells [row, tenor, moneyness] and means [row]."""
    from keras import ops

    from train.volatility_predictor.network.surface_layers import shape_of

    shape = shape_of(ops.convert_to_tensor(cells[:, None], "float64"), ops.convert_to_tensor(mean[:, None], "float64"))
    return np.asarray(shape)[:, 0] * mean[:, None, None]


def random_cells(rows: int, *, spread: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    cells = 1.0 + spread * rng.standard_normal((rows, *SHAPE))
    return cells, np.exp(rng.uniform(np.log(0.01), np.log(5.0), rows))


@pytest.mark.parametrize("spread", [0.01, 0.1, 0.4, 3.0])
def test_any_cells_make_a_surface_free_of_arbitrage_whose_mean_is_the_one_asked_for(spread: float) -> None:
    cells, mean = random_cells(1000, spread=spread, seed=3)
    surfaces = made(cells, mean)
    assert arbitrage(cells[:50] ** 2 + 0.01).any(), "the cells themselves must not be free of it"
    assert not arbitrage(surfaces).any()
    assert surfaces.mean(axis=(1, 2)) == pytest.approx(mean, rel=1e-12)


@pytest.mark.parametrize("tilt", [-3.0, -1.0, 1.0, 3.0])
@pytest.mark.parametrize("bend", [-20.0, 0.0, 20.0, 60.0])
def test_steep_and_bent_smiles_of_every_level_are_free_of_arbitrage(tilt: float, bend: float) -> None:
    k, mean = np.log(GRID_MONEYNESS), np.exp(np.linspace(np.log(0.01), np.log(5.0), 200))
    fading = np.array([1.0, 0.7, 0.5, 0.35, 0.2])[:, None]
    cells = np.repeat((1.0 + (tilt * k + bend * k**2) * fading)[None], 200, axis=0)
    assert not arbitrage(made(cells, mean)).any()


@settings(max_examples=100, deadline=None)
@given(arrays(np.float64, SHAPE, elements=st.floats(-1e6, 1e6)), st.floats(0.001, 10.0))
def test_no_numbers_are_found_that_make_arbitrage(cells: np.ndarray, mean: float) -> None:
    surface = made(cells[None], np.array([mean]))
    assert np.isfinite(surface).all()
    assert not arbitrage(surface).any()
    assert surface.mean() == pytest.approx(mean, rel=1e-12)


def test_a_surface_free_of_arbitrage_stays_what_it_is() -> None:
    grids = simulate_surfaces(20, 60, seed=8).grids.reshape(-1, *SHAPE)
    mean = grids.mean(axis=(1, 2))
    assert made(grids / mean[:, None, None], mean) == pytest.approx(grids, rel=1e-12)


def test_real_surfaces_are_represented_within_a_tenth_of_a_point_but_for_the_first_tenor() -> None:
    grids = read_days(SHARED / "spx_surface_1996_2015.csv.gz").grids
    assert grids is not None
    free = free_of_arbitrage(grids)
    assert np.array_equal(np.isnan(free), np.isnan(grids))
    errors = 100.0 * np.sqrt(np.nanmean((free - grids) ** 2, axis=(0, 2)))
    # At 30 days call wings turn up so steeply on some days that no line can follow.
    assert (errors < [0.4, 0.12, 0.1, 0.1, 0.1]).all(), errors
    whole = ~np.isnan(grids).any(axis=(1, 2))
    assert not arbitrage(free[whole]).any()


def broken(change: str) -> np.ndarray:
    """One surface free of arbitrage with one thing wrong."""
    grid = made(np.ones((1, *SHAPE)), np.array([0.2]))[0]
    assert not arbitrage(grid)
    if change == "a far tenor below a near one":
        grid[2, 4] = grid[1, 4] * np.sqrt(60.0 / 91.0) * 0.999
    elif change == "a cell too high":
        grid[0, 2] *= 1.2
    elif change == "a wing too steep":
        grid[:, 4] *= 3.0
    return grid


@pytest.mark.parametrize("change", ["a far tenor below a near one", "a cell too high", "a wing too steep"])
def test_a_broken_surface_is_caught(change: str) -> None:
    assert arbitrage(broken(change))


def test_the_detector_says_which_arbitrage_it_is() -> None:
    _, _, falling = dense(broken("a far tenor below a near one"))
    assert calendar(falling) > 0
    _, strikes, bumped = dense(broken("a cell too high"))
    assert butterfly(bumped, strikes) > 1e-4


def test_forecasts_of_every_kind_of_window_are_free_of_arbitrage() -> None:
    record = tiny_model()[1]
    base = np.array(record.sample["history"], dtype=float)
    families = window_probes(base, least=record.settings["minimum_days"])
    families["random"] = np.concatenate(list(random_windows(base, 10, 500, seed=1)))
    families["simulated"] = simulated_windows(200)
    for name, windows in families.items():
        answer = predict_original(tiny_keras(), windows)
        surfaces = answer["surface"]
        assert np.isfinite(surfaces).all(), name
        assert not arbitrage(surfaces).any(), name
        assert surfaces.mean(axis=(2, 3)) == pytest.approx(answer["predicted"], rel=1e-12), name


def test_an_average_alone_gives_a_surface_of_that_level() -> None:
    history = simulated_windows(20)
    history[:, :, 1:] = np.nan
    answer = predict_original(tiny_keras(), history)
    spread = answer["surface"].std(axis=(2, 3)) / answer["predicted"]
    assert ((spread > 0.01) & (spread < 0.5)).all()


def test_errors_of_the_surface_count_only_what_was_observed() -> None:
    grids = np.full((40, *SHAPE), 0.2)
    grids[:, 0, 0] = np.nan
    grids[25:] += 0.01
    one = Series("x", np.full((40, 7), 0.2), grids)
    ends = every_end([24], [25], length=10)
    said = np.repeat(np.full((1, 1, *SHAPE), 0.205), len(HORIZONS), axis=1)
    said[:, :, 0, 0] = 9.0
    errors = surface_errors(one, ends, said)
    assert errors[TODAY][:2] == pytest.approx(np.full((2, 5), 1.0))
    assert errors[NETWORK][:2] == pytest.approx(np.full((2, 5), 0.5))
    assert np.isnan(errors[NETWORK][2]).all(), "the day 21 days ahead is not known"
    lines = table(["x"], [{NETWORK: errors[TODAY], TODAY: errors[NETWORK]}])
    assert lines[2] == "| x | 1 | network | 1.000 * | 1.000 * | 1.000 * | 1.000 * | 1.000 * |"
