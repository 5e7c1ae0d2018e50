//! A day of signals and surfaces, with a new version in the middle and a broken one before it.

use std::time::Duration;

use dollarbill_ml::{Config, Date, MlService, Model, Source, TradeSignal};
use mini_engine_alone::{buys_volatility, day, Point};

#[path = "../../support/house.rs"]
mod house;
use house::{House, VERSIONS};

#[test]
fn a_day_is_traded_from_memory_alone() {
    let house = House::new("alone");
    let config = Config::load(&house.path("config/ml_config.json")).unwrap();
    let ml = MlService::open(&config).unwrap();

    let mut days = Vec::new();
    for number in 0..30_i32 {
        // March and April 2024 without their weekends.
        let date: Date = format!("2024-{:02}-{:02}", 3 + number / 20, [1, 4, 5, 6, 7, 8, 11, 12, 13, 14, 15, 18, 19, 20, 21, 22, 25, 26, 27, 28][number as usize % 20]).parse().unwrap();
        if date.weekday().to_monday_zero_offset() >= 5 {
            continue;
        }
        let level = 0.25 + 0.02 * f64::from(number % 7);
        let points: Vec<_> = [85.0, 90.0, 95.0, 100.0, 105.0, 110.0, 115.0]
            .into_iter()
            .flat_map(|strike| [0.05, 0.1, 0.3].map(|years| (strike, years)))
            .map(|(strike, expiry_years)| Point {
                call: strike >= 100.0,
                strike,
                expiry_years,
                iv: level - 0.001 * (strike - 100.0),
            })
            .collect();
        days.push(day("ABC", date, 100.0, &points).unwrap());
    }
    assert_eq!(ml.forecast_days(&days).unwrap().source, Source::Model);
    buys_volatility(&ml, &days).unwrap();
    assert_eq!(ml.forecast_days(&days[..3]).unwrap_err().code(), "days");
    days.swap(0, 1);
    assert_eq!(ml.forecast_days(&days).unwrap_err().code(), "input");

    let signal = TradeSignal {
        edge_percent: 15.5, delta: 0.65, gamma: 0.004, vega: 45.2, theta: -8.5,
        volume: 1200, open_interest: 8500, days_to_expiry: 45,
    };
    let before = ml.classify_within(&signal, Duration::from_millis(50)).unwrap();
    house.flip(VERSIONS[1]);
    house.point_to(VERSIONS[1]);
    assert_eq!(ml.reload_signals().unwrap_err().code(), "artifact");
    assert_eq!(ml.classify(&signal).unwrap(), before);
    house.flip(VERSIONS[1]);
    assert_eq!(ml.reload_signals().unwrap().unwrap().as_str(), VERSIONS[1]);

    // The same artifact as any model's: one row of numbers, with a deadline.
    let model = Model::open(house.path("artifacts/signal_classifier")).unwrap();
    let answers = model.run_one_within(&[15.5, 0.65, 0.004, 45.2, -8.5, 1200.0, 8500.0, 45.0], Duration::from_millis(50));
    assert_eq!(answers.unwrap().output("confidence").unwrap().float64(), Some([ml.classify(&signal).unwrap().confidence].as_slice()));
}
