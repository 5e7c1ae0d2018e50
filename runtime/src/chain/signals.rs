//! Tradeable quotes -> trade signals in the contract's units.

use jiff::civil::Date;

use crate::chain::black::Greeks;
use crate::chain::day::{ChainDay, ChainQuote};
use crate::models::TradeSignal;
use crate::surface::quotes::OptionKind;

/// A quote, what a model makes of it, and the signal of both.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChainSignal {
    /// The day of the quote.
    pub date: Date,
    /// The quote.
    pub quote: ChainQuote,
    /// The model's volatility, decimal a year.
    pub model_iv: f64,
    /// The eight features: edge = (model's price - middle) / middle x 100, Greeks at the quote's own volatility. Volume
    /// and open interest that nobody knows are 0, fractions are cut off.
    pub signal: TradeSignal,
}

impl ChainSignal {
    /// The contract's OCC symbol.
    #[must_use]
    pub fn contract(&self, symbol: &str) -> String {
        let side = if self.quote.kind == OptionKind::Call { 'C' } else { 'P' };
        let day = self.quote.expiry.date.strftime("%y%m%d");
        format!("{symbol}{day}{side}{:08.0}", (self.quote.strike * 1000.0).round())
    }
}

impl ChainDay {
    /// The signal of each tradeable quote for which `model` knows a volatility. Quotes without a volatility of their own,
    /// and signals outside of the limits of the contract, give none.
    pub fn signals(&self, mut model: impl FnMut(&ChainQuote) -> Option<f64>) -> Vec<ChainSignal> {
        let signal = |quote: &ChainQuote| {
            let model_iv = model(quote).filter(|iv| *iv > 0.0 && iv.is_finite())?;
            self.signal(quote, model_iv)
        };
        self.quotes.iter().filter_map(signal).collect()
    }

    fn signal(&self, quote: &ChainQuote, model_iv: f64) -> Option<ChainSignal> {
        if !(quote.iv.is_finite() && quote.middle > 0.0) {
            return None;
        }
        let option = quote.option();
        let Greeks { delta, gamma, vega, theta } = option.greeks(quote.iv, self.spot);
        let known = |count: f64| if count >= 0.0 { count.floor() } else { 0.0 };
        let edge = (option.price(model_iv) - quote.middle) / quote.middle * 100.0;
        let days = f64::from((quote.expiry.date - self.date).get_days());
        let values = [edge, delta, gamma, vega, theta, known(quote.volume), known(quote.open_interest), days];
        let signal = TradeSignal::within_limits(values)?;
        Some(ChainSignal { date: self.date, quote: *quote, model_iv, signal })
    }
}
