"""Trading histories: good rows become features, bad rows are named, bad files refused, and no split looks ahead."""

import csv
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.make_trades import broken, history
from tests.support.places import ROOT
from train.core.errors import PipelineError
from train.core.records.record import DataRecord
from train.core.tables.dates import KNOWN
from train.signal_classifier.contract import SIGNAL_NAMES
from train.signal_classifier.history.history_file import open_history
from train.signal_classifier.history.labelled_signals import Labelled, folds, hold_out, read_history, twins
from train.signal_classifier.history.trade_columns import TradeColumns
from train.signal_classifier.history.trade_rows import Trade

DATA = ROOT / "tests/data"
HISTORY = DATA / "trades" / "history.csv"
NOW = datetime(2026, 1, 1, tzinfo=UTC)

REFUSALS = {
    "blank": "the file is empty",
    "empty": "the file is empty",
    "column_missing": "line 1: column 'gamma' is missing",
    "column_twice": "line 1: column 'delta' stands twice",
    "column_without_values": "column 'gamma' holds no value in any row",
    "header_only": "a header and no rows",
    "label_not_0_1": "row 3: column 'is_profitable' must be 0 or 1, found '2'",
    "no_outcome": "line 1: no outcome; expected a column pnl",
    "not_csv": "line 2: not CSV",
    "not_text": "not UTF-8 text",
    "rows_mostly_bad": "3 of 4 rows rejected; the first: .*row 2: field 'delta' must be a number, found 'high'",
    "ten_rows": "10 usable trades; training needs at least 100",
    "timestamp_in_the_future": "row 3: column 'timestamp': 2999-01-02T00:00:00 lies in the future",
    "time_zones_mixed": "row 3: 'timestamp': some rows have a time zone, some none",
}


def edited(tmp_path: Path, edit: Callable[[list[str]], list[str]]) -> Path:
    """The good history with its lines changed (line 0 is the header)."""
    path = tmp_path / "edited.csv"
    path.write_text("\n".join(edit(HISTORY.read_text().splitlines())) + "\n")
    return path


def with_cell(column: str, value: str, line: int = 4) -> Callable[[list[str]], list[str]]:
    def edit(lines: list[str]) -> list[str]:
        at = lines[0].split(",").index(column)
        cells = lines[line].split(",")
        return [*lines[:line], ",".join([*cells[:at], value, *cells[at + 1 :]]), *lines[line + 1 :]]

    return edit


def without(column: str) -> Callable[[list[str]], list[str]]:
    def edit(lines: list[str]) -> list[str]:
        at = lines[0].split(",").index(column)
        return [",".join(cells[:at] + cells[at + 1 :]) for cells in (line.split(",") for line in lines)]

    return edit


def test_a_good_history_is_read_whole_in_order_of_time() -> None:
    data = read_history([HISTORY], now=NOW)
    assert data.features.shape == (240, len(SIGNAL_NAMES))
    assert data.features[0].tolist() == [-35.8211, -0.170327, 0.00786936, 20.0447, -46.0504, 170.0, 424.0, 31.0]
    assert data.profitable[:2].tolist() == [1, 0]
    assert data.times is not None
    assert (np.diff(data.times) > np.timedelta64(0)).all()
    assert (data.record.first_date, data.record.last_date) == ("2023-01-02", "2024-12-19")
    assert data.report() == []


def test_fixtures_are_what_their_script_writes() -> None:
    assert HISTORY.read_text() == history()
    assert {name: (DATA / "broken" / f"trades_{name}.csv").read_bytes() for name in REFUSALS} == broken()


