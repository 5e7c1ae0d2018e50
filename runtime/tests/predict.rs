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
    assert_eq!(done.stderr, "ABC: as of 2024-03-19, 12 known days\n");
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
    assert_eq!(done.stderr, "", "a single expiry tells the shape of the smile");
    let current = number(&forecast["current_avg_iv"]);
    assert_eq!(forecast["symbol"], "ABC");
    assert_eq!(forecast["date"], weekdays(12)[11].to_string());
    assert_eq!(forecast["known_days"], 12);
    assert_eq!(forecast["source"], "model");
    assert_eq!(number(&forecast["predicted_avg_iv"]), current * 0.95);
    assert_eq!(number(&forecast["baseline"]["persistence"]), current);
    assert_eq!(number(&forecast["features"]["avg_iv"]), current);
    let surface = &forecast["surface"];
    assert_eq!(surface["usual_shape"], false);
    assert_eq!(surface["tenor_days"], json!([30, 60, 91, 182, 365]));
    assert_eq!(surface["moneyness"], json!([0.9, 0.95, 1.0, 1.05, 1.1]));
    for (horizon, average) in
        surface["horizons"].as_array().unwrap().iter().zip(forecast["horizons"].as_array().unwrap())
    {
        assert_eq!(horizon["days"], average["days"]);
        let rows = horizon["implied_vol"].as_array().unwrap();
        let cells: Vec<f64> = rows.iter().flat_map(|row| row.as_array().unwrap()).map(number).collect();
        assert_eq!((rows.len(), cells.len()), (5, 25));
        let predicted = number(&average["predicted"]);
        assert!((cells.iter().sum::<f64>() / 25.0 / predicted - 1.0).abs() < 1e-12);
        assert_eq!(cells[0], predicted * (1.04 * 1.1));
    }
    let days: Vec<_> = forecast["horizons"].as_array().unwrap().iter().map(|entry| entry["days"].clone()).collect();
    assert_eq!(days, [1, 5, 21]);
    let second = &forecast["horizons"][1];
    assert!(
        number(&second["lower"]) < number(&second["predicted"])
            && number(&second["predicted"]) < number(&second["upper"])
    );
}

/// Gives the fixture model's manifest these settings besides, and the version that follows from it.
fn with_settings(house: &House, added: &Value) {
    house.remake("volatility_predictor", |manifest| {
        for (name, value) in added.as_object().unwrap() {
            manifest["settings"][name] = value.clone();
        }
    });
}

#[test]
fn simple_forecasts_stand_beside_the_models_and_a_lost_contest_is_said() {
    let house = House::new();
    house.write("abc.csv", dated(12));
    with_settings(
        &house,
        &json!({
            "baselines": {"ar": [[0.1], [0.2], [0.3]], "har": [[0, 0, 0], [0, 0, 0], [0, 0, 0]], "ewma": [[0], [0.5], [0.9]]},
            "beaten_by": ["EWMA", null, null],
        }),
    );
    let done = house.run(&["predict", "--json", "abc.csv"]);
    let forecast: Value = serde_json::from_str(done.good()).unwrap();
    let current = number(&forecast["current_avg_iv"]);
    let first = &forecast["baseline"];
    assert_eq!(first, &forecast["horizons"][0]["baseline"]);
    assert!((number(&first["har"]) / current - 1.0).abs() < 1e-12, "no pull");
    assert!((number(&first["ewma"]) / current - 1.0).abs() < 1e-12, "the newest day alone");
    let mean = (0..12).map(|day| (0.2 + f64::from(day) / 1000.0).ln()).sum::<f64>() / 12.0;
    assert!((number(&first["ar"]).ln() - (0.9 * current.ln() + 0.1 * mean)).abs() < 1e-12);
    let text = "EWMA forecast unseen data better than this model, 1 days ahead";
    assert_eq!(forecast["warnings"], json!([text]));
}

/// Days whose level goes by `factor` a day.
fn steady(days: usize, factor: f64) -> String {
    let mut file = format!("Date,{HEADER}");
    let mut iv = 0.2;
    for date in weekdays(days) {
        file += &surface(&format!("{date},"), iv);
        iv *= factor;
    }
    file
}

