"""The forecast surface inside the network: free of arbitrage by construction, with the forecast average as its mean.

Let w = (implied volatility)^2 x time to expiry be the total variance at log-moneyness k. The surface is known on the
grid (`contract.py`); between grid points w is linear in k and in time (rule 3 of `surfaces.daily_features`). That
surface is free of

- *calendar* arbitrage when w does not fall with tenor at any node (Gatheral, "The Volatility Surface", 2006);
- *butterfly* arbitrage when, at each tenor, w is convex over the nodes (so that at a node the slope of w rises, and
  with it that of the call price) and Durrleman's condition (Gatheral and Jacquier, "Arbitrage-free SVI volatility
  surfaces", 2014, lemma 2.2) holds along each segment, for a line w = I + s k: w + I >= |s| sqrt(w + w^2 / 4).
  It holds for all w if s^2 <= 2 I and |s| <= 2: square both sides. It holds from w = m upwards if
  m + I >= |s| sqrt(m) g and |s| g <= 2 sqrt(m) with g = 1 + w / 2 for the largest w in question, as the square root is
  concave.

The network forecasts each cell over the mean, without regard to any of it, and then: w of a tenor is raised to the
largest of those before it; gives way to the lower convex hull over the nodes; where a line is too steep the whole
surface is drawn towards one without a smile, and wings that rise too steeply are lowered (`_not_too_steep`); each step
keeps the order of tenors. Any numbers at all thus make a surface free of arbitrage, and one that meets these conditions
already stays what it is.
"""

from itertools import product
from typing import Any

import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from train.volatility_predictor.contract import GRID_MONEYNESS, GRID_TENOR_DAYS, HORIZONS

Floats = NDArray[np.float64]

YEARS = np.array(GRID_TENOR_DAYS)[:, None] / 365.0
K = np.log(GRID_MONEYNESS)
TENORS, NODES = len(GRID_TENOR_DAYS), len(GRID_MONEYNESS)
MONEY = GRID_MONEYNESS.index(1.0)
BOUND = 5.0
"""No cell is this many times the mean, none is the mean by so much."""
SHAPE = "surface_path"


def _hull_candidates() -> Floats:
    """[node, node x candidate]: a product with it gives what lines between nodes on both sides say of each node."""
    columns = []
    for node in range(NODES):
        sides = list(product(range(node), range(node + 1, NODES)))
        for a, b in sides:
            column = np.zeros(NODES)
            column[[a, b]] = (K[b] - K[node]) / (K[b] - K[a]), (K[node] - K[a]) / (K[b] - K[a])
            columns.append(column)
        columns += [np.eye(NODES)[node]] * (1 + _MOST_SIDES - len(sides))
    return np.stack(columns, axis=1)


