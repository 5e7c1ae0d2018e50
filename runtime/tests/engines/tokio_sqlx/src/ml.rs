//! All that the engine says to the models: the lines of its integration.

use dollarbill_ml::{Error, MlService, Recommendation, Source, TradeSignal, Version};
use rust_decimal::prelude::ToPrimitive;
use rust_decimal::Decimal;

use crate::trade::Candidate;

/// What the engine wants to know of a signal.
#[derive(Debug, Clone, PartialEq)]
pub struct Opinion {
    pub confidence: f64,
    pub trade: bool,
}

/// The units are converted by name: percent, $ per 1.00 of volatility, $ per year.
impl From<&Candidate> for TradeSignal {
    fn from(candidate: &Candidate) -> Self {
        Self {
            edge_percent: (candidate.edge_fraction * Decimal::ONE_HUNDRED).to_f64().unwrap_or(f64::NAN),
            delta: candidate.delta,
            gamma: candidate.gamma,
            vega: candidate.vega_per_point * 100.0,
            theta: candidate.theta_per_day * 365.0,
            volume: candidate.traded,
            open_interest: candidate.open,
            days_to_expiry: candidate.dte,
        }
    }
}

/// Microseconds of computing, no waiting: right where the reactor runs.
pub async fn opinion(ml: &MlService, candidate: &Candidate) -> Result<Opinion, Error> {
    let answer = ml.classify(&candidate.into())?;
    let trade = answer.recommendation == Recommendation::Trade && answer.source == Source::Model;
    Ok(Opinion { confidence: answer.confidence, trade })
}

/// A forecast reads files: on a thread that may block.
pub async fn expected_change(ml: &MlService, ticker: &str) -> Result<f64, Error> {
    let (ml, ticker) = (ml.clone(), ticker.to_owned());
    blocking(move || ml.forecast(&ticker).map(|forecast| forecast.change_percent)).await
}

/// A look for a new version loads and proves a model: on a thread that may block.
pub async fn reload(ml: &MlService) -> Result<Option<Version>, Error> {
    let ml = ml.clone();
    blocking(move || ml.reload_signals()).await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let failed = |error| Error::Io { what: "finish", path: "a blocking task".into(), source: std::io::Error::other(error) };
    tokio::task::spawn_blocking(work).await.map_err(failed)?
}

#[cfg(test)]
mod tests {
    use dollarbill_ml::Fixed;

    use super::*;

    fn candidate() -> Candidate {
        Candidate {
            ticker: "ABC".to_owned(),
            edge_fraction: Decimal::new(155, 3),
            delta: 0.65,
            gamma: 0.004,
            vega_per_point: 0.452,
            theta_per_day: -0.0233,
            traded: 1200,
            open: 8500,
            dte: 45,
        }
    }

    #[tokio::test]
    async fn a_confident_fake_trades_and_a_doubtful_one_does_not() {
        let sure = MlService::fixed(Fixed::default().confidence(0.9));
        assert!(opinion(&sure, &candidate()).await.unwrap().trade);
        let doubtful = MlService::fixed(Fixed::default().confidence(0.2));
        assert!(!opinion(&doubtful, &candidate()).await.unwrap().trade);
    }

    #[tokio::test]
    async fn what_a_fallback_says_is_not_traded() {
        let fallback = MlService::fixed(Fixed::default());
        assert!(!opinion(&fallback, &candidate()).await.unwrap().trade);
        let forbidden = MlService::fixed(Fixed::default().fallback(false));
        assert_eq!(opinion(&forbidden, &candidate()).await.unwrap_err().code(), "no_fallback");
    }

    #[tokio::test]
    async fn a_fake_forecasts_what_it_was_told_and_reads_no_file() {
        let ml = MlService::fixed(Fixed::default().change_percent(-4.0));
        assert!((expected_change(&ml, "TSLA").await.unwrap() + 4.0).abs() < 1e-9);
    }

    #[test]
    fn units_are_converted_by_name() {
        let signal = TradeSignal::from(&candidate());
        assert!((signal.edge_percent - 15.5).abs() < 1e-12 && (signal.vega - 45.2).abs() < 1e-12);
        assert!((signal.theta + 8.5045).abs() < 1e-9);
    }
}
