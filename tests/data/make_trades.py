"""Writes trades/history.csv and broken/trades_*.csv, one file per refusal: `python -m tests.data.make_trades`."""

from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd

from train.signal_classifier.contract import SIGNAL_NAMES
from train.signal_classifier.simulator.market import simulate

HERE = Path(__file__).parent
HEADER = ",".join(("timestamp", "symbol", *SIGNAL_NAMES, "pnl"))
GOOD = "2024-01-02,TSLA,12.5,0.4,0.01,30.0,-20.0,100,500,30,12.5"


def history() -> str:
    """240 simulated trades, one every three days."""
    signals = simulate(240, seed=7)
    start = datetime(2023, 1, 2, 15, 30)
    lines = [HEADER]
    for number, (row, pnl) in enumerate(zip(signals.features, signals.pnl, strict=True)):
        time = (start + timedelta(days=3 * number)).isoformat()
        lines.append(",".join([f"{time}+00:00", f"S{number % 7}", *(f"{x:.6g}" for x in row), f"{100 * pnl:.2f}"]))
    return "\n".join(lines) + "\n"


def broken() -> dict[str, bytes]:
    """File name -> content; each is refused for the reason in its name."""
    no_gamma = HEADER.replace(",gamma", ""), GOOD.replace(",0.01", "")
    texts = {
        "blank": "\n\n",
        "column_missing": "\n".join(no_gamma),
        "column_twice": f"{HEADER},delta\n{GOOD},0.4",
        "column_without_values": f"{HEADER}\n{GOOD.replace(',0.01', ',NaN')}\n{GOOD.replace(',0.01', ',')}",
        "header_only": f"{HEADER}\n",
        "label_not_0_1": f"{HEADER.replace('pnl', 'is_profitable')}\n{GOOD.replace('12.5', '1')}\n{GOOD[:-4]}2",
        "no_outcome": f"{HEADER.removesuffix(',pnl')}\n{GOOD.removesuffix(',12.5')}",
        "not_csv": f'{HEADER}\n"{GOOD}',
        "rows_mostly_bad": f"{HEADER}\n" + f"{GOOD.replace('0.4', 'high')}\n" * 3 + GOOD,
        "ten_rows": f"{HEADER}\n" + "".join(f"{GOOD.replace('2024-01-02', f'2024-01-{d:02}')}\n" for d in range(1, 11)),
        "timestamp_in_the_future": f"{HEADER}\n{GOOD}\n{GOOD.replace('2024', '2999')}",
        "time_zones_mixed": f"{HEADER}\n{GOOD}\n{GOOD.replace('2024-01-02', '2024-01-03T10:00:00Z')}",
    }
    content = {name: text.encode() for name, text in texts.items()}
    return content | {"empty": b"", "not_text": b"\xff\xfe\x00\x01" + HEADER.encode()}


if __name__ == "__main__":
    (HERE / "trades").mkdir(exist_ok=True)
    (HERE / "trades" / "history.csv").write_text(history())
    pd.read_csv(HERE / "trades" / "history.csv", parse_dates=["timestamp"]).to_parquet(HERE / "trades/history.parquet")
    for name, data in broken().items():
        (HERE / "broken" / f"trades_{name}.csv").write_bytes(data)