#[test]
fn a_model_that_did_worse_than_a_simple_rule_on_the_symbols_own_days_says_so() {
    // The fixture's model says 1 % less tomorrow.
    let warnings = |days: usize, factor: f64| {
        let house = House::new();
        house.write("abc.csv", steady(days, factor));
        let done = house.run(&["predict", "--json", "abc.csv"]);
        let forecast: Value = serde_json::from_str(done.good()).unwrap();
        forecast["warnings"].clone()
    };
    let found = warnings(60, 1.001);
    let days = weekdays(60);
    let (first, last) = (days[9], days[58]);
    let wanted = format!(
        "no change did better than the model on 50 of this symbol's own days, {first} to {last}, 1 days ahead: squared \
         error 99.2 % less"
    );
    assert_eq!(found, json!([wanted]));
    assert_eq!(warnings(60, 0.99), json!([]), "the model is right");
    assert_eq!(warnings(35, 1.001), json!([]), "too few days to say");
}

#[test]
fn baselines_that_do_not_fit_the_horizons_are_refused() {
    for (name, value) in
        [("baselines", json!({"ar": [[0.1]], "har": [[0, 0, 0]], "ewma": [[0]]})), ("beaten_by", json!([null]))]
    {
        let house = House::new();
        house.write("abc.csv", dated(12));
        with_settings(&house, &json!({name: value}));
        house.run(&["predict", "--no-fallback", "abc.csv"]).refused(&format!("settings.{name}"));
    }
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
        house.write("today.csv", format!("{HEADER}{}", surface("", 0.2 + index as f64 / 1000.0)));
        if index > 0 {
            house.run(&["predict", "--symbol", "ABC"]).refused(&format!("needs 10 known days, found {index}"));
        }
        let done = house.run(&["observe", "today.csv", "--date", &date.to_string()]);
        assert_eq!(done.good(), "");
        assert!(done.stderr.contains(&format!("{} days known", index + 1)), "{}", done.stderr);
    }
    for symbol in ["ABC", "abc"] {
        let done = house.run(&["predict", "--symbol", symbol]);
        let forecast: Value = serde_json::from_str(done.good()).unwrap();
        assert!((number(&forecast["current_avg_iv"]) - 0.209).abs() < 1e-12);
        assert!(done.stderr.contains("the newest day known is 2024-03-15, "), "{}", done.stderr);
    }
}

#[test]
fn copies_of_the_day_before_do_not_count_and_the_message_says_so() {
    let house = House::new();
    house.write("today.csv", format!("{HEADER}{}", surface("", 0.2)));
    for date in weekdays(10) {
        house.run(&["observe", "today.csv", "--date", &date.to_string()]).good();
    }
    house
        .run(&["predict", "--symbol", "ABC"])
        .refused("symbol ABC (copies of the day before left out: 9): needs 10 known days, found 1");
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
    house.run(&["predict", "--symbol", "ABC", "--date", "2024-03-18"]).refused("has dates of its own");
}

/// A house with `days` observed days of ABC, at 0.200, 0.201 and so on.
fn observed(days: usize) -> House {
    let house = House::new();
    house.write("history.csv", dated(days));
    let done = house.run(&["observe", "history.csv"]);
    done.good();
    assert!(done.stderr.contains(&format!("{days} days known")), "{}", done.stderr);
    house
}

/// The engine's snapshot, last written at this time.
fn engine_file(house: &House, iv: f64, modified: &str) {
    let path = house.write("data/abc_vol_surface.csv", format!("{HEADER}{}", surface("", iv)));
    let time: jiff::Timestamp = modified.parse().unwrap();
    fs::File::options().write(true).open(path).unwrap().set_modified(time.into()).unwrap();
}

fn whole(house: &House, arguments: &[&str]) -> Value {
    serde_json::from_str(house.run(&[&["predict", "--json"], arguments].concat()).good()).unwrap()
}

