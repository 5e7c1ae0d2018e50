//! A day of signals and surfaces, with a new version in the middle and a broken one before it.

use dollarbill_ml::{Config, MlService};
use mini_engine_tokio_sqlx::ml::{expected_change, opinion, reload};
use mini_engine_tokio_sqlx::trade::{Book, Candidate};
use rust_decimal::Decimal;

#[path = "../../support/house.rs"]
mod house;
use house::{House, VERSIONS};

fn candidates() -> impl Iterator<Item = Candidate> {
    (0..200_i64).map(|i| Candidate {
        ticker: "ABC".to_owned(),
        edge_fraction: Decimal::new(i, 3),
        delta: i as f64 / 200.0,
        gamma: 0.01,
        vega_per_point: i as f64 / 100.0,
        theta_per_day: -(i as f64) / 365.0,
        traded: 10 * i as u64,
        open: 50 * i as u64,
        dte: (i % 90) as u32,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_is_traded_through_a_refused_and_a_sound_new_version() {
    let house = House::new("tokio-sqlx");
    let config = Config::load(&house.path("config/ml_config.json")).unwrap();
    let ml = MlService::open(&config).unwrap();
    let book = Book::open(&house.path("book.sqlite")).await.unwrap();
    let version = ml.signal_version().unwrap();
    assert_eq!(version.as_str(), VERSIONS[0]);

    let mut first = Vec::new();
    for candidate in candidates() {
        let said = opinion(&ml, &candidate).await.unwrap();
        book.note(&candidate, &said).await.unwrap();
        first.push(said);
    }
    assert!(expected_change(&ml, "ABC").await.unwrap().is_finite());
    assert_eq!(expected_change(&ml, "XYZ").await.unwrap_err().code(), "days");

    // A broken version is refused, and the old one serves on, from many tasks at once.
    house.flip(VERSIONS[1]);
    house.point_to(VERSIONS[1]);
    let asked: Vec<_> = candidates()
        .map(|candidate| {
            let ml = ml.clone();
            tokio::spawn(async move { opinion(&ml, &candidate).await })
        })
        .collect();
    assert_eq!(reload(&ml).await.unwrap_err().code(), "artifact");
    assert_eq!(ml.signal_version(), Some(version));
    for (task, before) in asked.into_iter().zip(&first) {
        assert_eq!(task.await.unwrap().unwrap(), *before);
    }

    house.flip(VERSIONS[1]);
    assert_eq!(reload(&ml).await.unwrap().unwrap().as_str(), VERSIONS[1]);
    for candidate in candidates() {
        book.note(&candidate, &opinion(&ml, &candidate).await.unwrap()).await.unwrap();
    }
    let wrong = Candidate { delta: 40.0, ..candidates().next().unwrap() };
    assert_eq!(opinion(&ml, &wrong).await.unwrap_err().code(), "signal");
    assert_eq!(book.decisions().await.unwrap(), 400);
}
