//! A day of signals and surfaces, with a new version in the middle and a broken one before it.

use dollarbill_ml::history::HistoryStore;
use dollarbill_ml::{observe, Config, MlService, Source, TradeSignal};
use mini_engine_rusqlite::{forecast, take_in};
use rusqlite::Connection;

#[path = "../../support/house.rs"]
mod house;
use house::{House, VERSIONS};

#[test]
fn a_day_is_traded_from_the_engine_s_own_table_and_from_the_store() {
    let house = House::new("rusqlite");
    let config = Config::load(&house.path("config/ml_config.json")).unwrap();
    let ml = MlService::open(&config).unwrap();
    let book = Connection::open(house.path("book.sqlite")).unwrap();
    let surfaces = house.path("data/abc_vol_surface.csv");

    take_in(&book, &surfaces).unwrap();
    let own = forecast(&ml, &book, "ABC").unwrap();
    assert_eq!(own.source, Source::Model);
    assert_eq!(own.predicted_avg_iv, ml.forecast("ABC").unwrap().predicted_avg_iv);
    assert_eq!(observe(&config, &surfaces, None).unwrap().symbols[0].known_days, own.known_days);
    assert_eq!(HistoryStore::open(&config.history_path).unwrap().symbols().unwrap().len(), 1);

    let signal = TradeSignal {
        edge_percent: 15.5, delta: 0.65, gamma: 0.004, vega: 45.2, theta: -8.5,
        volume: 1200, open_interest: 8500, days_to_expiry: 45,
    };
    let before = ml.classify(&signal).unwrap();
    house.flip(VERSIONS[1]);
    house.point_to(VERSIONS[1]);
    assert_eq!(ml.reload_signals().unwrap_err().code(), "artifact");
    assert_eq!(ml.classify(&signal).unwrap(), before);
    house.flip(VERSIONS[1]);
    assert_eq!(ml.reload_signals().unwrap().unwrap().as_str(), VERSIONS[1]);
    let mut answers = Vec::new();
    ml.classify_batch(&[signal; 100], &mut answers).unwrap();
    assert!(answers.iter().all(|answer| answer.model_version.unwrap().as_str() == VERSIONS[1]));
}
