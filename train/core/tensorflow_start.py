"""Imports TensorFlow without the notices that it prints before its own log level counts (no CUDA here, and such)."""

import os
import sys
import tempfile

ENOUGH = "3"
"""`TF_CPP_MIN_LOG_LEVEL`: errors of TensorFlow's own log only."""


def start_tensorflow() -> None:
    """Import TensorFlow and Keras, once; what they print meanwhile is shown only if the import fails."""
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", ENOUGH)
    sys.stderr.flush()
    # The notices come from C++ and go to the file descriptor: replacing sys.stderr would not catch them.
    kept = os.dup(2)
    with tempfile.TemporaryFile() as notices:
        os.dup2(notices.fileno(), 2)
        try:
            import keras  # noqa: F401
            import tensorflow  # noqa: F401
        except BaseException:
            notices.seek(0)
            os.write(kept, notices.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
