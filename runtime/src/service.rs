//! Both models behind one handle that many threads share.

use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::config::Config;
use crate::error::Error;
use crate::fallback::rule_score;
use crate::manifest::Version;
use crate::meter;
use crate::model::Model;
use crate::recall::Recall;
use crate::signal::{Classification, Limits, N_FIELDS, Recommendation, Source, TradeSignal, Warning, Warnings};
use crate::slots::{self, SignalModel, Slot, VolatilityModel};

/// The name of the signal classifier, in paths and messages.
pub const SIGNAL_CLASSIFIER: &str = "signal_classifier";
/// The name of the volatility predictor, in paths and messages.
pub const VOLATILITY_PREDICTOR: &str = "volatility_predictor";

/// Above this a confidence is called high.
const HIGH_CONFIDENCE: f64 = 0.8;
/// A difference between model and rule that is worth a warning.
const DISAGREEMENT: f64 = 0.4;

type Cache = quick_cache::sync::Cache<(Version, [u64; N_FIELDS]), f64>;

pub(crate) struct Inner {
    pub(crate) config: Config,
    /// Which models this service serves; the others are never loaded.
    serves: [bool; 2],
    signal: ArcSwap<Slot<SignalModel>>,
    /// Confidences by version and the exact bits of the signal.
    cache: Option<Cache>,
    pub(crate) volatility: ArcSwap<Slot<VolatilityModel>>,
    pub(crate) recall: Recall,
}

/// Both models, ready for any number of threads; a clone is another handle to the same models.
///
/// # Examples
/// ```
/// use dollarbill_ml::{Config, MlService, TradeSignal};
/// let ml = MlService::open(&Config::find(None)?)?;
/// let signal = TradeSignal {
///     edge_percent: 15.5, delta: 0.65, gamma: 0.004, vega: 45.2, theta: -8.5,
///     volume: 1200, open_interest: 8500, days_to_expiry: 45,
/// };
/// let answer = ml.classify(&signal)?;
/// assert!((0.0..=1.0).contains(&answer.confidence));
///
/// let mut answers = Vec::new();
/// ml.classify_batch(&[signal, signal], &mut answers)?;
/// assert_eq!(answers[1], answer);
/// # Ok::<(), dollarbill_ml::Error>(())
/// ```
#[derive(Clone)]
pub struct MlService(Arc<Inner>);

impl std::fmt::Debug for MlService {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("MlService")
            .field("signal_classifier", &self.signal_version())
            .field("volatility_predictor", &self.volatility_version())
            .finish_non_exhaustive()
    }
}

impl MlService {
    /// Opens both models: reads, checks and proves them on the onnxruntime that is found.
    ///
    /// # Errors
    /// Whatever is a mistake of set-up: no usable onnxruntime, or nothing at a `model_path`. A model that is there but
    /// refused (damaged, of another format, not in parity) is an error too, unless the config lets the fallback answer.
    pub fn open(config: &Config) -> Result<Self, Error> {
        Self::open_some(config, true, true)
    }

    /// Opens the signal classifier alone; forecasts come from the fallback.
    ///
    /// # Errors
    /// As [`MlService::open`].
    pub fn open_signals(config: &Config) -> Result<Self, Error> {
        Self::open_some(config, true, false)
    }

    /// Opens the volatility predictor alone; signals are answered by the fallback.
    ///
    /// # Errors
    /// As [`MlService::open`].
    pub fn open_volatility(config: &Config) -> Result<Self, Error> {
        Self::open_some(config, false, true)
    }

    fn open_some(config: &Config, signals: bool, forecasts: bool) -> Result<Self, Error> {
        let _span = meter::open_span(signals, forecasts).entered();
        let (signal, volatility) = (&config.signal_classifier, &config.volatility_predictor);
        let slot = slots::open(config, signal, SIGNAL_CLASSIFIER, signals, slots::load_signal)?;
        let other = slots::open(config, volatility, VOLATILITY_PREDICTOR, forecasts, slots::load_volatility)?;
        Ok(Self(Arc::new(Inner {
            config: config.clone(),
            serves: [signals && signal.enabled, forecasts && volatility.enabled],
            signal: ArcSwap::from_pointee(slot),
            cache: config.cache_size.map(Cache::new),
            volatility: ArcSwap::from_pointee(other),
            recall: Recall::default(),
        })))
    }

    /// The version of the signal classifier in use; `None` when the fallback answers.
    #[must_use]
    pub fn signal_version(&self) -> Option<Version> {
        self.0.signal.load().version()
    }

