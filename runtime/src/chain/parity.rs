//! Forward and discount of one expiry by put-call parity, and what violates static arbitrage; `parity.py` of `train/`
//! alike.

const NEAR: f64 = 0.1;
const MOST: usize = 10;
const LEAST: usize = 3;
const HIGHEST_RATE: f64 = 0.15;
const LOWEST_RATE: f64 = -0.05;

/// Of one expiry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Forward {
    /// NaN where there is no pair.
    pub(super) level: f64,
    pub(super) discount: f64,
    /// The discount is the chain's.
    pub(super) own: bool,
    /// What parity makes of the discount, whether it can be one or not; NaN where too few pairs tell.
    pub(super) slope: f64,
}

/// C - P = D (F - K) over `pairs` of strike and C - P, by strike.
pub(super) fn forward_of(pairs: &[(f64, f64)], years: f64, rate: f64) -> Forward {
    let fallback = (-rate * years).exp();
    let lowest =
        |one: &&(f64, f64), other: &&(f64, f64)| one.1.abs().total_cmp(&other.1.abs()).then(one.0.total_cmp(&other.0));
    let Some(at) = pairs.iter().min_by(lowest).map(|pair| pair.0) else {
        return Forward { level: f64::NAN, discount: fallback, own: false, slope: f64::NAN };
    };
    let mut near: Vec<(f64, f64)> = pairs.iter().copied().filter(|pair| (pair.0 - at).abs() <= NEAR * at).collect();
    near.sort_by(|a, b| (a.0 - at).abs().total_cmp(&(b.0 - at).abs()).then(a.0.total_cmp(&b.0)));
    near.truncate(MOST);
    near.sort_by(|a, b| a.0.total_cmp(&b.0));
    let by = |discount: f64| median(near.iter().map(|(k, y)| k + y / discount).collect());
    let mut slope = f64::NAN;
    if near.len() >= LEAST {
        let mut slopes = Vec::new();
        for (index, one) in near.iter().enumerate() {
            slopes.extend(near[index + 1..].iter().map(|other| (other.1 - one.1) / (other.0 - one.0)));
        }
        let discount = -median(slopes);
        slope = discount;
        if ((-HIGHEST_RATE * years).exp()..=(-LOWEST_RATE * years).exp()).contains(&discount) {
            return Forward { level: by(discount), discount, own: true, slope };
        }
    }
    Forward { level: by(fallback), discount: fallback, own: false, slope }
}

/// The median; NaN of nothing.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.get(middle) {
        None => f64::NAN,
        Some(upper) if values.len() % 2 == 1 => *upper,
        Some(upper) => (values[middle - 1] + upper) / 2.0,
    }
}

/// Which quotes of one side break convexity or monotonicity by more than half their spread, more than those beside; of
/// strike, middle and half the spread, by strike.
pub(super) fn violations(quotes: &[(f64, f64, f64)], call: bool) -> Vec<bool> {
    if !call {
        let turned: Vec<_> = quotes.iter().rev().map(|(k, m, h)| (-k, *m, *h)).collect();
        let mut found = violations(&turned, true);
        found.reverse();
        return found;
    }
    let count = quotes.len();
    if count < 2 {
        return vec![false; count];
    }
    let (k, m) = (|at: usize| quotes[at].0, |at: usize| quotes[at].1);
    let mut worst: Vec<f64> = (0..count - 1).map(|at| m(at + 1) - m(at)).collect();
    worst.push(m(count - 1) - m(count - 2));
    for (at, worst) in worst.iter_mut().enumerate().take(count - 1).skip(1) {
        let weight = (k(at) - k(at - 1)) / (k(at + 1) - k(at - 1));
        let chord = m(at - 1) + (m(at + 1) - m(at - 1)) * weight;
        *worst = worst.max(m(at) - chord);
    }
    let slope = |at: usize| (m(at + 1) - m(at)) / (k(at + 1) - k(at));
    for (at, worst) in worst.iter_mut().enumerate().take(count.saturating_sub(2)).skip(2) {
        let left = m(at - 1) + slope(at - 2) * (k(at) - k(at - 1));
        let right = m(at + 1) - slope(at + 1) * (k(at + 1) - k(at));
        *worst = worst.max(left.min(right) - m(at));
    }
    let is_worst = |at: usize| {
        let beside = (at.saturating_sub(2)..(at + 3).min(count)).filter(|other| *other != at);
        beside.map(|other| worst[other]).fold(f64::NEG_INFINITY, f64::max) <= worst[at]
    };
    (0..count).map(|at| worst[at] > quotes[at].2 + 1e-9 * m(at) && is_worst(at)).collect()
}
