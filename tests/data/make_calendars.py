"""Makes tests/data/calendars: the same ten days as surfaces, as a chain of many days and as snapshots of a holiday.

    python -m tests.data.make_calendars

Good Friday of 2024 was 29 March; London kept Easter Monday, 1 April, too.
cases.json says which days each calendar leaves.
"""

import datetime as dt
import json
from pathlib import Path

from tests.data.chain_truth import black

HERE = Path(__file__).parent / "calendars"
DAYS = [dt.date(2024, 3, 25) + dt.timedelta(days=number) for number in range(10)]
WEEKENDS = {dt.date(2024, 3, 30), dt.date(2024, 3, 31)}
CLOSED = {
    "24/7": set(),
    "weekdays": WEEKENDS,
    "XNYS": WEEKENDS | {dt.date(2024, 3, 29)},
    "XLON": WEEKENDS | {dt.date(2024, 3, 29), dt.date(2024, 4, 1)},
}
EXPIRIES = ("2024-04-19", "2024-06-21")


def _surface() -> str:
    lines = ["Date,Symbol,Strike,TimeToExpiry,ImpliedVol,Moneyness,OptionType,Volume"]
    for number, day in enumerate(DAYS):
        for tenor in (0.08, 0.25):
            for strike in (90, 95, 100, 105, 110):
                kind, iv = "Call" if strike >= 100 else "Put", 0.2 + 0.003 * number - 0.002 * (strike - 100)
                lines.append(f"{day},ABC,{strike},{tenor},{iv:.4f},{strike / 100},{kind},10")
    return "\n".join(lines) + "\n"


def _quotes(column: str, days: list[dt.date], time: str = "") -> str:
    """A chain; `column` holds the day of the quotes, or the moment where a time is given."""
    lines = [f"{column},underlying,expiration,strike,option_type,bid,ask,volume,open_interest,underlying_price"]
    for number, day in enumerate(days):
        for expiry in EXPIRIES:
            years = (dt.date.fromisoformat(expiry) - day).days / 365
            for strike in range(80, 124, 4):
                for side in "CP":
                    deviation = (0.2 + 0.003 * number) * years**0.5
                    price = black(100.0, float(strike), deviation, side)
                    bid, ask = max(price - 0.02, 0.01), price + 0.02
                    lines.append(f"{day}{time},ABC,{expiry},{strike},{side},{bid:.4f},{ask:.4f},10,100,100")
    return "\n".join(lines) + "\n"


def files() -> dict[Path, str]:
    """Path -> content of every file."""
    kept = {name: [str(day) for day in DAYS if day not in closed] for name, closed in CLOSED.items()}
    # What is fetched on Easter Sunday is of the last trading day before it.
    fetched = {"24/7": "2024-03-31", "weekdays": "2024-03-29", "XNYS": "2024-03-28", "XLON": "2024-03-28"}
    return {
        HERE / "surface.csv": _surface(),
        HERE / "chain.csv": _quotes("quote_date", DAYS),
        HERE / "fetched.csv": _quotes("quote_time", [dt.date(2024, 3, 31)], "T16:00:00"),
        HERE / "cases.json": json.dumps({"days": kept, "fetched": fetched}, indent=1) + "\n",
    }


if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    for path, text in files().items():
        path.write_text(text)
