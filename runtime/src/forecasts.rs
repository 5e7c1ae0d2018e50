//! Where the days of a forecast come from: surface files and the history store.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::civil::Date;

use crate::VOLATILITY_PREDICTOR;
use crate::config::Config;
use crate::error::Error;
use crate::history::HistoryStore;
use crate::meter;
use crate::service::MlService;
use crate::signal::Source;
use crate::slots::{Slot, VolatilityModel};
use crate::surface::{SurfaceDay, read_surface};
use crate::volatility::{self, VolatilityForecast};

/// More days than any window holds.
const DAYS_LOOKED_UP: usize = 1024;

/// What was kept of an observed snapshot.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Observed {
    /// The symbol, in upper case.
    pub symbol: String,
    /// How many days of it the store now knows.
    pub known_days: usize,
}

/// Keeps a day's surface snapshot in the history store of the config, under `date`.
///
/// # Errors
/// [`Error::Surface`] when the file is no snapshot of one day or carries another date, [`Error::History`] when the store
/// cannot be written; nothing is kept then.
///
/// # Examples
/// ```
/// # let folder = tempfile::tempdir().unwrap();
/// # let snapshot = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/surfaces/snapshot.csv");
/// let mut config = dollarbill_ml::Config::find(None)?;
/// # config.history_path = folder.path().join("history.sqlite");
/// let kept = dollarbill_ml::observe(&config, &snapshot, jiff::civil::date(2024, 3, 4))?;
/// assert_eq!(kept.known_days, 1);
/// # Ok::<(), dollarbill_ml::Error>(())
/// ```
pub fn observe(config: &Config, surface: &Path, date: Date) -> Result<Observed, Error> {
    let refuse = |reason| Error::Surface { path: surface.to_path_buf(), reason };
    let mut days = read_surface(surface)?;
    let (Some(mut day), true) = (days.pop(), days.is_empty()) else {
        return Err(refuse("holds more than one day; observe takes the snapshot of one".to_owned()));
    };
    if let Some(own) = day.date.filter(|own| *own != date) {
        return Err(refuse(format!("is dated {own}, not {date}")));
    }
    day.symbol = checked_symbol(&day.symbol)?;
    if let Some(folder) = config.history_path.parent() {
        std::fs::create_dir_all(folder).map_err(crate::files::io_error("write", folder))?;
    }
    let store = HistoryStore::open(&config.history_path)?;
    store.observe(&day, date)?;
    let known_days = store.days(&day.symbol, DAYS_LOOKED_UP)?.len();
    Ok(Observed { symbol: day.symbol, known_days })
}

impl MlService {
    /// The volatility forecast of a symbol, from `<data_dir>/<symbol in lower case>_vol_surface.csv` and the days that
    /// the history store has observed.
    ///
    /// # Errors
    /// [`Error::Symbol`], [`Error::Surface`], [`Error::Io`] or [`Error::History`] when there is no readable data,
    /// [`Error::Days`] when too few days are known, [`Error::NoFallback`] as for [`MlService::classify`].
    pub fn forecast(&self, symbol: &str) -> Result<VolatilityForecast, Error> {
        let symbol = checked_symbol(symbol)?;
        let config = &self.inner().config;
        let file = surface_file(&config.data_dir, &symbol);
        let mut days = BTreeMap::new();
        let stored = config.history_path.exists();
        if stored {
            for day in HistoryStore::open(&config.history_path)?.days(&symbol, DAYS_LOOKED_UP)? {
                days.insert(day.date, day);
            }
        }
        let mut undated = None;
        if file.exists() || days.is_empty() {
            for day in read_surface(&file)? {
                match day.date {
                    Some(_) => drop(days.insert(day.date, day)),
                    None => undated = Some(day),
                }
            }
        }
        match undated {
            Some(day) if days.is_empty() => self.forecast_undated(&file, day),
            _ => {
                let days: Vec<_> = days.into_values().collect();
                let todo = format!(
                    "run `dollarbill-ml observe {} --date YYYY-MM-DD` each day, then `dollarbill-ml predict --symbol \
                     {symbol}`",
                    file.display()
                );
                self.forecast_days(&days, &format!("symbol {symbol}"), todo)
            }
        }
    }

    /// The volatility forecast from a surface file with dates.
    ///
    /// # Errors
    /// As [`MlService::forecast`]; a snapshot without a date has no history and gives [`Error::Days`].
    pub fn forecast_file(&self, path: &Path) -> Result<VolatilityForecast, Error> {
        let mut days = read_surface(path)?;
        match days.pop() {
            Some(day) if day.date.is_none() => self.forecast_undated(path, day),
            last => {
                days.extend(last);
                let todo = "a file with more days is needed".to_owned();
                self.forecast_days(&days, &path.display().to_string(), todo)
            }
        }
    }

    fn forecast_undated(&self, path: &Path, day: SurfaceDay) -> Result<VolatilityForecast, Error> {
        let place = format!("{}: a snapshot without a date (no history)", path.display());
        let todo = format!(
            "run `dollarbill-ml observe {} --date YYYY-MM-DD` each day, then `dollarbill-ml predict --symbol {}`",
            path.display(),
            day.symbol
        );
        self.forecast_days(&[day], &place, todo)
    }

    fn forecast_days(&self, days: &[SurfaceDay], place: &str, todo: String) -> Result<VolatilityForecast, Error> {
        let timer = meter::start();
        let result = self.answer_days(days, place, todo);
        let fallback = result.as_ref().is_ok_and(|forecast| forecast.source == Source::Fallback);
        meter::call(VOLATILITY_PREDICTOR, timer, 1, fallback, result.as_ref().err());
        result
    }

    fn answer_days(&self, days: &[SurfaceDay], place: &str, todo: String) -> Result<VolatilityForecast, Error> {
        let known = volatility::known_days(days);
        let slot = self.inner().volatility.load();
        let horizon = self.inner().config.prediction_horizon;
        let cause = match &**slot {
            Slot::Ready(VolatilityModel { model, settings }) => {
                if known.len() < settings.minimum_days {
                    return Err(volatility::too_few(place.to_owned(), settings.minimum_days, known.len(), todo));
                }
                match volatility::forecast(model, settings, &known, horizon) {
                    Ok(forecast) => return Ok(forecast),
                    Err(cause) => {
                        tracing::warn!("fallback: {VOLATILITY_PREDICTOR}: persistence answers: {place}: {cause}");
                        cause
                    }
                }
            }
            Slot::Off { cause, .. } => cause.clone(),
        };
        if !self.inner().config.fallback {
            return Err(Error::NoFallback { model: VOLATILITY_PREDICTOR, cause });
        }
        volatility::persistence(&known, horizon, format!("fallback: {cause}"))
            .ok_or_else(|| volatility::too_few(place.to_owned(), 1, 0, todo))
    }
}

/// The symbol in upper case, if it can be part of a file name.
fn checked_symbol(symbol: &str) -> Result<String, Error> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '^');
    let sound = (1..=16).contains(&symbol.len()) && symbol.chars().all(fits) && !symbol.contains("..");
    if sound { Ok(symbol.to_ascii_uppercase()) } else { Err(Error::Symbol { symbol: symbol.to_owned() }) }
}

fn surface_file(folder: &Path, symbol: &str) -> PathBuf {
    folder.join(format!("{}_vol_surface.csv", symbol.to_ascii_lowercase()))
}
