//! Option chains: what is known of the generated ones is found again, as in Python.

#![allow(clippy::unwrap_used, clippy::format_collect, clippy::format_push_string, reason = "tests")]

mod support;

use std::path::{Path, PathBuf};

use dollarbill_ml::chain::{Chain, ChainReading, read};
use dollarbill_ml::surface::{Calendar, OptionKind, Reading, read_history_as};
use serde_json::Value;
use support::{House, Outcome};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/chains")
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn close(found: f64, wanted: f64, relative: f64) -> bool {
    (found - wanted).abs() <= relative * wanted.abs()
}

fn plain(path: &Path) -> Result<Chain, String> {
    read(path, &ChainReading::default()).map_err(|error| error.to_string())
}

#[test]
fn each_format_is_read_as_python_reads_it_and_near_its_truth() {
    let mut formats = 0;
    for entry in std::fs::read_dir(folder()).unwrap() {
        let entry = entry.unwrap().path();
        let name = entry.file_name().unwrap().to_string_lossy().into_owned();
        let expected: Value = serde_json::from_slice(&std::fs::read(entry.join("expected.json")).unwrap()).unwrap();
        let chain = plain(&entry.join(expected["file"].as_str().unwrap())).unwrap();
        formats += 1;
        assert_eq!(chain.symbol, expected["symbol"].as_str().unwrap(), "{name}");
        let left_out: serde_json::Map<String, Value> =
            chain.left_out.iter().map(|(reason, count)| ((*reason).to_owned(), (*count).into())).collect();
        assert_eq!(Value::Object(left_out), expected["left_out"], "{name}");
        let days = expected["days"].as_array().unwrap();
        assert_eq!(chain.days.len(), days.len(), "{name}");
        for (day, known) in chain.days.iter().zip(days) {
            assert_eq!(day.date.to_string(), known["date"].as_str().unwrap(), "{name}");
            assert!(close(day.spot, number(&known["spot"]), 1e-12), "{name}: spot {}", day.spot);
            let sizes = (day.quotes.len() as u64, day.surface().len() as u64);
            assert_eq!(sizes, (known["tradeable"].as_u64().unwrap(), known["kept"].as_u64().unwrap()), "{name}");
            for (expiry, truth) in day.expiries.iter().zip(known["expiries"].as_array().unwrap()) {
                assert_eq!(expiry.date.to_string(), truth["expiry"].as_str().unwrap());
                assert!(close(expiry.forward, number(&truth["forward"]), 1e-12), "{name}: {}", expiry.forward);
                assert!(close(expiry.discount, number(&truth["discount"]), 1e-12), "{name}: {}", expiry.discount);
                let rough = if name.contains("deribit") { 1e-3 } else { 1e-4 };
                assert!(close(expiry.forward, number(&truth["true_forward"]), rough), "{name}");
            }
            for quote in known["quotes"].as_array().unwrap() {
                let kind = if quote["side"] == "C" { OptionKind::Call } else { OptionKind::Put };
                let of = day.quotes.iter().find(|one| {
                    one.expiry.date.to_string() == quote["expiry"].as_str().unwrap()
                        && one.strike == number(&quote["strike"])
                        && one.kind == kind
                });
                let iv = of.unwrap().iv;
                assert!(close(iv, number(&quote["iv"]), 1e-9), "{name}: {iv} {quote}");
                let rough = if name == "exact" {
                    1e-6
                } else if name.contains("deribit") {
                    0.03
                } else {
                    0.006
                };
                assert!((iv - number(&quote["true_iv"])).abs() <= rough, "{name}: {iv} {quote}");
            }
        }
    }
    assert_eq!(formats, 13);
}

const HEADER: &str = "quote_date,underlying,expiration,strike,option_type,bid,ask,iv,spot\n";

/// A sound chain: convex prices with C - P = 100 - K.
fn rows(day: &str, symbol: &str, expiry: &str) -> String {
    let mut text = String::new();
    for strike in [80.0_f64, 90.0, 95.0, 100.0, 105.0, 110.0, 120.0] {
        let value = (((strike - 100.0) / 2.0).powi(2) + 16.0).sqrt() - (strike - 100.0).abs() / 2.0;
        for (side, inner) in [("C", 100.0 - strike), ("P", strike - 100.0)] {
            let middle = inner.max(0.0) + value;
            text +=
                &format!("{day},{symbol},{expiry},{strike},{side},{:.4},{:.4},0.2,100\n", middle * 0.99, middle * 1.01);
        }
    }
    text
}

