"""Windows made to break a compiled volatility predictor: constant, extreme, spiked, with holes, short, random."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
CHUNK_WINDOWS = 500
IV_LEVELS = (0.0101, 0.02, 0.1, 0.3, 1.0, 3.0, 4.99)
LOWEST_IV, HIGHEST_IV = 0.0101, 4.99
SPIKE = 8.0


def window_probes(base: Floats, *, least: int) -> dict[str, Floats]:
    """Families of windows that the contract admits.

    Args:
        base: golden windows, float64 [window, day, feature], avg_iv and atm_iv first; NaN where nothing is known.
        least: known days below which there is no forecast.

    Returns:
        Family name -> float64 [window, day, feature].
    """
    whole = base[np.isfinite(base[:, :, 0]).all(axis=1)]
    whole = whole if len(whole) else np.nan_to_num(base, nan=0.2)
    days = base.shape[1]
    random = np.random.default_rng(7)
    return {
        "golden inputs": base,
        "constant and extreme IV": np.concatenate([_constant(whole[:1], level) for level in IV_LEVELS]),
        "tiny and huge IV": np.concatenate([_scaled(whole, factor) for factor in (0.05, 0.3, 3.0, 20.0)]),
        "spikes": np.concatenate([_spiked(whole[:4], day) for day in (0, days // 2, days - 6, days - 2, days - 1)]),
        "missing days": np.concatenate([_holes(whole, share, random) for share in (0.02, 0.2, 0.6)]),
        "missing features": _missing_features(whole, random),
        "short histories": np.concatenate([_short(whole[:3], known) for known in range(least, days + 1)]),
    }


def random_windows(base: Floats, least: int, windows: int, *, seed: int) -> Iterator[Floats]:
    """Random walks in log IV of any speed, with random holes and lengths, in chunks; the same for the same seed."""
    for number, start in enumerate(range(0, windows, CHUNK_WINDOWS)):
        random = np.random.default_rng((seed, number))
        count = min(CHUNK_WINDOWS, windows - start)
        made = _walks(np.nan_to_num(base[random.integers(len(base), size=count)], nan=0.01), random)
        holes = random.random(made.shape[:2]) < random.choice([0.0, 0.05, 0.3], size=(count, 1))
        known = random.integers(least, made.shape[1] + 1, size=(count, 1))
        holes |= np.arange(made.shape[1])[None, :] < made.shape[1] - known
        holes[:, -least:] = False
        made[holes] = np.nan
        yield made


def _walks(like: Floats, random: np.random.Generator) -> Floats:
    count, days = like.shape[:2]
    speed = 10.0 ** random.uniform(-3, -0.7, size=(count, 1))
    log_iv = np.cumsum(speed * random.standard_normal((count, days)), axis=1)
    log_iv += np.log(10.0 ** random.uniform(-1.5, 0.3, size=(count, 1)))
    made = like.copy()
    made[:, :, 0] = _admitted(np.exp(log_iv))
    made[:, :, 1] = _admitted(made[:, :, 0] * np.exp(0.1 * random.standard_normal((count, days))))
    made[:, :, 2:5] = made[:, :, :1] * 0.1 * random.standard_normal((count, days, 3))
    made[:, :, 5] = np.rint(10.0 ** random.uniform(0, 7, (count, days)))
    made[:, :, 6] = np.rint(10.0 ** random.uniform(0.5, 4, (count, days)))
    return made


def _admitted(iv: Floats) -> Floats:
    return np.clip(iv, LOWEST_IV, HIGHEST_IV)


def _iv_times(windows: Floats, factor: Floats | float) -> Floats:
    """All columns that are volatilities, times a factor; the first two stay within the contract."""
    made = windows.copy()
    made[:, :, :5] *= factor
    made[:, :, :2] = _admitted(made[:, :, :2])
    return made


def _constant(windows: Floats, level: float) -> Floats:
    made = windows.copy()
    made[:, :, :2], made[:, :, 2:5] = level, 0.0
    return made


def _scaled(windows: Floats, factor: float) -> Floats:
    return _iv_times(windows, factor)


def _spiked(windows: Floats, day: int) -> Floats:
    up, down = np.ones(windows.shape[1]), np.ones(windows.shape[1])
    up[day], down[day] = SPIKE, 1.0 / SPIKE
    return np.concatenate([_iv_times(windows, factor[None, :, None]) for factor in (up, down)])


def _holes(windows: Floats, share: float, random: np.random.Generator) -> Floats:
    """Whole days unknown, not the newest."""
    made = windows.copy()
    holes = random.random(made.shape[:2]) < share
    holes[:, -1] = False
    made[holes] = np.nan
    return made


def _missing_features(windows: Floats, random: np.random.Generator) -> Floats:
    """Every feature but the average IV unknown, one at a time throughout, then at random."""
    throughout = np.repeat(windows[:1], windows.shape[2] - 1, axis=0)
    for position in range(1, windows.shape[2]):
        throughout[position - 1, :, position] = np.nan
    scattered = windows.copy()
    scattered[:, :, 1:][random.random(scattered[:, :, 1:].shape) < 0.3] = np.nan
    return np.concatenate([throughout, scattered])


def _short(windows: Floats, known: int) -> Floats:
    made = windows.copy()
    made[:, : made.shape[1] - known] = np.nan
    return made
