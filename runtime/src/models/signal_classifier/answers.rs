//! What can be asked of the service about signals.

use std::time::Duration;

use crate::artifact::version::Version;
use crate::config::settings::Config;
use crate::engine::choice::EngineKind;
use crate::engine::loaded::Engine;
use crate::error::Error;
use crate::models::signal_classifier::answer::{Classification, Recommendation, Warning, Warnings};
use crate::models::signal_classifier::contract::{Limits, probability};
use crate::models::signal_classifier::face::{SignalModel, Signals};
use crate::models::signal_classifier::given::units::contradictions;
use crate::models::signal_classifier::keys::{N_FIELDS, SIGNAL_CLASSIFIER};
use crate::models::signal_classifier::live::LoggedSignal;
use crate::models::signal_classifier::rule::rule_score;
use crate::models::signal_classifier::signal::TradeSignal;
use crate::service::meter;
use crate::service::ml_service::MlService;
use crate::service::serving_slot::State;
use crate::service::source::Source;

/// Above this a confidence is called high.
const HIGH_CONFIDENCE: f64 = 0.8;
/// A difference between model and rule that is worth a warning.
const DISAGREEMENT: f64 = 0.4;

impl MlService {
    /// Opens the signal classifier alone; what the other models would say comes from the fallback.
    ///
    /// # Errors
    /// As [`MlService::open`].
    pub fn open_signals(config: &Config) -> Result<Self, Error> {
        Self::open_some(config, |model| model == SIGNAL_CLASSIFIER)
    }

    /// The version of the signal classifier in use; `None` when the fallback answers.
    #[must_use]
    pub fn signal_version(&self) -> Option<Version> {
        self.version(SIGNAL_CLASSIFIER)
    }

    /// [`MlService::refused`] of the signal classifier.
    #[must_use]
    pub fn signals_refused(&self) -> Option<String> {
        self.refused(SIGNAL_CLASSIFIER)
    }

    /// [`MlService::reload`] of the signal classifier.
    ///
    /// # Errors
    /// The new version is refused; the one in use stays.
    pub fn reload_signals(&self) -> Result<Option<Version>, Error> {
        self.reload(SIGNAL_CLASSIFIER)
    }

    fn signals(&self) -> &Signals {
        &self.inner().faces.signals
    }

    /// The confidence in one signal.
    ///
    /// # Errors
    /// [`Error::Signal`] when a field is out of range; [`Error::NoFallback`] when the model cannot answer and the
    /// config forbids the fallback.
    pub fn classify(&self, signal: &TradeSignal) -> Result<Classification, Error> {
        self.one(signal, None, None)
    }

    /// As [`MlService::classify`], but gives up when all sessions stay busy for so long.
    ///
    /// # Errors
    /// [`Error::Deadline`] besides those of [`MlService::classify`].
    pub fn classify_within(&self, signal: &TradeSignal, within: Duration) -> Result<Classification, Error> {
        self.one(signal, Some(within), None)
    }

    /// As [`MlService::classify`]; the log holds the answer under a name of yours, by which its outcome is found again.
    /// Without a log (`runtime.log`) the name says nothing.
    ///
    /// # Errors
    /// As [`MlService::classify`].
    pub fn classify_tagged(&self, signal: &TradeSignal, tag: &str) -> Result<Classification, Error> {
        self.one(signal, None, Some(tag))
    }

    fn one(&self, signal: &TradeSignal, within: Option<Duration>, tag: Option<&str>) -> Result<Classification, Error> {
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
        if let Ok(answer) = &result {
            self.log_signal(signal, answer, tag);
        }
        result
    }

    fn log_signal(&self, signal: &TradeSignal, answer: &Classification, tag: Option<&str>) {
        if let Some(live) = &self.inner().live {
            let shadow = self.signals().slot.shadow().cloned();
            live.push(LoggedSignal { signal: *signal, answer: *answer, tag: tag.map(Into::into), shadow });
        }
    }

    fn answer(&self, signal: &TradeSignal, within: Option<Duration>) -> Result<Classification, Error> {
        let slot = self.signals().slot.load();
        match &**slot {
            State::Ready(ready) => {
                let SignalModel { engine, limits, .. } = ready;
                let row = limits.check(signal)?;
                match self.confidence(engine, &row, within) {
                    Ok(confidence) => Ok(Classification {
                        trained_on: ready.trained_on,
                        ..self.by_model(signal, confidence, ready.warnings(&row), By::of(engine))
                    }),
                    Err(error @ Error::Deadline { .. }) => Err(error),
                    Err(error) => self.by_rule(signal, Warning::ModelFailed, &error.to_string()),
                }
            }
            State::Fixed(confidence) => {
                Limits::contract().check(signal)?;
                Ok(self.by_fake(signal, *confidence))
            }
            State::Off { why, cause } => {
                Limits::contract().check(signal)?;
                self.by_rule(signal, (*why).into(), cause)
            }
        }
    }