#[test]
fn the_engines_file_is_the_newest_day_on_top_of_those_observed() {
    let house = observed(9);
    // The ninth day is a Thursday; Friday, 22:00 in UTC.
    engine_file(&house, 0.5, "2024-03-15T22:00:00Z");
    for arguments in [&["--symbol", "ABC"][..], &["data/abc_vol_surface.csv"]] {
        let forecast = whole(&house, arguments);
        assert_eq!((&forecast["date"], &forecast["known_days"]), (&json!("2024-03-15"), &json!(10)), "{arguments:?}");
        assert!((number(&forecast["current_avg_iv"]) - 0.5).abs() < 1e-12);
    }
    // Nothing of it is kept.
    assert!(!house.run(&["days", "--symbol", "ABC"]).good().contains("2024-03-15"));
}

#[test]
fn a_snapshots_time_counts_by_new_yorks_clock_and_a_weekend_is_its_friday() {
    let house = observed(9);
    for (modified, day) in [
        ("2024-03-16T04:59:59Z", "2024-03-15"),
        ("2024-03-17T20:00:00Z", "2024-03-15"),
        ("2024-03-18T04:59:59Z", "2024-03-15"),
        ("2024-03-18T05:00:00Z", "2024-03-18"),
    ] {
        engine_file(&house, 0.5, modified);
        assert_eq!(whole(&house, &["--symbol", "ABC"])["date"], day, "{modified}");
    }
}

#[test]
fn a_date_given_goes_before_the_name_and_the_name_before_the_time() {
    let house = observed(9);
    engine_file(&house, 0.5, "2024-03-15T22:00:00Z");
    assert_eq!(whole(&house, &["--symbol", "ABC", "--date", "2024-03-18"])["date"], "2024-03-18");
    house.write("abc_2024-03-19.csv", format!("{HEADER}{}", surface("", 0.4)));
    assert_eq!(whole(&house, &["abc_2024-03-19.csv"])["date"], "2024-03-19");
    assert_eq!(whole(&house, &["abc_2024-03-19.csv", "--date", "2024-03-20"])["date"], "2024-03-20");
}

#[test]
fn a_snapshot_of_an_observed_day_stands_in_for_it() {
    let house = observed(10);
    engine_file(&house, 0.5, "2024-03-15T22:00:00Z");
    let forecast = whole(&house, &["--symbol", "ABC"]);
    assert_eq!((&forecast["date"], &forecast["known_days"]), (&json!("2024-03-15"), &json!(10)));
    assert!((number(&forecast["current_avg_iv"]) - 0.5).abs() < 1e-12);
}

#[test]
fn a_snapshot_that_was_observed_already_is_no_new_day() {
    let house = observed(10);
    engine_file(&house, 0.2 + 9.0 / 1000.0, "2024-03-20T22:00:00Z");
    let forecast = whole(&house, &["--symbol", "ABC"]);
    assert_eq!((&forecast["date"], &forecast["known_days"]), (&json!("2024-03-15"), &json!(10)));
}

#[test]
fn a_snapshot_older_than_the_newest_day_is_left_out_with_a_warning_or_refused_where_it_was_named() {
    let house = observed(11);
    engine_file(&house, 0.5, "2024-03-15T22:00:00Z");
    let done = house.run(&["predict", "--symbol", "ABC"]);
    let forecast: Value = serde_json::from_str(done.good()).unwrap();
    assert!((number(&forecast["current_avg_iv"]) - 0.21).abs() < 1e-12);
    let older = "is of 2024-03-15 (its modification time), older than the newest day observed, 2024-03-18";
    assert!(done.stderr.contains(&format!("{older}; it is left out")), "{}", done.stderr);
    house.run(&["predict", "data/abc_vol_surface.csv"]).refused(older);
    house.run(&["predict", "--symbol", "ABC", "--date", "2024-03-14"]).refused("is of 2024-03-14 (--date), older than");
}

#[test]
fn a_snapshot_long_after_the_days_observed_is_used_with_a_warning() {
    let house = observed(10);
    engine_file(&house, 0.5, "2024-06-14T22:00:00Z");
    let done = house.run(&["predict", "--symbol", "ABC"]);
    done.good();
    assert!(done.stderr.contains("2024-03-15 and 2024-06-14 are 91 days apart"), "{}", done.stderr);
}

#[test]
fn the_engines_file_of_another_symbol_is_refused() {
    let house = observed(10);
    engine_file(&house, 0.5, "2024-03-18T22:00:00Z");
    fs::rename(house.path("data/abc_vol_surface.csv"), house.path("data/xyz_vol_surface.csv")).unwrap();
    house.run(&["predict", "--symbol", "XYZ"]).refused("its rows are of ABC, not of XYZ");
}

