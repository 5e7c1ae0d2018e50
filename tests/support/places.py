"""Where the repository and the real data lie, and the README's signal."""

from pathlib import Path

from train.signal_classifier.model import EXAMPLE_SIGNAL as SIGNAL  # noqa: F401 - the README's signal

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "data"

if not SHARED.is_dir():
    raise FileNotFoundError(f"{SHARED} is missing: the real data sets lie beside the checkout, in ../shared/data")
