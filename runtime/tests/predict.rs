//! `observe` and `predict` through the real binary.

#![allow(clippy::unwrap_used, clippy::cast_precision_loss, clippy::cast_sign_loss, reason = "tests")]

mod support;

use std::fmt::Write;
use std::fs;

use serde_json::{Value, json};
use support::{Changes, House, repository};

/// Weekdays from Monday 2024-03-04 on.
fn weekdays(count: usize) -> Vec<jiff::civil::Date> {
    let mut day = jiff::civil::date(2024, 3, 4);
    let mut days = Vec::new();
    while days.len() < count {
        if !matches!(day.weekday(), jiff::civil::Weekday::Saturday | jiff::civil::Weekday::Sunday) {
            days.push(day);
        }
        day = day.tomorrow().unwrap();
    }
    days
}

/// Rows of one day of a flat surface; `date` with its comma, or nothing for a snapshot.
fn surface(date: &str, iv: f64) -> String {
    let mut rows = String::new();
    for (strike, kind) in [(90, "Put"), (95, "Put"), (100, "Call"), (105, "Call"), (110, "Call")] {
        writeln!(rows, "{date}ABC,{strike},0.0833,{iv},{},{kind},10", f64::from(strike) / 100.0).unwrap();
    }
    rows
}

const HEADER: &str = "Symbol,Strike,TimeToExpiry,ImpliedVol,Moneyness,OptionType,Volume\n";

fn dated(days: usize) -> String {
    let mut file = format!("Date,{HEADER}");
    for (index, date) in weekdays(days).iter().enumerate() {
        file += &surface(&format!("{date},"), 0.2 + index as f64 / 1000.0);
    }
    file
}

#[test]
fn a_dated_file_gives_the_four_keys_and_nothing_else() {
    let house = House::new();
    house.write("abc.csv", dated(12));
    let done = house.run(&["predict", "abc.csv"]);
    let forecast: Value = serde_json::from_str(done.good()).unwrap();
    let keys: Vec<_> = forecast.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["change_percent", "current_avg_iv", "direction", "predicted_avg_iv"]);
    let (current, predicted) = (number(&forecast["current_avg_iv"]), number(&forecast["predicted_avg_iv"]));
    assert!((current - 0.211).abs() < 1e-12, "{current}");
    assert_eq!(predicted, current * 0.99);
    assert!((number(&forecast["change_percent"]) + 1.0).abs() < 1e-9);
    assert_eq!(forecast["direction"], "DOWN");
    assert_eq!(done.stderr, "");
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

#[test]
fn the_whole_forecast_adds_horizons_interval_surface_baseline_and_source() {
    let house = House::new();
    house.write("abc.csv", dated(12));
    house.configure(|config| config["models"]["volatility_predictor"]["prediction_horizon"] = 5.into());
    let done = house.run(&["predict", "--json", "abc.csv"]);
    let forecast: Value = serde_json::from_str(done.good()).unwrap();
    let current = number(&forecast["current_avg_iv"]);
    assert_eq!(forecast["symbol"], "ABC");
    assert_eq!(forecast["date"], weekdays(12)[11].to_string());
    assert_eq!(forecast["known_days"], 12);
    assert_eq!(forecast["source"], "model");
    assert_eq!(number(&forecast["predicted_avg_iv"]), current * 0.95);
    assert_eq!(number(&forecast["baseline"]), current);
    assert_eq!(number(&forecast["surface"]["avg_iv"]), current);
    let days: Vec<_> = forecast["horizons"].as_array().unwrap().iter().map(|entry| entry["days"].clone()).collect();
    assert_eq!(days, [1, 5, 21]);
    let second = &forecast["horizons"][1];
    assert!(
        number(&second["lower"]) < number(&second["predicted"])
            && number(&second["predicted"]) < number(&second["upper"])
    );
}

#[test]
fn a_file_with_too_few_days_says_how_many_are_needed_and_found() {
    let house = House::new();
    house.write("abc.csv", dated(9));
    house.run(&["predict", "abc.csv"]).refused("abc.csv: needs 10 known days, found 9");
    house.write("abc.csv", dated(10));
    house.run(&["predict", "abc.csv"]).good();
}

