"""Files are written whole or not at all, and every file system error names its path in one line."""

import json
import os
import tempfile
from pathlib import Path

import pytest

from train.core.errors import PipelineError
from train.core.files import json_bytes, read_bytes, read_json, scratch, write_atomic


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    write_atomic(tmp_path / "deep" / "file", b"\x00content")
    assert read_bytes(tmp_path / "deep" / "file") == b"\x00content"


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(PipelineError, match=r"cannot write .*file/child"):
        write_atomic(tmp_path / "file" / "child", "x")


def test_a_machine_without_room_for_temporary_files_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(PipelineError, match="TMPDIR"), scratch():
        pass


def test_a_full_disk_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "file"
    target.write_text("old")

    def no_space(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_space)
    with pytest.raises(PipelineError, match=f"cannot write {target}: No space left on device"):
        write_atomic(target, "new")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_an_interrupted_write_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "file"
    target.write_text("old")

    def interrupt(_descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(target, "new")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_or_a_device_is_never_replaced_by_a_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (tmp_path, pipe):
        with pytest.raises(PipelineError, match="is not a regular file"):
            write_atomic(path, "x")
    assert pipe.is_fifo()


def test_numbers_keep_their_bits_in_json() -> None:
    values = [0.1, 1 / 3, 5e-324, 1.7976931348623157e308, -0.0]
    assert [v.hex() for v in json.loads(json_bytes(values))] == [v.hex() for v in values]


def test_nan_is_never_written_as_json() -> None:
    with pytest.raises(ValueError, match="JSON"):
        json_bytes({"x": float("nan")})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not JSON"),
        (b'{"a": 1, "a": 2}', "'a' stands twice"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"{", "line 1 column"),
    ],
)
def test_json_that_is_none_is_refused_with_its_place(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(PipelineError, match=said) as caught:
        read_json(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"cannot read .*none: No such file"):
        read_bytes(tmp_path / "none")
