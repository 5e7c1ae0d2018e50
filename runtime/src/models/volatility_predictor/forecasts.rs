//! Forecasts of the service: known days in, an answer of the model or of persistence out.

#[cfg(all(feature = "files", feature = "history"))]
use std::path::Path;

#[cfg(all(feature = "files", feature = "history"))]
use jiff::civil::Date;

use crate::artifact::version::Version;
use crate::config::settings::Config;
use crate::error::Error;
use crate::models::volatility_predictor::compute;
#[cfg(all(feature = "files", feature = "history"))]
use crate::models::volatility_predictor::days;
use crate::models::volatility_predictor::face::{Forecasts, VolatilityModel};
use crate::models::volatility_predictor::forecast::VolatilityForecast;
use crate::models::volatility_predictor::keys::VOLATILITY_PREDICTOR;
use crate::models::volatility_predictor::known::KnownDays;
use crate::models::volatility_predictor::live::LoggedForecast;
use crate::service::meter;
use crate::service::ml_service::MlService;
use crate::service::serving_slot::State;
use crate::service::source::Source;
#[cfg(all(feature = "files", feature = "history"))]
use crate::store::day_cache::DayCache;
use crate::surface::day::SurfaceDay;
#[cfg(all(feature = "files", feature = "history"))]
use crate::surface::{history::Reading, name::symbol_of, symbol::checked_symbol};

impl MlService {
    /// Opens the volatility predictor alone; what the other models would say comes from the fallback.
    ///
    /// # Errors
    /// As [`MlService::open`].
    pub fn open_volatility(config: &Config) -> Result<Self, Error> {
        Self::open_some(config, |model| model == VOLATILITY_PREDICTOR)
    }

    /// The version of the volatility predictor in use; `None` when the fallback answers.
    #[must_use]
    pub fn volatility_version(&self) -> Option<Version> {
        self.version(VOLATILITY_PREDICTOR)
    }

    /// [`MlService::refused`] of the volatility predictor.
    #[must_use]
    pub fn volatility_refused(&self) -> Option<String> {
        self.refused(VOLATILITY_PREDICTOR)
    }

    /// [`MlService::reload`] of the volatility predictor.
    ///
    /// # Errors
    /// The new version is refused; the one in use stays.
    pub fn reload_volatility(&self) -> Result<Option<Version>, Error> {
        self.reload(VOLATILITY_PREDICTOR)
    }

    fn forecasts(&self) -> &Forecasts {
        &self.inner().faces.forecasts
    }

    /// The volatility forecast of a symbol, from `<data_dir>/<symbol in lower case>_vol_surface.csv` and the days that
    /// the history store has observed.
    ///
    /// A file with dates and the days observed are one history. A snapshot without dates, as the engine writes it, is the
    /// newest day: that of its modification time by New York's clock without summer time (UTC-5), where a Saturday or a
    /// Sunday counts as the Friday before. It stands in for a day observed under the same date; one that equals the
    /// newest day observed to the bit is that day; an older one is left out with a warning.
    ///
    /// # Errors
    /// [`Error::Symbol`], [`Error::Surface`], [`Error::Io`] or [`Error::History`] when there is no readable data,
    /// [`Error::Days`] when too few days are known, [`Error::NoFallback`] as for [`MlService::classify`].
    #[cfg(all(feature = "files", feature = "history"))]
    pub fn forecast(&self, symbol: &str) -> Result<VolatilityForecast, Error> {
        self.forecast_stored(symbol, |config, kept| days::of_symbol(config, kept, symbol, None, false))
    }

    /// As [`MlService::forecast`], the snapshot being of the day `date`.
    ///
    /// # Errors
    /// As [`MlService::forecast`], and when there is no snapshot without dates, the date is no trading day, or an older
    /// one than the newest day observed.
    #[cfg(all(feature = "files", feature = "history"))]
    pub fn forecast_on(&self, symbol: &str, date: Date) -> Result<VolatilityForecast, Error> {
        self.forecast_stored(symbol, |config, kept| days::of_symbol(config, kept, symbol, Some(date), false))
    }

    /// The volatility forecast from a surface file with dates; or from a snapshot without dates and the days of its symbol
    /// that the history store has observed, older than it. The snapshot is of the day `date`, else of the one in its name,
    /// else of its modification time as in [`MlService::forecast`].
    ///
    /// # Errors
    /// As [`MlService::forecast_on`].
    #[cfg(all(feature = "files", feature = "history"))]
    pub fn forecast_file(&self, path: &Path, date: Option<Date>) -> Result<VolatilityForecast, Error> {
        self.forecast_file_as(path, date, &Reading::default())
    }

    /// As [`MlService::forecast_file`], of one symbol of several in the file, or of what is not plausible.
    ///
    /// # Errors
    /// As [`MlService::forecast_on`].
    #[cfg(all(feature = "files", feature = "history"))]
    pub fn forecast_file_as(
        &self,
        path: &Path,
        date: Option<Date>,
        reading: &Reading,
    ) -> Result<VolatilityForecast, Error> {
        let symbol = reading.symbol.clone().unwrap_or_else(|| symbol_of(path));
        self.forecast_stored(&symbol, |config, kept| days::of_file(config, kept, path, date, reading))
    }

