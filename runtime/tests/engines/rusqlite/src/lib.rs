//! An engine without async that keeps the days of its surfaces in its own table, through rusqlite 0.32.

use dollarbill_ml::surface::{read_surface, SurfaceDay};
use dollarbill_ml::{Date, Error, MlService, VolatilityForecast};
use rusqlite::Connection;

/// The engine's days: date, and the seven features with NULL for what is not known.
pub fn keep(book: &Connection, days: &[SurfaceDay]) -> rusqlite::Result<()> {
    book.execute_batch("CREATE TABLE IF NOT EXISTS surface (symbol TEXT, date TEXT, a, b, c, d, e, f, g)")?;
    for day in days {
        let [a, b, c, d, e, f, g] = day.features.map(|value| value.is_finite().then_some(value));
        let date = day.date.map(|date| date.to_string());
        book.execute(
            "INSERT INTO surface VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            rusqlite::params![day.symbol, date, a, b, c, d, e, f, g],
        )?;
    }
    Ok(())
}

/// The days back from the table.
pub fn days(book: &Connection, symbol: &str) -> rusqlite::Result<Vec<SurfaceDay>> {
    let mut statement = book.prepare("SELECT date, a, b, c, d, e, f, g FROM surface WHERE symbol = ?1 ORDER BY date")?;
    let rows = statement.query_map([symbol], |row| {
        let mut features = [f64::NAN; 7];
        for (index, feature) in features.iter_mut().enumerate() {
            *feature = row.get::<_, Option<f64>>(index + 1)?.unwrap_or(f64::NAN);
        }
        let date: Option<Date> = row.get::<_, String>(0)?.parse().ok();
        Ok(SurfaceDay { date, symbol: symbol.to_owned(), features })
    })?;
    rows.collect()
}

/// A forecast from the engine's own days.
pub fn forecast(ml: &MlService, book: &Connection, symbol: &str) -> Result<VolatilityForecast, Error> {
    let known = days(book, symbol).map_err(|error| Error::Rows { place: symbol.to_owned(), reason: error.to_string() })?;
    ml.forecast_days(&known)
}

/// What a file of surfaces holds goes into the table.
pub fn take_in(book: &Connection, path: &std::path::Path) -> Result<(), Box<dyn std::error::Error>> {
    Ok(keep(book, &read_surface(path)?)?)
}

#[cfg(test)]
mod tests {
    use dollarbill_ml::Fixed;

    use super::*;

    #[test]
    fn a_fake_forecasts_from_the_days_of_the_table() {
        let book = Connection::open_in_memory().unwrap();
        let features = [0.4, 0.38, 0.05, 0.01, f64::NAN, 1200.0, 46.0];
        let day = SurfaceDay { date: Some("2024-03-04".parse().unwrap()), symbol: "ABC".to_owned(), features };
        keep(&book, &[day]).unwrap();
        let ml = MlService::fixed(Fixed::default().change_percent(10.0));
        assert!((forecast(&ml, &book, "ABC").unwrap().predicted_avg_iv - 0.44).abs() < 1e-12);
        assert_eq!(forecast(&ml, &book, "XYZ").unwrap_err().code(), "days");
    }
}
