//! Files as traders have them: what is odd is said, what is drastic is refused until it is accepted.

#![allow(clippy::unwrap_used, clippy::cast_precision_loss, reason = "tests")]

mod support;

use std::fmt::Write;
use std::fs;
use std::io::Write as _;

use serde_json::Value;
use support::House;

const HEADER: &str = "Date,Symbol,Strike,TimeToExpiry,ImpliedVol,Moneyness,OptionType,Volume\n";
const DAYS: [&str; 12] = [
    "2024-03-04",
    "2024-03-05",
    "2024-03-06",
    "2024-03-07",
    "2024-03-08",
    "2024-03-11",
    "2024-03-12",
    "2024-03-13",
    "2024-03-14",
    "2024-03-15",
    "2024-03-18",
    "2024-03-19",
];

/// One day of a surface of that level.
fn day(date: &str, symbol: &str, level: f64) -> String {
    let mut rows = String::new();
    for (strike, kind) in [(90, "Put"), (95, "Put"), (100, "Call"), (105, "Call"), (110, "Call")] {
        let iv = level + f64::from(100 - strike) / 1000.0;
        writeln!(rows, "{date},{symbol},{strike},0.0833,{iv:.4},{},{kind},10", f64::from(strike) / 100.0).unwrap();
    }
    rows
}

/// Twelve days; the last `odd` of them from `level` on.
fn file(odd: usize, level: f64) -> String {
    let mut text = HEADER.to_owned();
    for (at, date) in DAYS.iter().enumerate() {
        text += &day(
            date,
            "ABC",
            if at + odd >= DAYS.len() {
                level + (at + odd - DAYS.len()) as f64 / 1000.0
            } else {
                0.3 + at as f64 / 1000.0
            },
        );
    }
    text
}

#[test]
fn a_forecast_for_an_older_day_names_the_days_that_were_left_out() {
    let house = House::new();
    let mut text = file(0, 0.0);
    for date in ["2024-03-20", "2024-03-21"] {
        writeln!(text, "{date},ABC,100,0.0833,0.3,1.0,Call,10").unwrap();
    }
    house.write("abc.csv", text);
    let done = house.run(&["predict", "abc.csv"]);
    done.good();
    for said in [
        "the forecast rests on 2024-03-19: the days after it were left out: 2024-03-20: no expiry has 3 strikes",
        "note: left out: 2 days: no expiry has 3 strikes",
        "ABC: as of 2024-03-19, 12 known days",
    ] {
        assert!(done.stderr.contains(said), "{said}: {}", done.stderr);
    }
    let forecast: Value = serde_json::from_str(house.run(&["predict", "--json", "abc.csv"]).good()).unwrap();
    assert!(forecast["notes"][0].as_str().unwrap().starts_with("left out: 2 days"));
    assert!(forecast["warnings"][0].as_str().unwrap().starts_with("the forecast rests on 2024-03-19"));
}

#[test]
fn a_unit_that_changes_inside_the_file_is_refused_until_it_is_accepted() {
    let house = House::new();
    house.write("abc.csv", file(2, 30.0));
    house
        .run(&["predict", "abc.csv"])
        .refused("its unit changes inside the file: 2 days from 2024-03-18 to 2024-03-19");
    let done = house.run(&["predict", "abc.csv", "--accept"]);
    done.good();
    assert!(done.stderr.contains("note: accepted: column of the implied volatility"), "{}", done.stderr);
    assert!(done.stderr.contains("as of 2024-03-15"), "{}", done.stderr);
    house.write("tenfold.csv", file(1, 3.0));
    house
        .run(&["predict", "tenfold.csv"])
        .refused("0.3100 on 2024-03-18 to 3.0000 on 2024-03-19; does its unit change?");
}

#[test]
fn a_jump_overnight_is_a_warning() {
    let house = House::new();
    house.write("abc.csv", file(1, 0.6));
    let done = house.run(&["predict", "abc.csv"]);
    done.good();
    let said = "average implied volatility goes from 0.3100 on 2024-03-18 to 0.6000 on 2024-03-19 (+94 %)";
    assert!(done.stderr.contains(said), "{}", done.stderr);
}

#[test]
fn one_symbol_of_several_can_be_asked_for() {
    let house = House::new();
    let mut text = file(0, 0.0);
    for date in DAYS {
        text += &day(date, "XYZ", 0.5);
    }
    house.write("both.csv", text);
    house.run(&["predict", "both.csv"]).refused("2 symbols in one file: ABC, XYZ; name one with --symbol");
    house.run(&["predict", "both.csv", "--symbol", "DEF"]).refused("holds no row of DEF; it is of ABC, XYZ");
    let done = house.run(&["predict", "both.csv", "--symbol", "abc", "--json"]);
    let forecast: Value = serde_json::from_str(done.good()).unwrap();
    assert_eq!(forecast["symbol"], "ABC");
    house.run(&["observe", "both.csv", "--symbol", "ABC"]).good();
    assert_eq!(house.run(&["days"]).good(), "symbol,days,first,last\nABC,12,2024-03-04,2024-03-19\n");
}

