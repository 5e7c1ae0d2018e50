"""What several test files need."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"

if not SHARED.is_dir():
    raise FileNotFoundError(f"{SHARED} is missing: the real data sets lie beside the checkout, in ../shared/data")

SIGNAL: dict[str, float] = {
    "edge_percent": 15.5,
    "delta": 0.65,
    "gamma": 0.004,
    "vega": 45.2,
    "theta": -8.5,
    "volume": 1200,
    "open_interest": 8500,
    "days_to_expiry": 45,
}
"""The signal of the README."""
