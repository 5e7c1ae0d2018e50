//! What the benchmarks share.

#![allow(dead_code, reason = "each benchmark uses a part")]

pub(crate) mod graph;
pub(crate) mod subjects;

use dollarbill_ml::TradeSignal;

/// Signals from a linear congruential generator: varied, and the same in every run.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small positive numbers")]
pub(crate) fn signals(count: usize) -> Vec<TradeSignal> {
    let mut state = 1_u64;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from((state >> 33) as u32) / f64::from(1_u32 << 31)
    };
    (0..count)
        .map(|_| TradeSignal {
            edge_percent: next() * 50.0 - 20.0,
            delta: next() * 2.0 - 1.0,
            gamma: next() * 0.05,
            vega: next() * 80.0,
            theta: next() * -50.0,
            volume: (next() * 5000.0) as u64,
            open_interest: (next() * 20_000.0) as u64,
            days_to_expiry: (next() * 90.0) as u32,
        })
        .collect()
}