@pytest.mark.parametrize("name", REFUSALS)
def test_a_bad_file_is_refused_in_one_line_that_names_it(name: str) -> None:
    with pytest.raises(PipelineError, match=REFUSALS[name]) as caught:
        read_history([DATA / "broken" / f"trades_{name}.csv"], now=NOW)
    assert f"trades_{name}.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("gamma", "", "field 'gamma' is empty"),
        ("gamma", "NaN", "field 'gamma' is empty"),
        ("vega", "-3", "field 'vega' must lie in 0..1e+07 $ per 1.00 of volatility, found -3"),
        ("delta", "1.01", "field 'delta' must lie in -1..1 per $1 of spot, found 1.01"),
        ("theta", "inf", "field 'theta' must be finite, found inf"),
        ("volume", "10.5", "field 'volume' must be a whole number, found 10.5"),
        ("volume", "1_000", "field 'volume' must be a number, found '1_000'"),
        ("days_to_expiry", "soon", "field 'days_to_expiry' must be a number, found 'soon'"),
        ("pnl", "", "field 'pnl' is empty: the trade has no outcome yet"),
        ("pnl", "nan", "field 'pnl' is empty: the trade has no outcome yet"),
        ("timestamp", "02/01/2023", f"field 'timestamp' must be a date or time ({KNOWN}), found '02/01/2023'"),
        ("timestamp", "yesterday", f"field 'timestamp' must be a date or time ({KNOWN}), found 'yesterday'"),
    ],
)
def test_a_bad_cell_costs_its_row_and_is_named(tmp_path: Path, column: str, value: str, reason: str) -> None:
    data = read_history([edited(tmp_path, with_cell(column, value))], now=NOW)
    assert len(data.features) == 239
    assert [(r.where, r.field, r.reason) for r in data.rejected] == [("edited.csv row 5", column, reason)]
    assert data.report() == ["1 of 240 rows rejected:", f"  edited.csv row 5: {reason}"]


@pytest.mark.parametrize(
    "form",
    [
        "%m/%d/%Y %I:%M:%S %p",
        "%d/%m/%Y %H:%M",
        "%d/%m/%y %H:%M",
        "%d.%m.%Y %H:%M:%S",
        "%d-%b-%Y %H:%M",
        "%b %d, %Y %I:%M %p",
        "%s",
    ],
)
def test_times_as_brokers_write_them_are_the_same_times(tmp_path: Path, form: str) -> None:
    def spelled(lines: list[str]) -> list[str]:
        at = lines[0].split(",").index("timestamp")
        found = [lines[0]]
        for line in lines[1:]:
            cells = next(csv.reader([line]))
            moment = datetime.fromisoformat(cells[at])
            cells[at] = f'"{moment.timestamp():.0f}"' if form == "%s" else f'"{moment.strftime(form)}"'
            found.append(",".join(cells))
        return found

    base, found = read_history([HISTORY], now=NOW), read_history([edited(tmp_path, spelled)], now=NOW)
    assert not found.rejected
    assert base.times is not None
    assert found.times is not None
    assert np.array_equal(base.times, found.times)


def test_an_order_of_day_and_month_that_no_row_settles_is_refused(tmp_path: Path) -> None:
    def spelled(lines: list[str]) -> list[str]:
        return [
            lines[0],
            *(f"{1 + n % 9}/{1 + n % 7}/2023,{line.split(',', 1)[1]}" for n, line in enumerate(lines[1:])),
        ]

    with pytest.raises(PipelineError, match=r"column 'timestamp': '1/1/2023' can be read as .* no row settles which"):
        read_history([edited(tmp_path, spelled)], now=NOW)


def test_a_row_with_too_many_cells_is_rejected(tmp_path: Path) -> None:
    data = read_history([edited(tmp_path, lambda lines: [*lines, lines[-1] + ",1"])], now=NOW)
    assert data.rejected[0].reason == "12 cells, expected 11"


def test_a_repeated_signal_is_rejected_and_points_to_the_first(tmp_path: Path) -> None:
    data = read_history([edited(tmp_path, lambda lines: [*lines, lines[3]])], now=NOW)
    assert [(r.where, r.reason) for r in data.rejected] == [
        ("edited.csv row 242", "repeats the signal of edited.csv row 4")
    ]


def test_trades_of_one_moment_are_kept_and_stay_together(tmp_path: Path) -> None:
    def same_time(lines: list[str]) -> list[str]:
        times = [line.split(",", 1)[0] for line in lines]
        return [lines[0]] + [f"{times[(n // 4) * 4 + 1]},{line.split(',', 1)[1]}" for n, line in enumerate(lines[1:])]

    data = read_history([edited(tmp_path, same_time)], now=NOW)
    train, test = hold_out(data, share=0.21, random_state=0)
    assert len(data.features) == 240
    assert "180 trades share the timestamp of an earlier one" in data.report()[0]
    assert data.times is not None
    assert not set(data.times[train]) & set(data.times[test])


