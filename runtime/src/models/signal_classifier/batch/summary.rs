//! What became of a file of signals.

use std::fmt;

use crate::models::signal_classifier::answer::{Classification, N_WARNINGS, Recommendation, Warning};
use crate::models::signal_classifier::signal::TradeSignal;
use crate::service::source::Source;

/// Fewer rows say nothing of a file's unit.
const FEWEST_ROWS: u64 = 20;
/// In a file of right signals some 7 % of the edges lie so near to zero; of fractions all but the largest do.
const SMALL_EDGE: f64 = 1.0;

/// What became of a file of signals. As text it is one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Summary {
    /// Rows answered.
    pub rows: u64,
    /// Rows answered with TRADE.
    pub trades: u64,
    /// Rows answered by the fallback.
    pub fallbacks: u64,
    /// Rows with a warning.
    pub warned: u64,
    by: [u64; N_WARNINGS],
    small_edges: u64,
}

impl Summary {
    /// How many rows each warning stands at; those that stand at none are left out.
    pub fn warned_by(&self) -> impl Iterator<Item = (Warning, u64)> {
        Warning::all().zip(self.by).filter(|(_, rows)| *rows > 0)
    }

    /// Whether the edges look like fractions where percent are meant: of 20 rows or more 19 in 20 lie within -1..1.
    ///
    /// A single edge of 0.155 % is nothing unusual, so no single signal is warned of.
    #[must_use]
    pub fn edges_look_like_fractions(&self) -> bool {
        self.rows >= FEWEST_ROWS && self.small_edges * 20 >= self.rows * 19
    }

    pub(crate) fn count(&mut self, signals: &[TradeSignal], answers: &[Classification]) {
        self.rows += answers.len() as u64;
        for (signal, answer) in signals.iter().zip(answers) {
            self.trades += u64::from(answer.recommendation == Recommendation::Trade);
            self.fallbacks += u64::from(answer.source == Source::Fallback);
            self.warned += u64::from(!answer.warnings.is_empty());
            self.small_edges += u64::from(signal.edge_percent.abs() <= SMALL_EDGE);
            for warning in answer.warnings.iter() {
                if let Some(place) = Warning::all().position(|known| known == warning) {
                    self.by[place] += 1;
                }
            }
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} rows, {} TRADE, {} warned", self.rows, self.trades, self.warned)?;
        for (index, (warning, rows)) in self.warned_by().enumerate() {
            write!(formatter, "{} {rows}: {warning}", if index == 0 { ";" } else { "," })?;
        }
        if self.edges_look_like_fractions() {
            formatter.write_str("; edge_percent looks like a fraction (x 100 = percent)")?;
        }
        Ok(())
    }
}