#[test]
fn a_date_that_no_day_can_have_is_refused() {
    let house = observed(10);
    engine_file(&house, 0.5, "2024-03-18T22:00:00Z");
    house.write("abc.csv", format!("{HEADER}{}", surface("", 0.3)));
    for (date, word) in [
        ("2024-03-16", "Saturday or Sunday"),
        ("2999-03-01", "lies in the future"),
        ("1969-12-31", "lies before 1970-01-01"),
        ("2024-3-4", "must be YYYY-MM-DD"),
        ("20240304", "must be YYYY-MM-DD"),
        ("2024-03-04T10:00", "must be YYYY-MM-DD"),
        ("2024-02-30", "is not a day of the calendar"),
    ] {
        for arguments in [&["predict", "--symbol", "ABC"][..], &["predict", "abc.csv"], &["observe", "abc.csv"]] {
            let done = house.run(&[arguments, &["--date", date]].concat());
            assert_eq!((done.code, done.stdout.as_str()), (Some(2), ""), "{date}");
            assert!(done.stderr.contains(word), "{date}: {}", done.stderr);
        }
    }
}

#[test]
fn a_symbol_never_observed_is_told_how_to_begin() {
    let house = House::new();
    let done = house.run(&["predict", "--symbol", "ABC"]);
    done.refused("symbol ABC: never observed (no day in history store ");
    done.refused("abc_vol_surface.csv): needs 10 known days, found 0; run `dollarbill-ml observe SNAPSHOT.csv --date");
}

#[test]
fn what_is_no_snapshot_of_that_day_is_not_observed() {
    let house = House::new();
    house.write("two.csv", dated(2));
    house.run(&["observe", "two.csv", "--date", "2024-03-04"]).refused("holds more than one day");
    house.write("one.csv", dated(1));
    house.run(&["observe", "one.csv", "--date", "2024-03-05"]).refused("is dated 2024-03-04, not 2024-03-05");
    house.write("one_2024-03-06.csv", dated(1));
    house.run(&["observe", "one_2024-03-06.csv"]).refused("is dated 2024-03-04, not 2024-03-06");
    house.write("snapshot.csv", format!("{HEADER}{}", surface("", 0.3)));
    house.run(&["observe", "snapshot.csv"]).refused("snapshot.csv: a snapshot without a date; add --date YYYY-MM-DD");
    house.run(&["observe", "snapshot.csv", "--date", "2024-03-09"]).refused("Saturday or Sunday");
    house.run(&["observe", "nowhere.csv", "--date", "2024-03-04"]).refused("nowhere.csv");
    house.configure(|config| config["runtime"] = json!({"history_path": "snapshot.csv/store.sqlite"}));
    house.run(&["observe", "snapshot.csv", "--date", "2024-03-04"]).refused("snapshot.csv");
}

/// A folder of ten dated snapshots in the forms that names take.
fn folder_of_snapshots(house: &House) {
    for (index, date) in weekdays(10).iter().enumerate() {
        let name = if index % 2 == 0 { format!("days/abc_{date}.csv") } else { format!("days/{date}.csv") };
        house.write(&name, format!("{HEADER}{}", surface("", 0.2 + index as f64 / 1000.0)));
    }
}

