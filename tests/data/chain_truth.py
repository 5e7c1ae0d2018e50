"""A known market and what a reader must find in its chains: plain Python, no code shared with the readers."""

import datetime as dt
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Quoted:
    day: str
    expiry: str
    strike: float
    side: str
    bid: float
    ask: float
    iv: float
    forward: float
    coin: bool
    coin_bid: float
    coin_ask: float
    volume: int
    interest: int
    root: str

    @property
    def occ(self) -> str:
        return f"{self.root}{self.expiry[2:].replace('-', '')}{self.side}{self.strike * 1000:08.0f}"

    @property
    def deribit(self) -> str:
        date = dt.date.fromisoformat(self.expiry)
        return f"{self.root}-{date.day}{date:%b%y}-{self.strike:.0f}-{self.side}".upper()

    @property
    def day_name(self) -> str:
        return f"{dt.date.fromisoformat(self.expiry):%a %b %d %Y}"

    @property
    def in_the_money(self) -> bool:
        return (self.strike < self.forward) == (self.side == "C")


def black(forward: float, strike: float, deviation: float, side: str) -> float:
    """Undiscounted, `deviation` = volatility x sqrt(T)."""
    d1 = math.log(forward / strike) / deviation + deviation / 2
    sign = 1 if side == "C" else -1

    def below(x: float) -> float:
        return math.erfc(-x / math.sqrt(2)) / 2

    return sign * (forward * below(sign * d1) - strike * below(sign * (d1 - deviation)))


def implied(price: float, forward: float, strike: float, years: float, side: str) -> float:
    """By bisection to the last bit."""
    low, high = 1e-9, 20.0
    for _ in range(200):
        middle = (low + high) / 2
        if black(forward, strike, middle, side) < price:
            low = middle
        else:
            high = middle
    return (low + high) / 2 / math.sqrt(years)


@dataclass(frozen=True)
class World:
    symbol: str
    spot: float
    rate: float
    dividend: float
    day: str
    expiries: tuple[str, ...]
    step: float
    wide: int
    level: float = 0.18
    tick: float = 0.01
    shift: float = 0.0

    def on(self, day: str, spot: float) -> "World":
        return replace(self, day=day, spot=spot)

    def years(self, expiry: str) -> float:
        return (dt.date.fromisoformat(expiry) - dt.date.fromisoformat(self.day)).days / 365

    def forward(self, expiry: str) -> float:
        return self.spot * math.exp((self.rate - self.dividend) * self.years(expiry))

    def volatility(self, strike: float, expiry: str) -> float:
        """SVI-like: total variance a + b (rho k + sqrt(k^2 + s^2)) in log-moneyness k, times T."""
        k = math.log(strike / self.forward(expiry))
        return self.level * math.sqrt(0.6 + 2.0 * (-0.6 * k + math.sqrt(k * k + 0.04))) + self.shift

    def quotes(self, every: int = 1) -> Iterator[Quoted]:
        at = round(self.spot / self.step) * self.step
        for expiry in self.expiries:
            years, forward = self.years(expiry), self.forward(expiry)
            discount = math.exp(-self.rate * years)
            for number in range(-self.wide, self.wide + 1, every):
                for side in "CP":
                    strike = at + number * self.step
                    iv = self.volatility(strike, expiry)
                    price = discount * black(forward, strike, iv * math.sqrt(years), side)
                    volume = 10 * (30 - abs(number)) if number % 3 else 0
                    rest = (volume, 1000 + number, self.symbol)
                    if self.symbol == "BTC":
                        mark = round(forward, 2)
                        bid = math.floor(price * 0.99 / mark / self.tick) * self.tick
                        ask = math.ceil(price * 1.01 / mark / self.tick) * self.tick
                        bid, ask = round(bid, 4), round(ask, 4)
                        yield Quoted(
                            self.day, expiry, strike, side, bid * mark, ask * mark, iv, mark, True, bid, ask, *rest
                        )
                        continue
                    half = max(0.02, 0.01 * price)
                    if self.tick:
                        bid = math.floor((price - half) * 100) / 100
                        ask = math.ceil((price + half) * 100) / 100
                    else:
                        bid, ask = price - half / 4, price + half / 4
                    yield Quoted(self.day, expiry, strike, side, bid, ask, iv, forward, False, 0, 0, *rest)


def parity(quotes: list[Quoted], years: float) -> tuple[float, float, bool]:
    """Forward, discount, and whether the discount is the chain's own: the rule of docs/option_chains.md."""
    middle = {(q.strike, q.side): (q.bid + q.ask) / 2 for q in quotes}
    pairs = sorted((k, middle[k, "C"] - middle[k, "P"]) for k, side in middle if side == "C" and (k, "P") in middle)
    at = min(pairs, key=lambda p: (abs(p[1]), p[0]))[0]
    near = sorted((p for p in pairs if abs(p[0] - at) <= 0.1 * at), key=lambda p: (abs(p[0] - at), p[0]))[:10]
    near.sort()
    if len(near) >= 3:
        slopes = [(b[1] - a[1]) / (b[0] - a[0]) for i, a in enumerate(near) for b in near[i + 1 :]]
        discount = -median(slopes)
        if math.exp(-0.15 * years) <= discount <= math.exp(0.05 * years):
            return median(k + y / discount for k, y in near), discount, True
    return median(k + y for k, y in near), 1.0, False


def expected(
    *days: World,
    spot: float | None = 0.0,
    without: set[str] = frozenset(),  # type: ignore[assignment]
    left_out: dict[str, int] | None = None,
    every: int = 1,
    with_iv: bool = False,
) -> dict[str, Any]:
    """What is read: `spot=None` where the file has none and parity gives it."""
    del with_iv
    answer: dict[str, Any] = {"symbol": days[0].symbol, "left_out": left_out or {}, "days": []}
    for world in days:
        quotes = [q for q in world.quotes(every) if q.occ not in without]
        expiries, kept, some = [], 0, []
        for expiry in world.expiries:
            here = [q for q in quotes if q.expiry == expiry]
            years = world.years(expiry)
            forward, discount, own = parity(here, years)
            out = [q for q in here if (q.strike >= forward) == (q.side == "C")]
            kept += len(out)
            for q in out[:: max(len(out) // 5, 1)]:
                iv = implied((q.bid + q.ask) / 2 / discount, forward, q.strike, years, q.side)
                some.append({"expiry": expiry, "strike": q.strike, "side": q.side, "iv": iv, "true_iv": q.iv})
            expiries.append(
                {"expiry": expiry, "years": years, "forward": forward, "discount": discount, "own_discount": own}
                | {"true_forward": world.forward(expiry), "true_discount": math.exp(-world.rate * years)}
            )
        stated = expiries[0]["forward"] * expiries[0]["discount"] if spot is None else world.spot
        answer["days"].append(
            {"date": world.day, "spot": stated, "tradeable": len(quotes), "kept": kept, "expiries": expiries}
            | {"quotes": some}
        )
    return answer