_MOST_SIDES = (NODES // 2) * (NODES - 1 - NODES // 2)
_HULL = _hull_candidates()
_EARLIER = np.eye(TENORS)[[min(a, b) for a in range(TENORS) for b in range(TENORS)]]
"""[tenor x tenor, tenor]: a product with it repeats for each tenor the earlier ones, and itself for the later."""
_SLOPES = (np.eye(NODES)[:, 1:] - np.eye(NODES)[:, :-1]) / np.diff(K)
"""[node, segment]: a product with it gives the slopes of the segments."""
_INNER = [node + (node < MONEY) for node in range(NODES - 1)]
"""Of each segment the node nearer to the money."""
_FALLING = np.array([[0.0, *[-np.inf] * (NODES - 2)], [*[np.inf] * (NODES - 2), 0.0]]).clip(-1e9, 1e9)
"""Limits of slopes within which the outer segments do not rise outwards."""
_NEIGHBOUR = [1, *range(1, NODES - 1), NODES - 2]
"""For the outer nodes the next inner one, for the others themselves."""
_NEAR = np.eye(NODES)[:, _NEIGHBOUR]
_NEAR_K = np.abs(K[_NEIGHBOUR])
_STEP = np.where(np.array(_NEIGHBOUR) == np.arange(NODES), 1e9, np.abs(K - K[_NEIGHBOUR]))


def surface(inputs: Any, predicted: Any) -> Any:
    """Implied volatilities float64 [batch, horizon, tenor, moneyness]: the layer `SHAPE` and what follows from it.

    Args:
        inputs: float64 [batch, input], see `train.volatility_predictor.network.network`.
        predicted: float64 [batch, horizon], what the mean of each horizon's grid shall be.
    """
    size = len(HORIZONS)
    cells = layers.Dense(size * TENORS * NODES, dtype="float64", name=SHAPE)(inputs)
    shape = shape_of(layers.Reshape((size, TENORS, NODES), dtype="float64")(cells), predicted)
    return shape * ops.expand_dims(ops.expand_dims(predicted, 2), 3)


def shape_of(cells: Any, predicted: Any) -> Any:
    """The surface free of arbitrage that stands for `cells`, over its mean: [batch, horizon, tenor, moneyness].

    Args:
        cells: implied volatilities over their mean, float64 [batch, horizon, tenor, moneyness]; any numbers.
        predicted: float64 [batch, horizon], the mean that the surface will have.
    """
    bounded = ops.minimum(ops.maximum(cells, 1.0 / BOUND), BOUND)
    earlier = ops.matmul(_EARLIER, bounded * bounded * YEARS)
    rising = ops.max(layers.Reshape((cells.shape[1], TENORS, TENORS, NODES), dtype="float64")(earlier), axis=3)
    between = ops.matmul(rising, _HULL)
    convex = ops.min(layers.Reshape((cells.shape[1], TENORS, NODES, 1 + _MOST_SIDES), dtype="float64")(between), axis=4)
    volatility = ops.sqrt(_not_too_steep(convex, predicted) / YEARS)
    return volatility / ops.mean(volatility, axis=(2, 3), keepdims=True)


def _not_too_steep(w: Any, predicted: Any) -> Any:
    """`w` after the last two steps, [batch, horizon, tenor, moneyness], up to the factor that gives it its mean.

    Flattened: w goes only the share f of the way from theta, w at the money, where a line would be too steep else. With
    it goes the mean, and so the factor of the level, but at most to 1 / f times what it was, since of no cell
    d log(volatility) / d log f exceeds 1/2. So with theta as at f = 1, g^2 s^2 <= 2 I holds with f if
    f ((theta - I) / theta + g^2 (s / theta)^2 theta / 2) <= 1. Outer segments that rise outwards do not count.

    Capped: those are then lowered to where they meet the second condition, with m at the inner end and I = m - s k:
    s <= 2 m / (k + g sqrt(m)). For that the segments before them are flat enough, so that w stays convex.

    The factor of the level is not known before all is done. Lowered nodes stay above their neighbours, so it is at most
    the one for which they were as low as those, and that is what is used throughout.
    """
    theta = w[:, :, :, MONEY : MONEY + 1]
    level, most = _level(predicted, w), _most_theta(theta, predicted)
    g = ops.max(ops.matmul(w, _NEAR) * level + most, axis=(2, 3), keepdims=True) * 0.5 + 1.0
    slope = ops.minimum(ops.maximum(ops.matmul(w, _SLOPES) / theta, _FALLING[0]), _FALLING[1])
    lack = slope * K[_INNER] + 1.0 - ops.matmul(w, np.eye(NODES)[:, _INNER]) / theta
    steep = slope * g
    squares = steep * steep
    need = ops.maximum(lack + squares * theta * level * 0.5, ops.sqrt(squares) * most * 0.5)
    flat = theta + (w - theta) / ops.maximum(ops.max(need, axis=(2, 3), keepdims=True), 1.0)

    level, near = _level(predicted, flat), ops.matmul(flat, _NEAR)
    inner = near * level
    highest = inner * 2.0 / (ops.sqrt(inner) * g + _NEAR_K)
    return ops.minimum(flat, near + highest * _STEP / level)


def _level(predicted: Any, w: Any) -> Any:
    """What w must at most be multiplied by, [batch, horizon, 1, 1], to have the mean volatility `predicted`."""
    lowest = ops.mean(ops.sqrt(ops.minimum(w, ops.matmul(w, _NEAR)) / YEARS), axis=(2, 3), keepdims=True)
    factor = ops.expand_dims(ops.expand_dims(predicted, 2), 3) / lowest
    return factor * factor


def _most_theta(theta: Any, predicted: Any) -> Any:
    """A bound of total variance at the money, [batch, horizon, tenor, 1], whatever the smile will be.

    w is convex, so at three of the five nodes (the money and the side that rises) it is not below that at the money,
    and the volatilities at the money add up to 25/3 of the mean at most.
    """
    at_money = ops.sqrt(theta / YEARS)
    share = at_money / ops.sum(at_money, axis=2, keepdims=True) * (TENORS * NODES / 3.0)
    most = ops.expand_dims(ops.expand_dims(predicted, 2), 3) * share
    return most * most * YEARS
