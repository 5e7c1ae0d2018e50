//! The models that have a typed face, one folder each, and what the crate shows of them. A model without a face needs
//! no file here: it is served as a [`Model`](crate::Model).

pub(crate) mod fixed;
pub(crate) mod keys;
pub(crate) mod news_sentiment;
pub(crate) mod registry;
pub(crate) mod signal_classifier;
pub(crate) mod volatility_predictor;

#[cfg(test)]
mod tests;

pub use fixed::Fixed;
pub use signal_classifier::answer::{Classification, Recommendation, TrainedOn, Warning, Warnings};
pub use signal_classifier::builder::SignalBuilder;
pub use signal_classifier::drop_in::classify_signal_quality;
pub use signal_classifier::keys::SIGNAL_CLASSIFIER;
pub use signal_classifier::signal::TradeSignal;
pub use volatility_predictor::baseline::Baseline;
#[cfg(all(feature = "files", feature = "history"))]
pub use volatility_predictor::drop_in::predict_volatility_change;
pub use volatility_predictor::forecast::{Direction, HorizonForecast, ShortForecast, VolatilityForecast};
pub use volatility_predictor::forecast_surface::{ForecastSurface, HorizonSurface};
pub use volatility_predictor::keys::VOLATILITY_PREDICTOR;

/// Trade signals: eight numbers in the units of the engine, read strictly and held to the limits of the contract.
pub mod signal {
    pub use crate::models::signal_classifier::answer::{Classification, Recommendation, TrainedOn, Warning, Warnings};
    pub use crate::models::signal_classifier::builder::SignalBuilder;
    pub use crate::models::signal_classifier::keys::{N_FIELDS, SIGNAL_FIELDS};
    pub use crate::models::signal_classifier::signal::TradeSignal;
    pub use crate::service::source::Source;
}

/// Files of signals, as CSV or as one JSON object a line: answered in a stream, so they may be larger than memory.
#[cfg(feature = "files")]
pub mod batch {
    pub use crate::models::signal_classifier::batch::stream::classify_stream;
    pub use crate::models::signal_classifier::batch::summary::Summary;
}

/// The answers that need no model. They are marked as such wherever they are given.
pub mod fallback {
    pub use crate::models::signal_classifier::rule::rule_score;
}

/// Volatility forecasts: from daily features to the answer that the engine prints.
pub mod volatility {
    pub use crate::models::volatility_predictor::forecast::{
        Direction, HorizonForecast, ShortForecast, VolatilityForecast,
    };
}