#[test]
fn a_snapshot_without_history_says_what_to_do() {
    let house = House::new();
    house.write("abc.csv", format!("{HEADER}{}", surface("", 0.3)));
    house.run(&["predict", "abc.csv"]).refused(
        "abc.csv: a snapshot without a date (no history): needs 10 known days, found 1; run `dollarbill-ml observe \
         abc.csv --date YYYY-MM-DD` each day, then `dollarbill-ml predict --symbol ABC`",
    );
}

#[test]
fn the_engines_own_snapshot_is_refused_for_its_missing_history() {
    let file = repository().join("../shared/data/dollarbill/tsla_vol_surface.csv");
    assert!(file.exists(), "this test needs ../shared/data beside the checkout");
    House::new().run(&["predict", file.to_str().unwrap()]).refused("needs 10 known days, found 1");
}

#[test]
fn days_observed_one_by_one_make_a_forecast() {
    let house = House::new();
    for (index, date) in weekdays(10).iter().enumerate() {
        house.write("data/abc_vol_surface.csv", format!("{HEADER}{}", surface("", 0.2 + index as f64 / 1000.0)));
        if index > 0 {
            house.run(&["predict", "--symbol", "ABC"]).refused(&format!("needs 10 known days, found {index}"));
        }
        let done = house.run(&["observe", "data/abc_vol_surface.csv", "--date", &date.to_string()]);
        assert_eq!(done.good(), "");
        assert!(done.stderr.contains(&format!("{} days known", index + 1)), "{}", done.stderr);
    }
    for symbol in ["ABC", "abc"] {
        let done = house.run(&["predict", "--symbol", symbol]);
        let forecast: Value = serde_json::from_str(done.good()).unwrap();
        assert!((number(&forecast["current_avg_iv"]) - 0.209).abs() < 1e-12);
    }
    fs::remove_file(house.path("data/abc_vol_surface.csv")).unwrap();
    house.run(&["predict", "--symbol", "ABC"]).good();
}

#[test]
fn a_dated_file_and_observed_days_are_one_history() {
    let house = House::new();
    let days = weekdays(10);
    house.write("data/abc_vol_surface.csv", dated(9));
    house.run(&["predict", "--symbol", "ABC"]).refused("needs 10 known days, found 9");
    house.write("today.csv", format!("{HEADER}{}", surface("", 0.5)));
    house.run(&["observe", "today.csv", "--date", &days[9].to_string()]).good();
    let done = house.run(&["predict", "--symbol", "ABC"]);
    let forecast: Value = serde_json::from_str(done.good()).unwrap();
    assert!((number(&forecast["current_avg_iv"]) - 0.5).abs() < 1e-12);
}

#[test]
fn what_is_no_snapshot_of_that_day_is_not_observed() {
    let house = House::new();
    house.write("two.csv", dated(2));
    house.run(&["observe", "two.csv", "--date", "2024-03-04"]).refused("holds more than one day");
    house.write("one.csv", dated(1));
    house.run(&["observe", "one.csv", "--date", "2024-03-05"]).refused("is dated 2024-03-04, not 2024-03-05");
    house.write("snapshot.csv", format!("{HEADER}{}", surface("", 0.3)));
    house.run(&["observe", "snapshot.csv", "--date", "2024-03-09"]).refused("Saturday or Sunday");
    house.run(&["observe", "nowhere.csv", "--date", "2024-03-04"]).refused("nowhere.csv");
    house.run(&["predict", "--symbol", "ABC"]).refused("abc_vol_surface.csv");
    house.configure(|config| config["runtime"] = json!({"history_path": "snapshot.csv/store.sqlite"}));
    house.run(&["observe", "snapshot.csv", "--date", "2024-03-04"]).refused("snapshot.csv");
}

#[test]
fn a_symbol_cannot_lead_out_of_the_data_folder() {
    let house = House::new();
    for symbol in ["../../etc/passwd", "a/b", "", "..", "A B", "ABCDEFGHIJKLMNOPQ"] {
        house.run(&["predict", "--symbol", symbol]).refused("must be 1 to 16 letters");
    }
}