    /// The model's answer, from the cache where there is one.
    fn confidence(&self, engine: &Engine, row: &[f64; N_FIELDS], within: Option<Duration>) -> Result<f64, Error> {
        // Adding 0.0 makes -0.0 and 0.0, which are the same signal, one key.
        let cache = self.signals().cache.as_ref();
        let key = cache.map(|cache| (cache, (engine.version, row.map(|value| (value + 0.0).to_bits()))));
        if let Some(found) = key.as_ref().and_then(|(cache, key)| cache.get(key)) {
            meter::cache(true);
            return Ok(found);
        }
        let mut answer = [0.0];
        match within {
            None => engine.run_one(row, &mut answer)?,
            Some(within) => engine.run_one_within(row, &mut answer, within)?,
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
        for (signal, answer) in signals.iter().zip(&*out) {
            self.log_signal(signal, answer, None);
        }
        result
    }

    fn answer_batch(&self, signals: &[TradeSignal], out: &mut Vec<Classification>) -> Result<(), Error> {
        out.clear();
        let slot = self.signals().slot.load();
        let done = match &**slot {
            State::Ready(ready) => self.batch_by_model(ready, signals, out),
            State::Fixed(confidence) => {
                let limits = Limits::contract();
                signals.iter().enumerate().try_for_each(|(index, signal)| {
                    limits.check(signal).map_err(|error| numbered(error, index))?;
                    out.push(self.by_fake(signal, *confidence));
                    Ok(())
                })
            }
            State::Off { why, cause } => {
                let limits = Limits::contract();
                signals.iter().enumerate().try_for_each(|(index, signal)| {
                    limits.check(signal).map_err(|error| numbered(error, index))?;
                    self.by_rule(signal, (*why).into(), cause).map(|answer| out.push(answer))
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
        let SignalModel { engine, limits, .. } = ready;
        let mut rows = Vec::with_capacity(signals.len());
        for (index, signal) in signals.iter().enumerate() {
            rows.push(limits.check(signal).map_err(|error| numbered(error, index))?);
        }
        let mut answers = vec![0.0; signals.len()];
        let ran = engine.run(rows.as_flattened(), &mut answers);
        out.reserve(signals.len());
        for ((signal, row), &answer) in signals.iter().zip(&rows).zip(&answers) {
            out.push(match (&ran, probability(answer)) {
                (Ok(()), Ok(confidence)) => Classification {
                    trained_on: ready.trained_on,
                    ..self.by_model(signal, confidence, ready.warnings(row), By::of(engine))
                },
                (Err(error), _) => self.by_rule(signal, Warning::ModelFailed, &error.to_string())?,
                (Ok(()), Err(error)) => self.by_rule(signal, Warning::ModelFailed, &error.to_string())?,
            });
        }
        Ok(())
    }

    fn by_model(&self, signal: &TradeSignal, confidence: f64, known: Warnings, by: By) -> Classification {
        let rule = rule_score(signal);
        let mut warnings = known;
        if (confidence - rule).abs() > DISAGREEMENT {
            warnings = warnings.with(Warning::RuleDisagrees);
        }
        self.classification(confidence, rule, Some(by), warnings)
    }

    fn by_fake(&self, signal: &TradeSignal, confidence: f64) -> Classification {
        self.by_model(
            signal,
            confidence,
            Warnings::default().with(Warning::Fake),
            By { version: Version::FAKE, engine: None },
        )
    }

    fn by_rule(&self, signal: &TradeSignal, warning: Warning, cause: &str) -> Result<Classification, Error> {
        if !self.inner().config.fallback {
            return Err(Error::NoFallback { model: SIGNAL_CLASSIFIER.to_owned(), cause: cause.to_owned() });
        }
        if warning == Warning::ModelFailed {
            tracing::warn!("fallback: {SIGNAL_CLASSIFIER}: the traditional rule answers: {cause}");
        }
        let rule = rule_score(signal);
        let warnings = contradictions(&signal.features()).with(warning);
        let answer = self.classification(rule, rule, None, warnings);
        if answer.recommendation == Recommendation::Avoid || self.inner().config.fallback_may_trade {
            return Ok(answer);
        }
        // A trade that nobody has decided on: the rule answers because something is not as it should be.
        let warnings = warnings.with(Warning::FallbackMayNotTrade);
        Ok(Classification { recommendation: Recommendation::Avoid, warnings, ..answer })
    }

    fn classification(&self, confidence: f64, rule_score: f64, by: Option<By>, warnings: Warnings) -> Classification {
        let trade = confidence > self.signals().trade_threshold;
        Classification {
            confidence,
            recommendation: if trade { Recommendation::Trade } else { Recommendation::Avoid },
            high_confidence: confidence > HIGH_CONFIDENCE,
            source: if by.is_some() { Source::Model } else { Source::Fallback },
            model_version: by.map(|by| by.version),
            engine: by.and_then(|by| by.engine),
            trained_on: None,
            rule_score,
            warnings,
        }
    }
}

/// Which version of a model answers, and on which engine; a fake has none.
#[derive(Clone, Copy)]
struct By {
    version: Version,
    engine: Option<EngineKind>,
}

impl By {
    fn of(engine: &Engine) -> Self {
        Self { version: engine.version, engine: Some(engine.kind()) }
    }
}

fn numbered(error: Error, index: usize) -> Error {
    match error {
        Error::Signal { reason, .. } => Error::Signal { place: format!("signal {index}"), reason },
        other => other,
    }
}