def test_many_rejected_rows_are_counted_by_field(tmp_path: Path) -> None:
    def edit(lines: list[str]) -> list[str]:
        for line in range(1, 13):
            lines = with_cell("vega" if line < 9 else "gamma", "x", line)(lines)
        return lines

    report = read_history([edited(tmp_path, edit)], now=NOW).report()
    assert report[0] == "12 of 240 rows rejected:"
    assert len(report) == 7
    assert report[-1] == "  and more: 4 for 'gamma', 3 for 'vega'"


def test_the_sign_of_pnl_is_the_label_and_zero_is_no_profit(tmp_path: Path) -> None:
    lines = edited(tmp_path, with_cell("pnl", "0"))
    assert read_history([lines], now=NOW).profitable[3] == 0


def test_is_profitable_serves_as_well_as_pnl(tmp_path: Path) -> None:
    def relabel(lines: list[str]) -> list[str]:
        rows = [line.rsplit(",", 1) for line in lines[1:]]
        head = lines[0].replace("pnl", "is_profitable")
        return [head] + [f"{row},{'True' if float(pnl) > 0 else '0'}" for row, pnl in rows]

    by_flag, by_pnl = read_history([edited(tmp_path, relabel)], now=NOW), read_history([HISTORY], now=NOW)
    assert (by_flag.profitable == by_pnl.profitable).all()


def test_labels_that_contradict_each_other_cost_the_row(tmp_path: Path) -> None:
    def both(lines: list[str]) -> list[str]:
        flags = ["is_profitable"] + [str(int(float(line.rsplit(",", 1)[1]) > 0)) for line in lines[1:]]
        flags[7] = str(1 - int(flags[7]))
        return [f"{line},{flag}" for line, flag in zip(lines, flags, strict=True)]

    data = read_history([edited(tmp_path, both)], now=NOW)
    assert [(r.where, r.reason) for r in data.rejected] == [
        ("edited.csv row 8", "fields 'pnl' and 'is_profitable' contradict each other")
    ]


def test_unknown_columns_and_a_missing_timestamp_are_noticed(tmp_path: Path) -> None:
    def edit(lines: list[str]) -> list[str]:
        return [line + (",note" if n == 0 else ",x") for n, line in enumerate(without("timestamp")(lines))]

    report = read_history([edited(tmp_path, edit)], now=NOW).report()
    assert report == [
        "edited.csv: columns not used: note",
        "no column 'timestamp': trades are split at random, which is optimistic",
    ]


def test_a_history_with_one_class_is_refused(tmp_path: Path) -> None:
    path = edited(tmp_path, lambda lines: [lines[0]] + [line.rsplit(",", 1)[0] + ",5" for line in lines[1:]])
    with pytest.raises(PipelineError, match="240 profitable and 0 unprofitable trades; training needs 20 of each"):
        read_history([path], now=NOW)


@pytest.mark.parametrize("column", SIGNAL_NAMES)
def test_a_constant_column_is_refused(tmp_path: Path, column: str) -> None:
    def constant(lines: list[str]) -> list[str]:
        for line in range(1, len(lines)):
            lines = with_cell(column, "1", line)(lines)
        return lines

    with pytest.raises(PipelineError, match=f"column '{column}' is 1 in every row"):
        read_history([edited(tmp_path, constant)], now=NOW)


def test_two_files_make_one_history_and_must_agree_on_having_times(tmp_path: Path) -> None:
    lines = HISTORY.read_text().splitlines()
    first, second, other = tmp_path / "a.csv", tmp_path / "b.csv", tmp_path / "c.csv"
    first.write_text("\n".join(lines[:121]))
    second.write_text("\n".join([lines[0], *lines[121:]]))
    other.write_text("\n".join(without("timestamp")(lines)))
    both = read_history([second, first], now=NOW)
    assert (both.features == read_history([HISTORY], now=NOW).features).all()
    assert both.record.source == "history: b.csv, a.csv"
    for files in ([first, other], [other, first]):
        with pytest.raises(PipelineError, match=r"c.csv: no column 'timestamp', which .*a.csv has"):
            read_history(files, now=NOW)


def test_files_of_one_history_may_have_columns_that_others_lack(tmp_path: Path) -> None:
    lines = HISTORY.read_text().splitlines()
    whole = read_history([HISTORY], now=NOW)
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    first.write_text("\n".join(lines[:121]))
    rest = [lines[0], *lines[121:]]
    labels = [
        line + ("," + str(int(float(line.split(",")[-1]) > 0)) if at else ",is_profitable")
        for at, line in enumerate(rest)
    ]
    for made in (without("symbol")(rest), without("pnl")(labels)):
        second.write_text("\n".join(made))
        both = read_history([second, first], now=NOW)
        assert (both.features == whole.features).all()
        assert (both.profitable == whole.profitable).all()
    # The same trades in both files are found, though one file does not say whose they are.
    second.write_text("\n".join(without("symbol")(lines)))
    again = read_history([HISTORY, second], now=NOW)
    assert len(again.rejected) == len(whole.features)
    assert all(row.field == "duplicate" for row in again.rejected)