    /// The version of the volatility predictor in use; `None` when the fallback answers.
    #[must_use]
    pub fn volatility_version(&self) -> Option<Version> {
        self.0.volatility.load().version()
    }

    /// Looks whether `current.json` names another version of the signal classifier; if so loads it aside, proves it on
    /// its golden cases and swaps it in, in one step. Calls that run meanwhile finish on the version they began with.
    ///
    /// Gives the new version, or `None` when there is nothing new.
    ///
    /// # Errors
    /// The new version is refused; the one in use stays.
    pub fn reload_signals(&self) -> Result<Option<Version>, Error> {
        let Inner { config, signal, serves, .. } = &*self.0;
        if !serves[0] {
            return Ok(None);
        }
        let _span = meter::reload_span(SIGNAL_CLASSIFIER).entered();
        let found = slots::refresh(signal, config, &config.signal_classifier, slots::load_signal);
        meter::reload(SIGNAL_CLASSIFIER, &found);
        found
    }

    /// As [`MlService::reload_signals`], for the volatility predictor.
    ///
    /// # Errors
    /// The new version is refused; the one in use stays.
    pub fn reload_volatility(&self) -> Result<Option<Version>, Error> {
        let Inner { config, volatility, serves, .. } = &*self.0;
        if !serves[1] {
            return Ok(None);
        }
        let _span = meter::reload_span(VOLATILITY_PREDICTOR).entered();
        let found = slots::refresh(volatility, config, &config.volatility_predictor, slots::load_volatility);
        meter::reload(VOLATILITY_PREDICTOR, &found);
        found
    }

    pub(crate) fn downgrade(&self) -> Weak<Inner> {
        Arc::downgrade(&self.0)
    }

    pub(crate) fn upgrade(inner: &Weak<Inner>) -> Option<Self> {
        inner.upgrade().map(Self)
    }

    /// The confidence in one signal.
    ///
    /// # Errors
    /// [`Error::Signal`] when a field is out of range; [`Error::NoFallback`] when the model cannot answer and the
    /// config forbids the fallback.
    pub fn classify(&self, signal: &TradeSignal) -> Result<Classification, Error> {
        self.one(signal, None)
    }

    /// As [`MlService::classify`], but gives up when all sessions stay busy for so long.
    ///
    /// # Errors
    /// [`Error::Deadline`] besides those of [`MlService::classify`].
    pub fn classify_within(&self, signal: &TradeSignal, within: Duration) -> Result<Classification, Error> {
        self.one(signal, Some(within))
    }

    fn one(&self, signal: &TradeSignal, within: Option<Duration>) -> Result<Classification, Error> {
        let span = meter::classify_span().entered();
        let timer = meter::start();
        let result = self.answer(signal, within);
        let fallback = result.as_ref().is_ok_and(|answer| answer.source == Source::Fallback);
        meter::call(
            SIGNAL_CLASSIFIER,
            timer,
            [1 - usize::from(fallback), usize::from(fallback)],
            result.as_ref().err(),
        );
        meter::answered(&span, result.as_ref().map(|answer| (answer.source, answer.model_version)));
        result
    }

    fn answer(&self, signal: &TradeSignal, within: Option<Duration>) -> Result<Classification, Error> {
        let slot = self.0.signal.load();
        match &**slot {
            Slot::Ready(ready) => {
                let SignalModel { model, limits, .. } = ready;
                let row = limits.check(signal)?;
                match self.confidence(model, &row, within) {
                    Ok(confidence) => Ok(self.by_model(signal, confidence, ready.warnings(&row), model.version)),
                    Err(error @ Error::Deadline { .. }) => Err(error),
                    Err(error) => self.by_rule(signal, Warning::ModelFailed, &error.to_string()),
                }
            }
            Slot::Off { warning, cause } => {
                Limits::contract().check(signal)?;
                self.by_rule(signal, *warning, cause)
            }
        }
    }

    /// The model's answer, from the cache where there is one.
    fn confidence(&self, model: &Model, row: &[f64; N_FIELDS], within: Option<Duration>) -> Result<f64, Error> {
        // Adding 0.0 makes -0.0 and 0.0, which are the same signal, one key.
        let key = self.0.cache.as_ref().map(|cache| (cache, (model.version, row.map(|value| (value + 0.0).to_bits()))));
        if let Some(found) = key.as_ref().and_then(|(cache, key)| cache.get(key)) {
            meter::cache(true);
            return Ok(found);
        }
        let mut answer = [0.0];
        match within {
            None => model.run_one(row, &mut answer)?,
            Some(within) => model.run_one_within(row, &mut answer, within)?,
        }
        let confidence = probability(answer[0])?;
        if let Some((cache, key)) = key {
            meter::cache(false);
            cache.insert(key, confidence);
        }
        Ok(confidence)
    }

