"""What several test files need."""

from pathlib import Path

from verify.report.summary import SIGNAL as SIGNAL  # the README's signal

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "data"

if not SHARED.is_dir():
    raise FileNotFoundError(f"{SHARED} is missing: the real data sets lie beside the checkout, in ../shared/data")