def test_a_trade_that_does_not_say_when_it_closed_ends_by_expiry(tmp_path: Path) -> None:
    lines = HISTORY.read_text().splitlines()
    at = lines[0].split(",").index("timestamp")
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    closing = [",".join([line, line.split(",")[at]]) for line in lines[1:121]]
    first.write_text("\n".join([lines[0] + ",closed", *closing]))
    second.write_text("\n".join([lines[0], *lines[121:]]))
    both = read_history([first, second], now=NOW)
    assert both.closes is not None
    assert both.times is not None
    assert int((~np.isnat(both.closes)).sum()) == 120
    # A trade that closes at once is known at once; one that does not say so is not, and is not learned from.
    now_known = Labelled(both.features, both.profitable, both.record, both.times, both.times)
    least = Labelled(both.features, both.profitable, both.record, both.times)
    sizes = [len(hold_out(one, share=0.2, random_state=0)[0]) for one in (least, both, now_known)]
    assert sizes[0] <= sizes[1] < sizes[2]


def test_a_file_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"cannot read .*none.csv: No such file"):
        read_history([tmp_path / "none.csv"])


def test_a_zone_is_converted_to_utc(tmp_path: Path) -> None:
    data = read_history([edited(tmp_path, with_cell("timestamp", "2023-01-11T10:30:00-05:00"))], now=NOW)
    assert data.times is not None
    assert data.times[3] == np.datetime64("2023-01-11T15:30:00")


def labelled(days: list[int], outcome: list[int], starts: list[int] | None) -> Labelled:
    features = np.zeros((len(days), len(SIGNAL_NAMES)))
    features[:, -1] = days
    features[:, 0] = np.arange(len(days))  # no two signals are the same
    times = None
    if starts is not None:
        times = np.datetime64("2024-01-01T12:00:00", "us") + np.sort(starts).astype("timedelta64[D]")
    record = DataRecord(source="test", rows=len(days))
    return Labelled(features, np.array(outcome, dtype=np.int64), record, times)


random_histories = (
    st.integers(0, 2**32 - 1)
    .map(np.random.default_rng)
    .map(
        lambda random: labelled(
            random.integers(0, 60, 400).tolist(),
            random.integers(0, 2, 400).tolist(),
            random.integers(0, 1500, 400).tolist(),
        )
    )
)


@given(random_histories, st.floats(0.1, 0.4))
@settings(max_examples=20, deadline=None)
def test_no_training_trade_is_open_when_the_test_begins(data: Labelled, share: float) -> None:
    train, test = hold_out(data, share=share, random_state=0)
    assert data.times is not None
    closed = data.times[train] + (data.features[train, -1].astype("timedelta64[D]"))
    assert closed.max() < data.times[test].min()
    assert not set(train) & set(test)
    assert abs(len(test) - share * 400) < 10


@given(random_histories, st.integers(2, 6))
@settings(max_examples=20, deadline=None)
def test_no_fold_is_fitted_on_trades_open_beside_those_it_predicts(data: Labelled, count: int) -> None:
    assert data.times is not None
    closed = data.times + data.features[:, -1].astype("timedelta64[D]")
    predicted = []
    for fit, held in folds(data, count=count, random_state=0):
        overlap = (data.times[fit][:, None] <= closed[held]) & (closed[fit][:, None] >= data.times[held])
        assert not overlap.any()
        predicted += held.tolist()
    assert sorted(predicted) == list(range(400))


def test_without_times_splits_keep_the_share_of_profitable_trades() -> None:
    data = labelled([10] * 400, [1] * 100 + [0] * 300, None)
    train, test = hold_out(data, share=0.2, random_state=1)
    assert data.profitable[train].mean() == data.profitable[test].mean() == 0.25
    assert sorted([*train, *test]) == list(range(400))
    assert (hold_out(data, share=0.2, random_state=1)[1] == test).all()
    assert not np.array_equal(hold_out(data, share=0.2, random_state=2)[1], test)
    assert all(data.profitable[held].mean() == 0.25 for _, held in folds(data, count=4, random_state=1))


