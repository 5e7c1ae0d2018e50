"""Answer calls with whatever onnxruntime this interpreter has; run by the virtual environment of another release.

Needs NumPy and onnxruntime alone; speaks as `verify.runtimes.process` says.
"""

import json
import struct
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort


def main() -> None:
    """The release on the first line; then for each line with a call's path a line that says how it went."""
    sys.stdout.write(f"{ort.__version__}\n")
    sys.stdout.flush()
    for line in sys.stdin:
        try:
            answer(json.loads(Path(line.rstrip("\n")).read_text(encoding="utf-8")))
            said = "ok"
        except Exception as error:  # noqa: BLE001 - onnxruntime's own exception types have no common public base
            said = f"error: {(str(error).strip() or type(error).__name__).splitlines()[0]}"
        sys.stdout.write(f"{said}\n")
        sys.stdout.flush()


@lru_cache(maxsize=1)
def opened(graph: str) -> ort.InferenceSession:
    """A session with one thread, as the manifest prescribes."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def answer(call: dict[str, Any]) -> None:
    """Read the tensors of a call, run its graph, write the answers."""
    feeds = {}
    for tensor in call["inputs"]:
        is_text = tensor["dtype"] == "string"
        values = texts(Path(tensor["file"])) if is_text else np.fromfile(tensor["file"], dtype=tensor["dtype"])
        feeds[tensor["name"]] = values.reshape(call["rows"], *tensor["shape"])
    found = opened(call["graph"]).run([tensor["name"] for tensor in call["outputs"]], feeds)
    for tensor, values in zip(call["outputs"], found, strict=True):
        if tensor["dtype"] == "string":
            Path(tensor["file"]).write_bytes(packed(values))
        else:
            np.ascontiguousarray(values, dtype=tensor["dtype"]).tofile(tensor["file"])


def texts(path: Path) -> np.ndarray[Any, Any]:
    """The texts of a file, object [text]."""
    content, found, at = path.read_bytes(), [], 0
    while at < len(content):
        (length,) = struct.unpack_from("=i", content, at)
        found.append(content[at + 4 : at + 4 + length].decode())
        at += 4 + length
    return np.array(found, dtype=object)


def packed(values: np.ndarray[Any, Any]) -> bytes:
    """Texts of any shape as a file holds them."""
    encoded = [str(text).encode() for text in values.reshape(-1)]
    return b"".join(struct.pack("=i", len(text)) + text for text in encoded)


if __name__ == "__main__":
    main()
