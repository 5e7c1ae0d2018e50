//! An answer to a signal on its way to the log, with what the shadow says of the same signal.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::engine::choice::EngineKind;
use crate::models::signal_classifier::answer::Classification;
use crate::models::signal_classifier::contract::probability;
use crate::models::signal_classifier::face::SignalModel;
use crate::models::signal_classifier::keys::{N_FIELDS, SIGNAL_CLASSIFIER, SIGNAL_FIELDS};
use crate::models::signal_classifier::signal::TradeSignal;
use crate::service::live::row::{Fields, Row, Shadowed};
use crate::service::live::shadow::Shadow;

pub(crate) struct LoggedSignal {
    pub(crate) signal: TradeSignal,
    pub(crate) answer: Classification,
    pub(crate) tag: Option<Box<str>>,
    pub(crate) shadow: Option<Arc<Shadow<SignalModel>>>,
}

impl Row for LoggedSignal {
    fn fields(&self) -> Fields {
        let Self { signal, answer, tag, shadow } = self;
        let mut given = confidence(answer.confidence);
        given.insert("recommendation".to_owned(), answer.recommendation.as_str().into());
        given.insert("rule_score".to_owned(), answer.rule_score.into());
        Fields {
            model: SIGNAL_CLASSIFIER.to_owned(),
            version: answer.model_version,
            engine: answer.engine,
            source: answer.source,
            tag: tag.as_deref().map(str::to_owned),
            about: Map::new(),
            inputs: SIGNAL_FIELDS.into_iter().map(str::to_owned).zip(signal.features().map(Value::from)).collect(),
            answer: given,
            warnings: answer.warnings.iter().map(|warning| warning.to_string()).collect(),
            // The version in use needs no shadow of its own.
            shadow: shadow.as_ref().filter(|shadow| Some(shadow.version) != answer.model_version).map(|shadow| {
                Shadowed::of(
                    shadow.version,
                    shadow.load().as_ref().as_ref().map_err(Clone::clone).and_then(|face| asked(face, signal)),
                )
            }),
        }
    }

    fn weight(&self) -> usize {
        size_of::<Self>() + self.tag.as_ref().map_or(0, |tag| tag.len()) + 64
    }
}

fn asked(face: &SignalModel, signal: &TradeSignal) -> Result<(EngineKind, Map<String, Value>), String> {
    let row: [f64; N_FIELDS] = face.limits.check(signal).map_err(|error| error.to_string())?;
    let mut answer = [0.0];
    face.engine.run_one(&row, &mut answer).map_err(|error| error.to_string())?;
    let found = probability(answer[0]).map_err(|error| error.to_string())?;
    Ok((face.engine.kind(), confidence(found)))
}

fn confidence(value: f64) -> Map<String, Value> {
    Map::from_iter([("confidence".to_owned(), value.into())])
}