@pytest.mark.parametrize("timed", [True, False])
def test_a_signal_that_is_asked_in_the_test_part_is_not_learned_by_heart(timed: bool) -> None:
    data = labelled([1] * 400, [0, 1, 1, 0] * 100, list(range(400)) if timed else None)
    free = hold_out(data, share=0.2, random_state=0)
    repeated = free[1][:7]
    data.features[free[0][:7]] = data.features[repeated]
    train, test = hold_out(data, share=0.2, random_state=0)
    assert (test == free[1]).all()
    assert sorted({*free[0]} - {*train}) == sorted(free[0][:7])
    for fit, held in folds(data, count=4, random_state=0):
        assert not twins(data, fit, held).any()


def test_a_history_too_short_for_its_trades_says_so() -> None:
    data = labelled([60] * 200, [0, 1] * 100, list(range(0, 50)) * 4)
    with pytest.raises(PipelineError, match=r"the training part holds 0 .*still open.*bring a longer history"):
        hold_out(data, share=0.2, random_state=0)


def test_a_test_part_with_one_class_is_refused() -> None:
    data = labelled([1] * 200, [0, 1] * 60 + [1] * 80, list(range(200)))
    with pytest.raises(PipelineError, match="the test part holds 40 profitable and 0 unprofitable"):
        hold_out(data, share=0.2, random_state=0)


def with_column(column: str, make: Callable[[float], str], *, quote: bool = True) -> Callable[[list[str]], list[str]]:
    """Every cell of a column in another spelling."""

    def edit(lines: list[str]) -> list[str]:
        at = lines[0].split(",").index(column)
        rows = [line.split(",") for line in lines[1:]]
        mark = '"' if quote else ""
        return [lines[0]] + [",".join([*r[:at], f"{mark}{make(float(r[at]))}{mark}", *r[at + 1 :]]) for r in rows]

    return edit


@pytest.mark.parametrize(
    "make",
    [
        lambda p: f"({-p:,.4f})" if p < 0 else f"{p:,.4f}",
        lambda p: f"{'-' if p < 0 else ''}${abs(p) * 1e4:,.2f}",
        lambda p: f"{p * 1e4:,.4f}".replace(",", " ").replace(".", ","),
        lambda p: f"{p:.4f}".replace("-", "\u2212"),
        lambda p: f"{-p:.4f}-" if p < 0 else f"{p:.4f}",
        lambda p: f"{p:.4f}%",
        lambda p: f"{abs(p):.4f} {'DR' if p < 0 else 'CR'}",
        lambda p: f"{p:+.4f}",
        lambda p: f"{p:.4f} USD",
    ],
    ids=["brackets", "dollars", "decimal comma", "U+2212", "minus behind", "percent", "DR/CR", "plus", "currency code"],
)
def test_a_loss_is_a_loss_however_it_is_written(tmp_path: Path, make: Callable[[float], str]) -> None:
    data = read_history([edited(tmp_path, with_column("pnl", make))], now=NOW)
    assert (data.profitable == read_history([HISTORY], now=NOW).profitable).all()
    assert data.report() == []


def test_a_history_in_utf_16_with_tabs_or_semicolons_reads_alike(tmp_path: Path) -> None:
    path = tmp_path / "excel.csv"
    path.write_text(HISTORY.read_text().replace(",", "\t"), encoding="utf-16")
    assert (read_history([path], now=NOW).features == read_history([HISTORY], now=NOW).features).all()
    path.write_text(HISTORY.read_text().replace(",", ";").replace(".", ","))
    assert (read_history([path], now=NOW).features == read_history([HISTORY], now=NOW).features).all()


def test_rejections_of_more_than_one_row_in_twenty_stop_the_training(tmp_path: Path) -> None:
    def edit(lines: list[str]) -> list[str]:
        for line in range(1, 14):
            lines = with_cell("vega", "x", line)(lines)
        return lines

    with pytest.raises(PipelineError, match=r"13 of 240 rows rejected \(13 for 'vega'\), more than 5%"):
        read_history([edited(tmp_path, edit)], now=NOW)