fn told(name: &str, text: &str, reading: &ChainReading) -> Result<Chain, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    read(&path, reading).map_err(|error| error.to_string())
}

#[test]
fn bad_quotes_are_left_out_and_counted() {
    let sound = rows("2024-01-05", "SPY", "2024-03-15");
    for (row, reason) in [
        ("2024-01-05,SPY,2024-03-15,101,C,9.0,8.0,0.2,100", "crossed"),
        ("2024-01-05,SPY,2024-03-15,101,C,0,8.0,0.2,100", "no bid"),
        ("2024-01-05,SPY,2024-03-15,101,C,,8.0,0.2,100", "no bid"),
        ("2024-01-05,SPY,2024-03-15,101,C,7.0,,0.2,100", "no price"),
        ("2024-01-05,SPY,2024-01-05,101,C,7.0,7.2,0.2,100", "expired"),
        ("2024-01-05,SPY,2023-12-15,101,C,7.0,7.2,0.2,100", "expired"),
        ("2024-01-05,SPY,2024-03-15,101,C,1.0,9.0,0.2,100", "wide"),
        ("2024-01-05,SPY,2024-03-15,130,C,150.0,151.0,0.2,100", "arbitrage"),
        ("2024-01-05,SPY,2024-03-15,,C,7.0,7.2,0.2,100", "no strike"),
    ] {
        let chain = told("x.csv", &format!("{HEADER}{sound}{row}\n"), &ChainReading::default()).unwrap();
        assert_eq!(chain.left_out, [(reason, 1)], "{row}");
        assert_eq!(chain.days[0].quotes.len(), 14, "{row}");
        assert!(chain.said()[0].contains(reason), "{:?}", chain.said());
    }
    // A failure of the vendor's solver is none of ours.
    for iv in ["", "0", "NaN", "-99.99", "N/A"] {
        let text = format!("{HEADER}{sound}").replacen(",0.2,100", &format!(",{iv},100"), 1);
        let chain = told("x.csv", &text, &ChainReading::default()).unwrap();
        assert!(chain.left_out.is_empty() && chain.days[0].quotes.iter().all(|quote| quote.iv > 0.0), "{iv}");
    }
}

#[test]
fn what_could_be_read_in_two_ways_is_refused_and_says_what_to_add() {
    let sound = rows("2024-01-05", "SPY", "2024-03-15");
    let two = format!("{HEADER}{sound}{}", rows("2024-01-05", "QQQ", "2024-03-15"));
    let error = told("x.csv", &two, &ChainReading::default()).unwrap_err();
    assert!(error.contains("2 symbols in one file: SPY, QQQ; name one with --symbol"), "{error}");
    let asked = ChainReading { symbol: Some("qqq".to_owned()), ..ChainReading::default() };
    let chain = told("x.csv", &two, &asked).unwrap();
    assert_eq!((chain.symbol.as_str(), chain.days[0].quotes.len()), ("QQQ", 14));
    let asked = ChainReading { symbol: Some("IWM".to_owned()), ..ChainReading::default() };
    assert!(told("x.csv", &two, &asked).unwrap_err().contains("holds no quote of IWM"));
    let undated = format!("{HEADER}{sound}").replace("quote_date,", "").replace("2024-01-05,", "");
    let error = told("x.csv", &undated, &ChainReading::default()).unwrap_err();
    assert!(error.contains("Add --date"), "{error}");
    assert_eq!(told("spy_20240105.csv", &undated, &ChainReading::default()).unwrap().days[0].quotes.len(), 14);
    let dated = ChainReading { date: Some("2024-01-05".parse().unwrap()), ..ChainReading::default() };
    assert_eq!(told("x.csv", &undated, &dated).unwrap().days[0].date.to_string(), "2024-01-05");
    let days = format!("{HEADER}{sound}{}", rows("2024-01-08", "SPY", "2024-03-15"));
    assert_eq!(told("x.csv", &days, &ChainReading::default()).unwrap().days.len(), 2);
    let spot = format!("{HEADER}{sound}").replace(",0.2,100\n", ",0.2,300\n");
    assert!(told("x.csv", &spot, &ChainReading::default()).unwrap_err().contains("add --accept"));
}