#[test]
fn a_price_is_not_taken_for_a_volatility() {
    let house = House::new();
    let mut text = "date,close\n".to_owned();
    for (at, date) in DAYS.iter().enumerate() {
        writeln!(text, "{date},{}", 32.0 + at as f64 / 10.0).unwrap();
    }
    house.write("stock.csv", &text);
    house.run(&["predict", "stock.csv"]).refused("an index of volatility or a price");
    house.run(&["predict", "stock.csv", "--accept"]).good();
    for (name, symbol) in
        [("vol_surface_TSLA.csv", "TSLA"), ("BRK.A_iv.csv", "BRK.A"), ("BRK.B_iv.csv", "BRK.B"), ("KO-iv.csv", "KO")]
    {
        house.write(name, &text);
        let done = house.run(&["observe", name]);
        done.good();
        assert!(done.stderr.starts_with(&format!("{symbol} 12 days")), "{}", done.stderr);
    }
}

#[test]
fn what_is_replaced_is_said_or_refused() {
    let house = House::new();
    house.write("abc.csv", file(0, 0.0));
    house.run(&["observe", "abc.csv"]).good();
    let again = house.run(&["observe", "abc.csv", "--no-replace"]);
    again.good();
    assert!(!again.stderr.contains("replaced"), "equal days replace nothing: {}", again.stderr);
    let before = house.run(&["days", "--symbol", "ABC"]).good().to_owned();
    house.write("abc.csv", file(3, 0.4));
    house
        .run(&["observe", "abc.csv", "--no-replace"])
        .refused("3 days of ABC would be replaced, the first is 2024-03-15");
    assert_eq!(house.run(&["days", "--symbol", "ABC"]).good(), before);
    let done = house.run(&["observe", "abc.csv"]);
    done.good();
    assert!(done.stderr.contains("warning: 3 days of ABC replaced"), "{}", done.stderr);
}

#[test]
fn an_observed_day_is_held_against_those_in_the_store() {
    let house = House::new();
    house.write("abc.csv", file(0, 0.0));
    house.run(&["observe", "abc.csv"]).good();
    house.write("drastic.csv", HEADER.to_owned() + &day("2024-03-20", "ABC", 1.5));
    house.run(&["observe", "drastic.csv"]).refused("on 2024-03-20; does its unit change? If it is right, add --accept");
    assert!(house.run(&["days"]).good().contains("ABC,12,"), "nothing is stored");
    house.write("odd.csv", HEADER.to_owned() + &day("2024-03-20", "ABC", 0.6));
    let done = house.run(&["observe", "odd.csv"]);
    done.good();
    assert!(done.stderr.contains("to 0.6000 on 2024-03-20 (+9"), "{}", done.stderr);
    house.run(&["observe", "drastic.csv", "--accept"]).good();
}

#[test]
fn a_zstd_bomb_is_refused_early() {
    let house = House::new();
    let bomb = support::repository().join("tests/data/broken/surface_bomb.csv.zst");
    assert!(fs::metadata(&bomb).unwrap().len() < 10_000);
    for command in ["predict", "observe"] {
        house.run(&[command, bomb.to_str().unwrap()]).refused("unpacks to more than 200 times its size");
    }
}

#[test]
fn parquet_is_taken_wherever_a_table_is() {
    let house = House::new();
    let data = support::repository().join("tests/data");
    let (csv, parquet) = (data.join("trades/history.csv"), data.join("trades/history.parquet"));
    let answers = |path: &std::path::Path| {
        let done = house.run(&["classify-batch", path.to_str().unwrap()]);
        let cells = |line: &str| line.rsplitn(5, ',').take(4).map(str::to_owned).collect::<Vec<_>>();
        done.good().lines().skip(1).map(cells).collect::<Vec<_>>()
    };
    assert_eq!(answers(&csv).len(), 240);
    assert_eq!(answers(&csv), answers(&parquet));
    let model = house.model("signal_classifier");
    let rows = |path: &std::path::Path| {
        let done = house.run(&["run", model.to_str().unwrap(), path.to_str().unwrap()]);
        let last = |line: &str| line.rsplit(',').next().unwrap().to_owned();
        done.good().lines().skip(1).map(last).collect::<Vec<_>>()
    };
    assert_eq!(rows(&csv), rows(&parquet));
    let bytes = fs::read(&parquet).unwrap();
    house.run_with_input(&["classify-batch", "-"], &bytes).refused("is in Parquet, which is read from a file only");
    house.write("cut.parquet", &bytes[..bytes.len() - 9]);
    for command in ["classify-batch", "predict", "observe", "surface"] {
        let done = house.run(&[command, "cut.parquet"]);
        assert_eq!((done.code, done.stderr.lines().count()), (Some(2), 1), "{command}: {}", done.stderr);
    }
    let chain = data.join("chains/yfinance_parquet/spy_2024-01-05.parquet");
    let chain = chain.to_str().unwrap();
    assert_eq!(house.run(&["signals", chain, "--model-iv", "0.2"]).good().lines().count(), 127);
    assert_eq!(house.run(&["surface", chain]).good().lines().count(), 64);
    let surface = data.join("spellings/parquet_zone_1.parquet");
    let done = house.run(&["observe", surface.to_str().unwrap()]);
    assert!(done.stderr.contains("ABC 7 days from 2024-03-11 to 2024-03-19"), "{}", done.stderr);
}

#[test]
fn a_gzip_bomb_is_refused_early() {
    let house = House::new();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(HEADER.as_bytes()).unwrap();
    let rows = day("2024-03-04", "ABC", 0.3).repeat(4000);
    for _ in 0..100 {
        packed.write_all(rows.as_bytes()).unwrap();
    }
    house.write("bomb.csv.gz", packed.finish().unwrap());
    house.run(&["predict", "bomb.csv.gz"]).refused("unpacks to more than 200 times its size");
}
