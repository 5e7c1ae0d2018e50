"""The benchmark's file as text: the table, and the words that the documents take from it."""

from collections.abc import Mapping, Sequence
from typing import Any

UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


def time_of(seconds: float) -> str:
    """Three digits with the unit that fits."""
    scale, unit = next((pair for pair in UNITS if seconds >= pair[0]), UNITS[-1])
    value = seconds / scale
    return f"{value:.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"


def ratio_of(value: float) -> str:
    """Two digits below 10, whole numbers above."""
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}"


def reason_of(entry: Mapping[str, Any]) -> str:
    """Why one was not run, in a cell."""
    return str(entry["not_run"]).partition("<")[0].replace("|", "/")[:100].strip()


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """A table in Markdown: each row of the benchmark with everyone in it."""
    lines = ["| what | who | time | quartiles | times ours | at least |", "|---|---|---|---|---|---|"]
    for row in rows:
        for number, entry in enumerate(row["entries"]):
            what = row["what"] if number == 0 else ""
            least = row["least"].get(entry["label"])
            wanted = "" if least is None else f"{least:.3g}"
            if "not_run" in entry:
                lines.append(f"| {what} | {entry['label']} | not run: {reason_of(entry)} | | | {wanted} |")
                continue
            took, times = entry["seconds"], entry["times_ours"]
            quartiles = f"{time_of(took['low'])} .. {time_of(took['high'])}"
            ratio = "1" if number == 0 or times is None else ratio_of(times["median"])
            lines.append(
                f"| {what} | {entry['label']} | {time_of(took['median'])} | {quartiles} | {ratio} | {wanted} |"
            )
    return "\n".join(lines)


def words(bench: Mapping[str, Any]) -> dict[str, str]:
    """Name of a mark in the documents -> what stands there."""
    rows = {row["key"]: row for row in bench["rows"]}

    def median(key: str, number: int = 0) -> str:
        return time_of(rows[key]["entries"][number]["seconds"]["median"])

    def times(key: str, label: str) -> str:
        entry = next(entry for entry in rows[key]["entries"] if entry["label"] == label)
        return ratio_of(entry["times_ours"]["median"]) if "times_ours" in entry else "not run"

    stock, ort = "stock export in onnxruntime", "Rust, onnxruntime"
    p99 = time_of(rows["service"]["single_calls"]["p99"])
    peak = f"{rows['start']['peak_mib']['Rust, native']:.0f} MiB"
    versions = ", ".join(f"{name} {version}" for name, version in bench["versions"].items())
    return {
        "machine": f"{bench['date']}, {bench['processor']}, {bench['cores']} cores; {versions}",
        "signal": median("service"),
        "signal p99": p99,
        "signal times": times("service", stock),
        "forecast": median("forecast"),
        "forecast times": times("forecast", stock),
        "stored": median("stored"),
        "start": median("start"),
        "start peak": peak,
        "start times": times("start", ort),
        "table": "\n" + table(bench["rows"]) + "\n",
    }