def test_rejections_that_fall_on_one_outcome_stop_the_training(tmp_path: Path) -> None:
    def edit(lines: list[str]) -> list[str]:
        losses = [line for line in range(1, len(lines)) if float(lines[line].rsplit(",", 1)[1]) <= 0][:12]
        for line in losses:
            lines = with_cell("pnl", f"-{line} loss?", line)(lines)
        return lines

    with pytest.raises(PipelineError, match=r"0 of 12 rejected rows are profitable.*of one outcome"):
        read_history([edited(tmp_path, edit)], now=NOW)


def test_opening_legs_without_an_outcome_are_refused_and_scratch_trades_noted(tmp_path: Path) -> None:
    def legs(share: int) -> Callable[[list[str]], list[str]]:
        def edit(lines: list[str]) -> list[str]:
            for line in range(1, len(lines), share):
                lines = with_cell("pnl", "0", line)(lines)
            return lines

        return edit

    with pytest.raises(PipelineError, match=r"120 of 240 trades have a pnl of exactly 0.*opening legs"):
        read_history([edited(tmp_path, legs(2))], now=NOW)
    data = read_history([edited(tmp_path, legs(24))], now=NOW)
    assert data.report() == ["10 trades have a pnl of exactly 0 and count as not profitable"]


def test_fills_of_one_trade_are_not_taken_for_trades(tmp_path: Path) -> None:
    at = HISTORY.read_text().split("\n", 1)[0].split(",").index("volume")

    def fills(times: int) -> Callable[[list[str]], list[str]]:
        def edit(lines: list[str]) -> list[str]:
            more = [line.split(",") for line in lines[1 : 1 + times]]
            again = [",".join([*r[:at], str(int(r[at]) + 1), *r[at + 1 :]]) for r in more]
            return [*lines, *again]

        return edit

    assert HISTORY.read_text().split(",", 1)[0] == "timestamp"
    with pytest.raises(PipelineError, match=r"240 of 480 rows look like fills.*merge the fills"):
        read_history([edited(tmp_path, fills(240))], now=NOW)
    assert "3 rows look like fills" in read_history([edited(tmp_path, fills(3))], now=NOW).report()[1]


def test_what_was_left_out_is_one_line_that_training_can_repeat(tmp_path: Path) -> None:
    data = read_history([edited(tmp_path, with_cell("gamma", "x"))], now=NOW)
    assert data.warning() == "warning: 1 of 240 rows rejected: 1 for 'gamma'"
    assert read_history([HISTORY], now=NOW).warning() is None


@pytest.mark.parametrize("words", [("WIN", "LOSS"), ("W", "L"), ("yes", "no"), ("Y", "N"), ("won", "lost")])
def test_an_outcome_in_words_is_read(tmp_path: Path, words: tuple[str, str]) -> None:
    def edit(lines: list[str]) -> list[str]:
        at = lines[0].split(",").index("pnl")
        rows = [line.split(",") for line in lines[1:]]
        said = [[*row[:at], words[0] if float(row[at]) > 0 else words[1], *row[at + 1 :]] for row in rows]
        return [lines[0].replace("pnl", "Win/Loss"), *(",".join(row) for row in said)]

    found, whole = read_history([edited(tmp_path, edit)], now=NOW), read_history([HISTORY], now=NOW)
    assert np.array_equal(found.profitable, whole.profitable)


@pytest.mark.parametrize("name", ["P/L", "Realized P&L", "PnL ($)"])
def test_a_pnl_by_another_name_is_read(tmp_path: Path, name: str) -> None:
    path = edited(tmp_path, lambda lines: [lines[0].replace("pnl", name), *lines[1:]])
    found, whole = read_history([path], now=NOW), read_history([HISTORY], now=NOW)
    assert np.array_equal(found.profitable, whole.profitable)


def test_memory_grows_by_the_numbers_of_a_row_and_not_by_its_cells(tmp_path: Path) -> None:
    lines = HISTORY.read_text().splitlines()
    path = tmp_path / "long.csv"
    path.write_text("\n".join([lines[0], *lines[1:] * 50]) + "\n")
    opened = open_history(path)
    tracemalloc.start()
    try:
        open_history(path)
        looked_over = tracemalloc.get_traced_memory()[1]
        columns = TradeColumns([opened])
        for _, row in opened.trades(NOW):
            assert isinstance(row, Trade)
            columns.add(row, 0)
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert looked_over < 3_000_000  # the text of 12,000 rows alone is 1 MB, their cells 9 MB
    assert held < 12_000 * 200