#[test]
fn units_are_settled_by_the_whole_file() {
    let sound = format!("{HEADER}{}", rows("2024-01-05", "SPY", "2024-03-15"));
    let plain = told("x.csv", &sound, &ChainReading::default()).unwrap();
    let mut thousandths = HEADER.to_owned();
    for line in sound.lines().skip(1) {
        let mut cells: Vec<String> = line.split(',').map(str::to_owned).collect();
        cells[3] = format!("{}", cells[3].parse::<f64>().unwrap() * 1000.0);
        thousandths += &(cells.join(",") + "\n");
    }
    let found = told("x.csv", &thousandths, &ChainReading::default()).unwrap();
    // NaN is what the file does not tell.
    assert_eq!(format!("{:?}", found.days), format!("{:?}", plain.days));
    assert!(found.notes[0].contains("thousandths"), "{:?}", found.notes);
    let no_spot =
        |text: &str| text.lines().map(|line| line.rsplit_once(',').unwrap().0.to_owned() + "\n").collect::<String>();
    assert!(told("x.csv", &no_spot(&thousandths), &ChainReading::default()).unwrap_err().contains("add a column spot"));
    let found = told("x.csv", &no_spot(&sound), &ChainReading::default()).unwrap();
    assert!((found.days[0].spot - 100.0).abs() < 1e-9 && !found.days[0].spot_stated);
    let percent = told("x.csv", &sound.replace(",0.2,", ",20,"), &ChainReading::default()).unwrap();
    assert!(percent.days[0].quotes.iter().all(|quote| (quote.own_iv - 0.2).abs() < 1e-12));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(300))]
    #[test]
    fn no_table_makes_it_panic(cells in proptest::collection::vec(
        proptest::sample::select(vec!["", "1", "-1", "1e308", "nan", "C", "P", "2024-01-05", "2024-03-15", "100", "99.5",
            "SPY240315C00100000", "1704488399000", "x", "0", "20%", "inf"]), 9..90)) {
        let body: Vec<String> = cells.chunks(9).filter(|row| row.len() == 9).map(|row| row.join(",")).collect();
        let _ = told("spy.csv", &format!("{HEADER}{}\n", body.join("\n")), &ChainReading::default());
    }

    #[test]
    fn no_numbers_make_it_panic(values in proptest::collection::vec((1.0..1e6_f64, 0.0..1e6_f64, 0.0..1e6_f64, proptest::bool::ANY), 1..40)) {
        let mut text = HEADER.to_owned();
        for (strike, bid, ask, call) in values {
            text += &format!("2024-01-05,SPY,2024-03-15,{strike},{},{bid},{ask},,100\n", if call { "C" } else { "P" });
        }
        let asked = ChainReading { accept: true, ..ChainReading::default() };
        if let Ok(chain) = told("spy.csv", &text, &asked) {
            for day in &chain.days {
                proptest::prop_assert!(day.signals(|_| Some(0.3)).len() <= day.quotes.len());
            }
        }
    }
}

#[test]
fn a_chain_becomes_confidences_in_one_pipe_and_days_of_the_store() {
    let house = House::new();
    let chain = folder().join("yfinance/spy_2024-01-05.csv").canonicalize().unwrap();
    let chain = chain.to_str().unwrap();
    let run = |arguments: &[&str]| house.run(arguments);
    let signals = run(&["signals", chain, "--model-iv", "0.2"]);
    assert_eq!(signals.good().lines().count(), 127);
    assert!(signals.stderr.contains("126 signals"), "{}", signals.stderr);
    let answers = house.run_with_input(&["classify-batch", "-"], signals.stdout.as_bytes());
    assert_eq!(answers.good().lines().count(), 127);
    assert!(answers.stdout.lines().next().unwrap().contains(",confidence,recommendation,"));
    // By a column, and as JSON.
    let json = run(&["signals", chain, "--model-iv", "impliedVolatility", "--json"]);
    assert_eq!(json.good().lines().count(), 126);
    let first: Value = serde_json::from_str(json.stdout.lines().next().unwrap()).unwrap();
    assert!(first["edge_percent"].as_f64().unwrap().abs() < 10.0, "{first}");
    assert_eq!(house.run_with_input(&["classify-batch", "-"], json.stdout.as_bytes()).good().lines().count(), 126);
    // Without a history the model has no forecast, and the error says what helps.
    let Outcome { code, stderr, .. } = run(&["signals", chain]);
    assert!(code == Some(2) && stderr.contains("--model-iv NUMBER") && stderr.contains("observe"), "{stderr}");
    let observed = run(&["observe", chain]);
    observed.good();
    assert!(observed.stderr.contains("SPY 2024-01-05 kept"), "{}", observed.stderr);
    assert_eq!(run(&["surface", chain]).good().lines().count(), 64);
    let Outcome { code, stderr, .. } = run(&["signals", chain, "--model-iv", "20"]);
    assert!(code == Some(2) && stderr.contains("must be a volatility as a decimal"), "{stderr}");
}