#[test]
fn a_folder_of_snapshots_is_observed_in_one_call_and_says_what_was_left_out() {
    let house = House::new();
    folder_of_snapshots(&house);
    house.write("days/abc_2024-03-09.csv", format!("{HEADER}{}", surface("", 0.5)));
    house.write("days/abc.csv", format!("{HEADER}{}", surface("", 0.5)));
    house.write("days/prices.csv", "Date,Open,Close,Volume\n2024-03-04,1,2,3\n");
    house.write("days/notes.txt", "nothing");
    house.write("days/.abc_2024-03-05.csv.swp", "nothing");
    house.write("days/sub/abc_2024-03-04.csv", "nothing");
    house.write("days/xyz_2024-03-04.csv", format!("{HEADER}XYZ,100,0.1,5.0,1.0,Call,1\n"));
    let done = house.run(&["observe", "days"]);
    assert_eq!(done.good(), "");
    for (name, reason) in [
        ("abc_2024-03-09.csv", "2024-03-09: a Saturday or Sunday"),
        ("abc.csv", "a snapshot without a date in its rows or its name"),
        ("prices.csv", "not a surface file by its header"),
        ("notes.txt", "neither .csv, .json nor .parquet (packed: .gz, .zst)"),
        (".abc_2024-03-05.csv.swp", "a hidden file"),
        ("sub", "a folder"),
        ("xyz_2024-03-04.csv", "no usable day"),
    ] {
        assert!(done.stderr.contains(&format!("skipped: days/{name}: {reason}")), "{name}: {}", done.stderr);
    }
    assert!(done.stderr.contains("ABC 10 days from 2024-03-04 to 2024-03-15 kept"), "{}", done.stderr);
    house.run(&["predict", "--symbol", "ABC"]).good();
    assert_eq!(house.run(&["days"]).good(), "symbol,days,first,last\nABC,10,2024-03-04,2024-03-15\n");
    let listed = house.run(&["days", "--symbol", "abc"]);
    assert!(listed.good().starts_with("date,avg_iv,atm_iv,skew,curvature,term_slope,volume,quotes\n2024-03-04,0."));
    assert_eq!(listed.stdout.lines().count(), 11);
}

#[test]
fn a_folder_with_a_wrong_file_is_refused_and_nothing_of_it_is_stored() {
    let wrong: [(&str, String, &str); 7] = [
        (
            "zzz_2024-03-04.csv",
            HEADER.to_owned() + "ZZZ,100,0.1,high,1.0,Call,1\n",
            "zzz_2024-03-04.csv: row 2: column",
        ),
        ("zzz_2024-03-04.csv", String::new(), "the file is empty"),
        ("zzz_2024-02-30.csv", HEADER.to_owned() + &surface("", 0.3), "'2024-02-30' in its name is not a day"),
        ("zzz_2024-03-04_2024-03-05.csv", HEADER.to_owned() + &surface("", 0.3), "its name holds two dates"),
        ("zzz_2999-03-01.csv", HEADER.to_owned() + &surface("", 0.3), "2999-03-01 lies in the future"),
        ("zzz_1969-12-31.csv", HEADER.to_owned() + &surface("", 0.3), "1969-12-31 lies before 1970-01-01"),
        ("zzz_2024-03-04.csv", HEADER.to_owned() + &surface("", 0.3), "holds 2024-03-04 of ABC, and so does"),
    ];
    for (name, content, expected) in wrong {
        let house = House::new();
        folder_of_snapshots(&house);
        house.write(&format!("days/{name}"), content);
        house.run(&["observe", "days"]).refused(expected);
        let listed = house.run(&["days"]);
        assert!(listed.code == Some(2) || listed.stdout == "symbol,days,first,last\n", "{}", listed.stdout);
    }
}

#[test]
fn a_folder_without_snapshots_or_with_a_date_is_refused() {
    let house = House::new();
    house.write("days/notes.txt", "nothing");
    house.run(&["observe", "days"]).refused("a folder without a dated snapshot");
    house.run(&["observe", "days", "--date", "2024-03-04"]).refused("leave --date out");
}

#[test]
fn a_wrong_day_can_be_removed() {
    let house = observed(10);
    house.run(&["forget", "--symbol", "abc", "--date", "2024-03-05"]).good();
    house.run(&["predict", "--symbol", "ABC"]).refused("needs 10 known days, found 9");
    house.run(&["forget", "--symbol", "ABC", "--date", "2024-03-05"]).refused("holds no 2024-03-05 of ABC");
    house.run(&["days", "--symbol", "XYZ"]).refused("holds no day of XYZ");
    fs::remove_file(house.path("data/vol_history.sqlite")).unwrap();
    house.run(&["forget", "--symbol", "ABC", "--date", "2024-03-06"]).refused("is not there");
    house.run(&["days"]).refused("is not there");
}

