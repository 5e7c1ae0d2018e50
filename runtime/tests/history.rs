//! The history store: what it keeps, what it refuses, and that writers in several threads do not disturb each other.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use dollarbill_ml::history::HistoryStore;
use dollarbill_ml::surface::{N_DAILY, SurfaceDay};
use jiff::civil::{Date, date};

fn day(symbol: &str, avg_iv: f64) -> SurfaceDay {
    let mut features = [f64::NAN; N_DAILY];
    features[0] = avg_iv;
    features[1] = 0.1 + 0.2; // needs all its digits
    SurfaceDay { date: None, symbol: symbol.to_owned(), features }
}

fn levels(path: &Path, symbol: &str, limit: usize) -> Vec<(Option<Date>, f64)> {
    let days = HistoryStore::open(path).unwrap().days(symbol, limit).unwrap();
    days.iter().map(|day| (day.date, day.features[0])).collect()
}

#[test]
fn days_come_back_to_the_bit_oldest_first_and_no_more_than_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.sqlite");
    let store = HistoryStore::open(&path).unwrap();
    for (at, level) in [(date(2024, 3, 6), 0.3), (date(2024, 3, 4), 0.1), (date(2024, 3, 5), 0.2)] {
        store.observe(&day("TSLA", level), at).unwrap();
        store.observe(&day("SPY", 9.0 * level / 10.0), at).unwrap();
    }
    let days = store.days("TSLA", 2).unwrap();
    assert_eq!(days.iter().map(|day| day.date).collect::<Vec<_>>(), [Some(date(2024, 3, 5)), Some(date(2024, 3, 6))]);
    assert_eq!(days[1].features.map(f64::to_bits)[..2], day("TSLA", 0.3).features.map(f64::to_bits)[..2]);
    assert!(days[1].features[2..].iter().all(|value| value.is_nan()));
    assert!(store.days("NVDA", 10).unwrap().is_empty());
}

#[test]
fn observing_a_day_again_replaces_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.sqlite");
    for level in [0.3, 0.4] {
        HistoryStore::open(&path).unwrap().observe(&day("TSLA", level), date(2024, 3, 4)).unwrap();
    }
    assert_eq!(levels(&path, "TSLA", 10), [(Some(date(2024, 3, 4)), 0.4)]);
}

#[test]
fn weekends_the_future_and_days_before_1970_are_refused_and_nothing_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.sqlite");
    let store = HistoryStore::open(&path).unwrap();
    let days = [(date(2024, 3, 9), "Saturday"), (date(2024, 3, 10), "Sunday"), (date(2999, 3, 1), "future")];
    for (at, word) in days.into_iter().chain([(date(1969, 12, 31), "before 1970-01-01")]) {
        let error = store.observe(&day("TSLA", 0.3), at).unwrap_err().to_string();
        assert!(error.contains(word) && error.contains(&at.to_string()), "{error}");
    }
    assert!(levels(&path, "TSLA", 10).is_empty());
}

#[test]
fn of_many_days_all_are_stored_or_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.sqlite");
    let store = HistoryStore::open(&path).unwrap();
    let dated = |at| SurfaceDay { date: Some(at), ..day("TSLA", 0.3) };
    let error = store.observe_all(&[dated(date(2024, 3, 4)), dated(date(2024, 3, 9))]).unwrap_err().to_string();
    assert!(error.contains("2024-03-09 is a Saturday") && error.contains("nothing is stored"), "{error}");
    assert!(store.observe_all(&[dated(date(2024, 3, 4)), day("TSLA", 0.3)]).is_err());
    assert!(levels(&path, "TSLA", 10).is_empty());
    store.observe_all(&[dated(date(2024, 3, 4)), dated(date(2024, 3, 5))]).unwrap();
    assert_eq!(store.symbols().unwrap(), [("TSLA".to_owned(), 2, date(2024, 3, 4), date(2024, 3, 5))]);
}

#[test]
fn a_forgotten_day_is_gone_and_one_that_never_was_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.sqlite");
    assert!(HistoryStore::open_existing(&path).unwrap_err().to_string().contains("is not there"));
    assert!(!path.exists());
    let store = HistoryStore::open(&path).unwrap();
    store.observe(&day("TSLA", 0.3), date(2024, 3, 4)).unwrap();
    let error = store.forget("TSLA", date(2024, 3, 5)).unwrap_err().to_string();
    assert!(error.contains("holds no 2024-03-05 of TSLA"), "{error}");
    store.forget("TSLA", date(2024, 3, 4)).unwrap();
    assert!(levels(&path, "TSLA", 10).is_empty());
}

#[test]
fn what_is_no_store_or_a_newer_one_is_refused_and_left_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text.sqlite");
    std::fs::write(&text, "this is not a database, but long enough to be looked at as if it were one").unwrap();
    let other = folder.path().join("other.sqlite");
    rusqlite::Connection::open(&other).unwrap().execute_batch("CREATE TABLE mine (x)").unwrap();
    let newer = folder.path().join("newer.sqlite");
    drop(HistoryStore::open(&newer).unwrap());
    rusqlite::Connection::open(&newer).unwrap().pragma_update(None, "user_version", 2).unwrap();
    for (path, word) in [(&text, "not a SQLite file"), (&other, "another program's"), (&newer, "newer version")] {
        let before = std::fs::read(path).unwrap();
        let error = HistoryStore::open(path).unwrap_err();
        assert_eq!(error.code(), "history");
        assert!(error.to_string().contains(word) && error.to_string().contains(&path.display().to_string()), "{error}");
        if path != &newer {
            assert_eq!(std::fs::read(path).unwrap(), before);
        }
    }
}

#[test]
fn a_store_whose_end_is_cut_off_is_refused_instead_of_being_read_as_empty() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.sqlite");
    HistoryStore::open(&path).unwrap().observe(&day("ABC", 0.3), date(2024, 3, 4)).unwrap();
    std::fs::File::options().write(true).open(&path).unwrap().set_len(5000).unwrap();
    let error = HistoryStore::open(&path).unwrap_err().to_string();
    assert!(error.contains("damaged") || error.contains("malformed"), "{error}");
}

#[test]
fn a_store_in_a_folder_that_is_not_there_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let error = HistoryStore::open(&folder.path().join("no/history.sqlite")).unwrap_err().to_string();
    assert!(error.contains("cannot be opened"), "{error}");
}

#[test]
fn writers_in_many_threads_lose_nothing() {
    // Many new stores: whoever comes first makes the table, and the others must not take it for another program's.
    for _ in 0..40 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.sqlite");
        std::thread::scope(|scope| {
            for thread in 0..6_i8 {
                let path = &path;
                scope.spawn(move || {
                    let store = HistoryStore::open(path).unwrap();
                    for at in 1..4 {
                        store.observe(&day(&format!("S{thread}"), 0.3), date(2024, 1, at)).unwrap();
                    }
                });
            }
        });
        for thread in 0..6 {
            assert_eq!(levels(&path, &format!("S{thread}"), 99).len(), 3);
        }
    }
}
