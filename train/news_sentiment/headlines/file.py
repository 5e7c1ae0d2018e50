"""Labelled headlines from files of one's own: CSV with the columns `text` and `label`."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from train.core.errors import PipelineError
from train.core.files import read_bytes, sha256_hex
from train.core.records.record import DataRecord
from train.news_sentiment.contract import CLASSES, LABELS, MOST_BYTES, check_label, check_text
from train.news_sentiment.headlines.grammar import Headlines

COLUMNS = ("text", "label")
LEAST_OF_EACH = 50
"""Of each label: fewer teach nothing, and prove nothing."""


def read_headlines(paths: Sequence[Path]) -> tuple[Headlines, DataRecord]:
    """Every different text of the files, in order.

    Raises:
        PipelineError: a file is no such CSV, a text or label is wrong, a text has two labels, or there are too few of
            one label; names file, line and field.
    """
    found: dict[str, tuple[int, str]] = {}
    whole = b""
    for path in paths:
        content = read_bytes(path)
        whole += content
        for where, text, label in _rows(path, content):
            known = found.setdefault(text, (label, where))
            if known[0] != label:
                raise PipelineError(
                    f"{where}: field 'label' differs from that of the same text at {known[1]}; keep one"
                )
    truth = np.array([label for label, _ in found.values()], dtype=np.int64)
    for name, number in zip(LABELS, CLASSES, strict=True):
        count = int((truth == number).sum())
        if count < LEAST_OF_EACH:
            raise PipelineError(
                f"{', '.join(map(str, paths))}: {count} different texts with the label {name!r}, expected at least "
                f"{LEAST_OF_EACH}"
            )
    record = DataRecord(source=", ".join(path.name for path in paths), sha256=sha256_hex(whole), rows=len(found))
    return Headlines(list(found), truth), record


def _rows(path: Path, content: bytes) -> list[tuple[str, str, int]]:
    try:
        decoded = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise PipelineError(
            f"{path}, line {line}: field 'text' is not UTF-8 (byte 0x{content[error.start]:02x}); save it as UTF-8"
        ) from error
    if "\0" in decoded:
        line = decoded.count("\n", 0, decoded.index("\0")) + 1
        raise PipelineError(f"{path}, line {line}: field 'text' holds a NUL; take it out")
    # A cell longer than csv takes by default must reach the check that names the limit.
    csv.field_size_limit(max(csv.field_size_limit(), 100 * MOST_BYTES))
    reader = csv.reader(io.StringIO(decoded, newline=""), strict=True)
    rows: list[tuple[str, str, int]] = []
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        if sorted(header) != sorted(COLUMNS):
            raise PipelineError(
                f"{path}: expected the columns {', '.join(COLUMNS)}, found {', '.join(header) or 'none'}"
            )
        text, label = header.index("text"), header.index("label")
        for row in reader:
            where = f"{path}, line {reader.line_num}"
            if len(row) != len(COLUMNS):
                raise PipelineError(f"{where}: {len(row)} cells, expected 2; quote a text that holds a comma")
            rows.append((where, check_text(row[text], where), check_label(row[label], where)))
    except csv.Error as error:
        raise PipelineError(f"{path}, line {reader.line_num}: not CSV: {error}") from error
    return rows
