//! The answers that need no model. They are marked as such wherever they are given.

use crate::models::signal_classifier::signal::TradeSignal;

/// The traditional rule's score of a signal, 0 to 1.
///
/// `size x (0.5 + 0.3 liquidity + 0.2 time)`, where
/// - size = |edge| / (|edge| + 5 %): the edge that is half a full one is 5 percent, whether it is to buy or to sell,
/// - liquidity = mean of volume / (volume + 100) and open interest / (open interest + 500),
/// - time = days / 30 to expiry, at most 1: what expires within days has no time to come right.
///
/// It never falls when the edge, the volume, the open interest or the time grows. It is a rule of thumb to act by when
/// the model cannot answer, not a probability; a NaN in the signal gives 0.
///
/// # Examples
/// ```
/// use dollarbill_ml::{TradeSignal, fallback::rule_score};
/// let signal = TradeSignal {
///     edge_percent: 15.5, delta: 0.65, gamma: 0.004, vega: 45.2, theta: -8.5,
///     volume: 1200, open_interest: 8500, days_to_expiry: 45,
/// };
/// assert!(rule_score(&signal) > 0.7);
/// assert_eq!(rule_score(&TradeSignal { edge_percent: 0.0, ..signal }), 0.0);
/// ```
#[must_use]
pub fn rule_score(signal: &TradeSignal) -> f64 {
    let [edge, _, _, _, _, volume, open_interest, days] = signal.features();
    let size = saturating(edge.abs(), 5.0);
    let liquidity = f64::midpoint(saturating(volume, 100.0), saturating(open_interest, 500.0));
    let time = (days / 30.0).min(1.0);
    let score = size * (0.5 + 0.3 * liquidity + 0.2 * time);
    if score.is_finite() { score.clamp(0.0, 1.0) } else { 0.0 }
}

/// Grows from 0 towards 1, and is a half at `half`.
fn saturating(value: f64, half: f64) -> f64 {
    if value.is_infinite() { 1.0 } else { value / (value + half) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal() -> TradeSignal {
        TradeSignal {
            edge_percent: 10.0,
            delta: 0.5,
            gamma: 0.01,
            vega: 20.0,
            theta: -5.0,
            volume: 50,
            open_interest: 100,
            days_to_expiry: 10,
        }
    }

    #[test]
    fn selling_scores_like_buying() {
        let sell = TradeSignal { edge_percent: -10.0, ..signal() };
        assert!((rule_score(&sell) - rule_score(&signal())).abs() < 1e-15);
    }

    proptest::proptest! {
        #[test]
        fn more_of_anything_never_lowers_the_score(
            edge in 0.0..1e6_f64, more in 0.0..1e3_f64, volume in 0..1_000_000_u64, days in 0..3000_u32,
        ) {
            let base = TradeSignal { edge_percent: edge, volume, days_to_expiry: days, ..signal() };
            let score = rule_score(&base);
            proptest::prop_assert!((0.0..=1.0).contains(&score));
            for better in [
                TradeSignal { edge_percent: edge + more, ..base },
                TradeSignal { volume: volume + 10, ..base },
                TradeSignal { open_interest: base.open_interest + 10, ..base },
                TradeSignal { days_to_expiry: days + 1, ..base },
            ] {
                proptest::prop_assert!(rule_score(&better) >= score - 1e-12);
            }
        }
    }
}
