//! Black-76: volatilities by a library after Jaeckel's "Let's be rational", and Greeks in spot; `black.py` of `train/` alike.

use implied_vol::{DefaultSpecialFn, ImpliedBlackVolatility, PriceBlackScholes, SpecialFn};

/// An option on a forward.
#[derive(Debug, Clone, Copy)]
pub(super) struct Option76 {
    pub(super) forward: f64,
    pub(super) discount: f64,
    pub(super) strike: f64,
    pub(super) years: f64,
    pub(super) call: bool,
}

/// In spot; vega per 1.00 of volatility, theta in $ a year.
#[derive(Debug, Clone, Copy)]
pub(super) struct Greeks {
    pub(super) delta: f64,
    pub(super) gamma: f64,
    pub(super) vega: f64,
    pub(super) theta: f64,
}

impl Option76 {
    /// Decimal, a year; NaN where no volatility gives the price, which is in dollars of today.
    pub(super) fn volatility(&self, price: f64) -> f64 {
        let built = ImpliedBlackVolatility::builder()
            .option_price(price / self.discount)
            .forward(self.forward)
            .strike(self.strike)
            .expiry(self.years)
            .is_call(self.call)
            .build();
        let found = built.and_then(|option| option.calculate::<DefaultSpecialFn>());
        found.filter(|volatility| *volatility > 0.0 && volatility.is_finite()).unwrap_or(f64::NAN)
    }

    /// In dollars of today; NaN where nothing is known.
    pub(super) fn price(&self, volatility: f64) -> f64 {
        let built = PriceBlackScholes::builder()
            .forward(self.forward)
            .strike(self.strike)
            .volatility(volatility)
            .expiry(self.years)
            .is_call(self.call)
            .build();
        built.map_or(f64::NAN, |option| option.calculate::<DefaultSpecialFn>() * self.discount)
    }

    /// Black-Scholes-Merton with r = -ln(D) / T and q = r - ln(F / S) / T (Hull, "Options, Futures, and Other
    /// Derivatives", chapter 19).
    pub(super) fn greeks(&self, volatility: f64, spot: f64) -> Greeks {
        let Self { forward, discount, strike, years, call } = *self;
        let sign = if call { 1.0 } else { -1.0 };
        let root = years.sqrt();
        let deviation = volatility * root;
        let d1 = (forward / strike).ln() / deviation + deviation / 2.0;
        let d2 = d1 - deviation;
        let density = (-d1 * d1 / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
        let (one, other) = (DefaultSpecialFn::norm_cdf(sign * d1), DefaultSpecialFn::norm_cdf(sign * d2));
        let carry = discount * forward / spot;
        let r = -discount.ln() / years;
        let q = r - (forward / spot).ln() / years;
        let decay = -spot * carry * density * volatility / (2.0 * root);
        Greeks {
            delta: sign * carry * one,
            gamma: carry * density / (spot * deviation),
            vega: spot * carry * density * root,
            theta: decay + sign * (q * spot * carry * one - r * strike * discount * other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greeks_are_the_slopes_of_the_price() {
        for call in [true, false] {
            let (spot, volatility, r, q) = (100.0, 0.3, 0.04, 0.01);
            let option = |spot: f64, years: f64| Option76 {
                forward: spot * ((r - q) * years).exp(),
                discount: (-r * years).exp(),
                strike: 105.0,
                years,
                call,
            };
            let price = |spot: f64, years: f64, volatility: f64| option(spot, years).price(volatility);
            let found = option(spot, 0.5).greeks(volatility, spot);
            let h = 1e-3;
            let (up, mid, down) =
                (price(spot + h, 0.5, volatility), price(spot, 0.5, volatility), price(spot - h, 0.5, volatility));
            assert!((found.delta - (up - down) / (2.0 * h)).abs() < 1e-6);
            assert!((found.gamma - (up - 2.0 * mid + down) / (h * h)).abs() < 1e-5);
            let vega = (price(spot, 0.5, volatility + 1e-5) - price(spot, 0.5, volatility - 1e-5)) / 2e-5;
            assert!((found.vega - vega).abs() < 1e-5);
            let theta = -(price(spot, 0.5 + 1e-5, volatility) - price(spot, 0.5 - 1e-5, volatility)) / 2e-5;
            assert!((found.theta - theta).abs() < 1e-5);
        }
    }

    #[test]
    fn a_price_that_no_volatility_gives_has_none() {
        let option = Option76 { forward: 100.0, discount: 1.0, strike: 90.0, years: 0.5, call: true };
        for price in [9.0, 100.0, 101.0, f64::NAN, f64::INFINITY, -1.0] {
            assert!(option.volatility(price).is_nan(), "{price}");
        }
        assert!((option.volatility(option.price(0.25)) - 0.25).abs() < 1e-12);
    }
}