    /// The confidence in many signals, in order, all by one version; `out` is cleared first.
    ///
    /// # Errors
    /// As [`MlService::classify`]; the message gives the number of the signal, counted from 0. `out` is then empty.
    pub fn classify_batch(&self, signals: &[TradeSignal], out: &mut Vec<Classification>) -> Result<(), Error> {
        let _span = meter::batch_span(signals.len()).entered();
        let timer = meter::start();
        let result = self.answer_batch(signals, out);
        let fallback = out.iter().filter(|answer| answer.source == Source::Fallback).count();
        meter::call(SIGNAL_CLASSIFIER, timer, [out.len() - fallback, fallback], result.as_ref().err());
        result
    }

    fn answer_batch(&self, signals: &[TradeSignal], out: &mut Vec<Classification>) -> Result<(), Error> {
        out.clear();
        let slot = self.0.signal.load();
        let done = match &**slot {
            Slot::Ready(ready) => self.batch_by_model(ready, signals, out),
            Slot::Off { warning, cause } => {
                let limits = Limits::contract();
                signals.iter().enumerate().try_for_each(|(index, signal)| {
                    limits.check(signal).map_err(|error| numbered(error, index))?;
                    self.by_rule(signal, *warning, cause).map(|answer| out.push(answer))
                })
            }
        };
        if done.is_err() {
            out.clear();
        }
        done
    }

    fn batch_by_model(
        &self,
        ready: &SignalModel,
        signals: &[TradeSignal],
        out: &mut Vec<Classification>,
    ) -> Result<(), Error> {
        let SignalModel { model, limits, .. } = ready;
        let mut rows = Vec::with_capacity(signals.len() * N_FIELDS);
        for (index, signal) in signals.iter().enumerate() {
            rows.extend(limits.check(signal).map_err(|error| numbered(error, index))?);
        }
        let mut answers = vec![0.0; signals.len()];
        let ran = model.run(&rows, &mut answers);
        out.reserve(signals.len());
        for ((signal, row), &answer) in signals.iter().zip(rows.as_chunks::<N_FIELDS>().0).zip(&answers) {
            out.push(match (&ran, probability(answer)) {
                (Ok(()), Ok(confidence)) => self.by_model(signal, confidence, ready.warnings(row), model.version),
                (Err(error), _) => self.by_rule(signal, Warning::ModelFailed, &error.to_string())?,
                (Ok(()), Err(error)) => self.by_rule(signal, Warning::ModelFailed, &error.to_string())?,
            });
        }
        Ok(())
    }

    fn by_model(&self, signal: &TradeSignal, confidence: f64, known: Warnings, version: Version) -> Classification {
        let rule = rule_score(signal);
        let mut warnings = known;
        if (confidence - rule).abs() > DISAGREEMENT {
            warnings = warnings.with(Warning::RuleDisagrees);
        }
        self.classification(confidence, rule, Some(version), warnings)
    }

    fn by_rule(&self, signal: &TradeSignal, warning: Warning, cause: &str) -> Result<Classification, Error> {
        if !self.0.config.fallback {
            return Err(Error::NoFallback { model: SIGNAL_CLASSIFIER, cause: cause.to_owned() });
        }
        if warning == Warning::ModelFailed {
            tracing::warn!("fallback: {SIGNAL_CLASSIFIER}: the traditional rule answers: {cause}");
        }
        let rule = rule_score(signal);
        Ok(self.classification(rule, rule, None, Warnings::default().with(warning)))
    }

    fn classification(
        &self,
        confidence: f64,
        rule_score: f64,
        model_version: Option<Version>,
        warnings: Warnings,
    ) -> Classification {
        let trade = confidence > self.0.config.trade_threshold;
        Classification {
            confidence,
            recommendation: if trade { Recommendation::Trade } else { Recommendation::Avoid },
            high_confidence: confidence > HIGH_CONFIDENCE,
            source: if model_version.is_some() { Source::Model } else { Source::Fallback },
            model_version,
            rule_score,
            warnings,
        }
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }
}

fn probability(answer: f64) -> Result<f64, Error> {
    if (0.0..=1.0).contains(&answer) {
        Ok(answer)
    } else {
        Err(Error::Run { model: SIGNAL_CLASSIFIER, reason: format!("it answered {answer}, which is no probability") })
    }
}

fn numbered(error: Error, index: usize) -> Error {
    match error {
        Error::Signal { reason, .. } => Error::Signal { place: format!("signal {index}"), reason },
        other => other,
    }
}