#[test]
fn the_engines_own_files_are_observed_and_forecast() {
    let shared = repository().join("../shared/data/dollarbill");
    assert!(shared.exists(), "this test needs ../shared/data beside the checkout");
    let house = House::new();
    for symbol in ["tsla", "spy", "gld"] {
        let file = shared.join(format!("{symbol}_vol_surface.csv"));
        let text = fs::read_to_string(&file).unwrap();
        for date in weekdays(9) {
            // Real snapshots of other days there are none: every day another quote is missing.
            let kept =
                text.lines().enumerate().filter(|(at, _)| *at == 0 || at % 9 != date.day().unsigned_abs() as usize % 9);
            let kept: Vec<_> = kept.map(|(_, line)| line).collect();
            house.write(&format!("days/{symbol}_{date}.csv"), kept.join("\n"));
        }
    }
    house.run(&["observe", "days"]).good();
    for symbol in ["tsla", "spy", "gld"] {
        let file = shared.join(format!("{symbol}_vol_surface.csv"));
        let forecast = whole(&house, &[file.to_str().unwrap(), "--date", "2024-03-15"]);
        assert_eq!(forecast["symbol"], symbol.to_uppercase());
        assert_eq!((&forecast["known_days"], &forecast["source"]), (&json!(10), &json!("model")));
        house.run(&["observe", file.to_str().unwrap(), "--date", "2024-03-15"]).good();
        house.run(&["predict", "--symbol", symbol]).good();
    }
    // What lies in the engine's folder without a date is named, and nothing is guessed; its chain says its day.
    let done = house.run(&["observe", shared.to_str().unwrap()]);
    done.good();
    for symbol in ["tsla", "spy", "gld"] {
        let line = format!("{symbol}_vol_surface.csv: a snapshot without a date in its rows or its name");
        assert!(done.stderr.contains(&line), "{}", done.stderr);
    }
    assert!(done.stderr.contains("TSLA 2026-03-06 kept"), "{}", done.stderr);
}

#[test]
fn a_symbol_cannot_lead_out_of_the_data_folder() {
    let house = House::new();
    for symbol in ["../../etc/passwd", "a/../b", "", "..", "A B", "A\\B", "ABCDEFGHIJKLMNOPQ"] {
        house.run(&["predict", "--symbol", symbol]).refused("must be 1 to 16 letters");
    }
}