/// Three weeks of a chain in one file.
fn weeks() -> String {
    let mut text = HEADER.to_owned();
    for day in
        ["01-02", "01-03", "01-04", "01-05", "01-08", "01-09", "01-10", "01-11", "01-12", "01-16", "01-17", "01-18"]
    {
        let factor = 1.0 + f64::from(day[3..].parse::<u8>().unwrap()) / 500.0;
        let date = format!("2024-{day}");
        for line in rows(&date, "SPY", "2024-03-15").lines() {
            let mut cells: Vec<String> = line.split(',').map(str::to_owned).collect();
            let inner = (100.0 - cells[3].parse::<f64>().unwrap()) * if cells[4] == "C" { 1.0 } else { -1.0 };
            for at in [5, 6] {
                let price: f64 = cells[at].parse().unwrap();
                let value = (price - inner.max(0.0)) * factor;
                cells[at] = (inner.max(0.0) + value).to_string();
            }
            text += &(cells.join(",") + "\n");
        }
    }
    text
}

#[test]
fn a_chain_of_many_days_becomes_a_forecast_and_signals_against_it() {
    let house = House::new();
    let chain = house.write("chain.csv", weeks());
    let chain = chain.to_str().unwrap();
    let forecast = house.run(&["predict", chain]);
    let level = serde_json::from_str::<Value>(forecast.good()).unwrap()["current_avg_iv"].as_f64().unwrap();
    assert!(level > 0.1 && level < 1.0, "{level}");
    assert!(forecast.stderr.contains("SPY: as of 2024-01-18, 12 known days"), "{}", forecast.stderr);
    let signals = house.run(&["signals", chain]);
    assert!(signals.good().lines().count() > 8);
    assert!(signals.stdout.lines().skip(1).all(|line| line.contains(",2024-01-18,")));
    assert!(signals.stderr.contains("signals of 2024-01-18"), "{}", signals.stderr);
}

#[test]
fn days_without_a_session_are_left_out_wherever_a_chain_or_a_surface_is_read() {
    let house = House::new();
    let files = folder().join("../calendars").canonicalize().unwrap();
    let at = |name: &str| files.join(name).to_str().unwrap().to_owned();
    let cases: Value = serde_json::from_slice(&std::fs::read(at("cases.json")).unwrap()).unwrap();
    for (name, days) in cases["days"].as_object().unwrap() {
        let calendar = Calendar::of_name(name).unwrap();
        let days: Vec<&str> = days.as_array().unwrap().iter().map(|day| day.as_str().unwrap()).collect();
        for file in ["surface.csv", "chain.csv"] {
            let reading = Reading { calendar: Some(calendar), ..Reading::default() };
            let history = read_history_as(at(file).as_ref(), &reading).unwrap();
            let found: Vec<String> = history.days.iter().map(|day| day.date.unwrap().to_string()).collect();
            assert_eq!(found, days, "{name}: {file}");
        }
        let written = house.run(&["surface", &at("chain.csv"), "--calendar", name]);
        let mut found: Vec<&str> = written.good().lines().skip(1).map(|line| &line[..10]).collect();
        found.dedup();
        assert_eq!(found, days, "{name}");
        let signals = house.run(&["signals", &at("fetched.csv"), "--calendar", name, "--model-iv", "0.25"]);
        let fetched = cases["fetched"][name.as_str()].as_str().unwrap();
        assert!(signals.good().lines().nth(1).unwrap().contains(&format!(",{fetched},")), "{name}: {}", signals.stdout);
    }
    // The config's holds where none is named.
    house.configure(|config| config["runtime"]["calendar"] = "XLON".into());
    let written = house.run(&["surface", &at("chain.csv")]);
    assert!(!written.good().contains("2024-04-01") && written.stdout.contains("2024-04-02"));
    assert!(written.stderr.contains("holiday"), "{}", written.stderr);
    let signals = house.run(&["signals", &at("fetched.csv"), "--model-iv", "0.25"]);
    assert!(signals.good().lines().nth(1).unwrap().contains(",2024-03-28,"), "{}", signals.stdout);
}