#[test]
fn a_wrong_surface_file_is_refused_with_one_line() {
    let house = House::new();
    let broken = repository().join("tests/data/broken");
    let mut count = 0;
    for entry in fs::read_dir(broken).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with("surface_") {
            house.run(&["predict", path.to_str().unwrap()]).refused(&name);
            count += 1;
        }
    }
    assert!(count > 20);
    house.run(&["predict", "nowhere.csv"]).refused("cannot read nowhere.csv");
    house.run(&["predict", "config"]).refused("config");
}

#[test]
fn persistence_answers_for_a_model_that_is_switched_off_and_says_so() {
    let house = House::new();
    house.write("abc.csv", dated(3));
    house.configure(|config| config["models"]["volatility_predictor"]["enabled"] = false.into());
    let done = house.run(&["predict", "abc.csv"]);
    let forecast: Value = serde_json::from_str(done.good()).unwrap();
    assert_eq!(forecast["predicted_avg_iv"], forecast["current_avg_iv"]);
    assert_eq!(number(&forecast["change_percent"]), 0.0);
    assert_eq!(done.stderr.lines().count(), 1, "{}", done.stderr);
    assert!(done.stderr.contains("fallback") && done.stderr.contains("switched off"), "{}", done.stderr);
    house.run(&["predict", "--json", "abc.csv"]).good().contains("\"fallback\"");
    let strict = house.run(&["predict", "--no-fallback", "abc.csv"]);
    assert_eq!((strict.code, strict.stdout.as_str()), (Some(2), ""));
}

#[test]
fn a_model_without_the_configured_horizon_is_a_mistake_in_the_config() {
    let house = House::new();
    house.write("abc.csv", dated(12));
    house.remake("volatility_predictor", |manifest| manifest["settings"]["horizons"] = json!([2, 5, 21]));
    house.run(&["predict", "abc.csv"]).refused("field 'models.volatility_predictor.prediction_horizon'");
}

#[test]
fn a_manifest_of_other_features_or_days_is_refused() {
    let changes: Changes = vec![
        (|m| m["inputs"][0]["columns"][2]["name"] = "smile".into(), "field 'inputs[0].columns'"),
        (|m| m["settings"]["window_days"] = 30.into(), "field 'inputs[0]'"),
        (|m| m["settings"]["minimum_days"] = 0.into(), "field 'settings.minimum_days'"),
        (|m| m["settings"]["horizons"] = json!([5, 1, 21]), "field 'settings.horizons'"),
        (|m| m["settings"]["horizons"] = json!([]), "field 'settings.horizons'"),
        (|m| m["settings"]["season"] = 1.into(), "field 'settings'"),
        (|m| m["outputs"][1]["name"] = "low".into(), "field 'outputs"),
    ];
    for (change, expected) in changes {
        let house = House::new();
        house.write("abc.csv", dated(12));
        house.remake("volatility_predictor", change);
        house.run(&["predict", "--no-fallback", "abc.csv"]).refused(expected);
    }
}

/// `observe` is killed at a random moment; what it acknowledged must be there. `DOLLARBILL_ML_KILLS` sets how often.
#[test]
#[cfg(unix)]
fn a_kill_while_observing_loses_no_acknowledged_day() {
    let kills: usize = std::env::var("DOLLARBILL_ML_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(20);
    let house = House::new();
    house.write("abc.csv", format!("{HEADER}{}", surface("", 0.3)));
    let mut acknowledged = Vec::new();
    for (index, date) in weekdays(kills).iter().enumerate() {
        let mut command = house.command();
        command.args(["observe", "abc.csv", "--date", &date.to_string()]);
        let mut child = command.stderr(std::process::Stdio::null()).spawn().unwrap();
        // Pauses from nothing to longer than the whole command takes, in another order each time.
        std::thread::sleep(std::time::Duration::from_micros((index as u64 * 7919 % 40) * 500));
        let _ = child.kill();
        if child.wait().unwrap().success() {
            acknowledged.push(*date);
        }
    }
    let store = dollarbill_ml::history::HistoryStore::open(&house.path("data/vol_history.sqlite")).unwrap();
    let kept: Vec<_> = store.days("ABC", 100_000).unwrap().into_iter().filter_map(|day| day.date).collect();
    eprintln!("{kills} kills: {} acknowledged, {} kept", acknowledged.len(), kept.len());
    for date in &acknowledged {
        assert!(kept.contains(date), "{date} was acknowledged and is lost");
    }
}