#[test]
fn symbols_of_futures_indices_and_share_classes_have_files_of_their_own() {
    let house = House::new();
    for (symbol, file) in [("ES=F", "es=f"), ("$SPX", "$spx"), ("BRK/B", "brk-b"), ("/ES", "-es")] {
        let done = house.run(&["predict", "--symbol", symbol]);
        done.refused(&format!("data/{file}_vol_surface.csv"));
        assert!(done.stderr.contains(&format!("symbol {symbol}: never observed")), "{}", done.stderr);
    }
    // A file in the old script's shape has no symbol in its rows: it is of the symbol that its name means.
    let mut old = String::from("date,strike,implied_vol,volume,moneyness\n");
    for date in weekdays(12) {
        for strike in [95, 100, 105] {
            writeln!(old, "{date},{strike},0.2,10,{}", f64::from(strike) / 100.0).unwrap();
        }
    }
    house.write("data/brk-b_vol_surface.csv", old);
    house.run(&["predict", "--symbol", "brk/b"]).good();
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
    assert_eq!(done.stderr.lines().count(), 2, "{}", done.stderr);
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
fn an_average_alone_is_forecast_with_a_surface_of_the_usual_shape_and_says_so() {
    let house = House::new();
    let mut file = "date,close\n".to_owned();
    for (index, date) in weekdays(12).iter().enumerate() {
        writeln!(file, "{date},{}", 20.0 + index as f64 / 10.0).unwrap();
    }
    house.write("vix.csv", file);
    let done = house.run(&["predict", "--json", "vix.csv"]);
    let forecast: Value = serde_json::from_str(done.good()).unwrap();
    assert_eq!(forecast["surface"]["horizons"].as_array().unwrap().len(), 3);
    assert_eq!(forecast["surface"]["usual_shape"], true);
    assert_eq!(done.stderr, "", "the short form has no surface, so nobody is warned of it");
}

#[test]
fn the_fallback_has_no_surface_and_does_not_make_one_up() {
    let house = House::new();
    house.write("abc.csv", dated(12));
    house.configure(|config| config["models"]["volatility_predictor"]["enabled"] = false.into());
    let done = house.run(&["predict", "--json", "abc.csv"]);
    let forecast: Value = serde_json::from_str(done.good()).unwrap();
    assert_eq!((&forecast["source"], &forecast["surface"]), (&json!("fallback"), &Value::Null));
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
        (|m| m["settings"]["tenor_days"][0] = 31.into(), "field 'settings.tenor_days': must be [30, 60, 91, 182, 365]"),
        (
            |m| m["settings"]["moneyness"] = json!([0.9, 1.0, 1.1]),
            "field 'settings.moneyness': must be [0.9, 0.95, 1.0",
        ),
        (|m| drop(m["settings"].as_object_mut().unwrap().remove("moneyness")), "field 'settings'"),
        (
            |m| m["outputs"][3]["shape"] = json!(["batch", 3, 5, 4]),
            "field 'outputs.surface': must have shape [16, 3, 5, 4]",
        ),
        (|m| drop(m["outputs"].as_array_mut().unwrap().pop()), "field 'outputs'"),
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

/// A folder's import is killed at a random moment: all of its days are there or none, and all where it was acknowledged.
#[test]
#[cfg(unix)]
fn a_kill_while_a_folder_is_observed_leaves_all_of_it_or_nothing() {
    let kills: usize = std::env::var("DOLLARBILL_ML_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(20);
    let house = House::new();
    folder_of_snapshots(&house);
    let (mut whole, mut nothing) = (0, 0);
    for index in 0..kills {
        let store = format!("data/{index}.sqlite");
        house.configure(|config| config["runtime"]["history_path"] = store.as_str().into());
        let mut command = house.command();
        let mut child = command.args(["observe", "days"]).stderr(std::process::Stdio::null()).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_micros((index as u64 * 7919 % 60) * 1000));
        let _ = child.kill();
        let acknowledged = child.wait().unwrap().success();
        let path = house.path(&store);
        let kept = if path.exists() {
            dollarbill_ml::history::HistoryStore::open(&path).unwrap().days("ABC", 100).unwrap().len()
        } else {
            0
        };
        assert!(kept == 10 || (kept == 0 && !acknowledged), "{kept} days kept, acknowledged: {acknowledged}");
        if kept == 10 { whole += 1 } else { nothing += 1 }
    }
    eprintln!("{kills} kills: {whole} whole, {nothing} nothing");
}

/// One service, days that another process observes, and a store that is deleted and made anew.
#[test]
fn a_service_sees_what_the_store_holds_at_each_call_in_any_thread() {
    let house = House::new();
    let mut config = dollarbill_ml::Config::load(&house.config()).unwrap();
    config.onnxruntime_library = Some(fs::canonicalize(support::library()).unwrap());
    let ml = dollarbill_ml::MlService::open_volatility(&config).unwrap();
    let everywhere = || {
        std::thread::scope(|scope| {
            let calls: Vec<_> =
                (0..8).map(|_| scope.spawn(|| ml.forecast("ABC").map(|found| found.current_avg_iv))).collect();
            calls.into_iter().map(|call| call.join().unwrap().map_err(|error| error.to_string())).collect::<Vec<_>>()
        })
    };
    let is =
        |level: f64| everywhere().iter().all(|found| found.as_ref().is_ok_and(|found| (found - level).abs() < 1e-9));
    house.write("abc.csv", dated(12));
    house.run(&["observe", "abc.csv"]).good();
    // Longer than a file counts as young, so that the days are remembered.
    std::thread::sleep(std::time::Duration::from_millis(2200));
    assert!(is(0.211) && is(0.211));

    house.write("abc.csv", dated(13));
    house.run(&["observe", "abc.csv"]).good();
    assert!(is(0.212));

    fs::remove_file(house.path("data/vol_history.sqlite")).unwrap();
    assert!(everywhere().iter().all(|found| found.as_ref().is_err_and(|error| error.contains("never observed"))));
    assert!(!house.path("data/vol_history.sqlite").exists(), "a forecast makes no store");

    house.write("abc.csv", dated(11));
    house.run(&["observe", "abc.csv"]).good();
    assert!(is(0.21));
}
