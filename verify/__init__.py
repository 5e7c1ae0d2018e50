"""Prove that a compiled model answers as its original does, and promote it; for programs: `verify.assert_parity`."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from verify.compare.assert_parity import ParityError as ParityError
    from verify.compare.assert_parity import assert_parity as assert_parity


def __getattr__(name: str) -> Any:
    """Loaded when they are asked for: scikit-learn and onnxruntime take seconds, and a command's help needs neither."""
    if name in ("assert_parity", "ParityError"):
        from verify.compare import assert_parity as room

        return getattr(room, name)
    raise AttributeError(f"module 'verify' has no attribute {name!r}")