    /// As [`MlService::forecast`], or [`MlService::forecast_on`] with a date, of what is not plausible.
    ///
    /// # Errors
    /// As [`MlService::forecast_on`].
    #[cfg(all(feature = "files", feature = "history"))]
    pub fn forecast_accepted(&self, symbol: &str, date: Option<Date>) -> Result<VolatilityForecast, Error> {
        self.forecast_stored(symbol, |config, kept| days::of_symbol(config, kept, symbol, date, true))
    }

    /// The volatility forecast from days that the caller holds, all of one symbol, each with its date, oldest first: read
    /// from files, kept in a store of its own, or made by [`SurfaceDay::from_quotes`]. A day that repeats the one before
    /// to the bit is left out; what a day does not tell is NaN.
    ///
    /// # Errors
    /// [`Error::Input`] with the number of the day, counted from 0: no date, no trading day, out of order, of another
    /// symbol, or without a sound `avg_iv`; [`Error::Days`] when they are too few, [`Error::NoFallback`] as for
    /// [`MlService::classify`].
    ///
    /// # Examples
    /// ```
    /// use dollarbill_ml::{Fixed, MlService, surface::SurfaceDay};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let ml = MlService::fixed(Fixed::default().change_percent(5.0));
    /// let features = [0.40, 0.38, 0.05, 0.01, f64::NAN, 1200.0, 46.0];
    /// let day = SurfaceDay { date: Some("2024-03-04".parse()?), symbol: "TSLA".to_owned(), features };
    /// let forecast = ml.forecast_days(&[day])?;
    /// assert!((forecast.predicted_avg_iv - 0.42).abs() < 1e-12);
    /// # Ok(())
    /// # }
    /// ```
    pub fn forecast_days(&self, days: &[SurfaceDay]) -> Result<VolatilityForecast, Error> {
        self.forecast_known(|| KnownDays::of_memory(days, self.inner().config.calendar))
    }

    /// A fake reads nothing: what it is asked for is as it was told.
    #[cfg(all(feature = "files", feature = "history"))]
    fn forecast_stored(
        &self,
        symbol: &str,
        read: impl FnOnce(&Config, &DayCache) -> Result<KnownDays, Error>,
    ) -> Result<VolatilityForecast, Error> {
        let fake = match &**self.forecasts().slot.load() {
            State::Fixed(fixed) => Some(fixed.average_iv),
            _ => None,
        };
        self.forecast_known(|| {
            if let Some(average_iv) = fake {
                return Ok(KnownDays::of_fake(checked_symbol(symbol)?, average_iv));
            }
            let known = read(&self.inner().config, &self.forecasts().day_cache)?;
            Ok(KnownDays { stored: true, ..known })
        })
    }

    fn forecast_known(&self, read: impl FnOnce() -> Result<KnownDays, Error>) -> Result<VolatilityForecast, Error> {
        let span = meter::forecast_span().entered();
        let timer = meter::start();
        let result = read().and_then(|known| {
            span.record("place", &known.place);
            let mut forecast = self.answer_days(&known.days, &known.place, known.todo, known.stored)?;
            forecast.warnings.extend(known.warnings);
            forecast.notes = known.notes;
            self.log_forecast(&forecast, known.days);
            Ok(forecast)
        });
        meter::answered(&span, result.as_ref().map(|forecast| (forecast.source, forecast.model_version)));
        let fallback = result.as_ref().is_ok_and(|forecast| forecast.source == Source::Fallback);
        let answers = [1 - usize::from(fallback), usize::from(fallback)];
        meter::call(VOLATILITY_PREDICTOR, timer, answers, result.as_ref().err());
        result
    }

    fn log_forecast(&self, forecast: &VolatilityForecast, days: Vec<SurfaceDay>) {
        if let Some(live) = &self.inner().live {
            let shadow = self.forecasts().slot.shadow().cloned();
            let days = if shadow.is_some() { days } else { Vec::new() };
            live.push(LoggedForecast { forecast: forecast.clone(), days, shadow });
        }
    }

    fn answer_days(
        &self,
        days: &[SurfaceDay],
        place: &str,
        todo: String,
        stored: bool,
    ) -> Result<VolatilityForecast, Error> {
        let known = compute::known_days(days);
        let slot = self.forecasts().slot.load();
        let horizon = self.forecasts().horizon;
        let cause = match &**slot {
            State::Ready(VolatilityModel { engine, settings }) => {
                if known.len() < settings.minimum_days {
                    return Err(compute::too_few(place.to_owned(), settings.minimum_days, known.len(), todo));
                }
                match compute::forecast(engine, settings, &known, horizon) {
                    Ok(mut forecast) => {
                        if stored {
                            forecast
                                .warnings
                                .extend(self.forecasts().scores.warning(engine, settings, &known, horizon));
                        }
                        return Ok(forecast);
                    }
                    Err(cause) => {
                        tracing::warn!("fallback: {VOLATILITY_PREDICTOR}: persistence answers: {place}: {cause}");
                        cause
                    }
                }
            }
            State::Fixed(fixed) => {
                return compute::fake(&known, horizon, fixed.change_percent)
                    .ok_or_else(|| compute::too_few(place.to_owned(), 1, 0, todo));
            }
            State::Off { cause, .. } => cause.clone(),
        };
        if !self.inner().config.fallback {
            return Err(Error::NoFallback { model: VOLATILITY_PREDICTOR.to_owned(), cause });
        }
        compute::persistence(&known, horizon, format!("fallback: {cause}"))
            .ok_or_else(|| compute::too_few(place.to_owned(), 1, 0, todo))
    }
}
