//! Greeks that contradict each other: which unit explains it.
//!
//! Under Black-Scholes-Merton the eight fields of a signal tell more than they say. With d1 from delta, phi its normal
//! density and T the years to expiry,
//! - implied volatility = phi^2 / (gamma x vega): T, spot and strike cancel. A vega per point makes it 100 times too large;
//! - spot = vega / (phi sqrt T), and the present value of the strike = spot x exp(-d1 s + s^2 / 2), s = volatility x sqrt T;
//! - theta without interest = -phi^2 / (2 gamma T); what is left of theta is interest on the strike, which gives the
//!   implied rate. Theta per day leaves all of it, and a put that is taken for a call turns the rate's sign.
//!
//! `train/signal_classifier/greek_units.py` is the same, and measures the shares that it finds;
//! `tests/data/greek_units.json` holds both to it.

use crate::models::signal_classifier::answer::{Warning, Warnings};
use crate::models::signal_classifier::keys::N_FIELDS;

/// No listed option is quoted above it.
const HIGHEST_VOLATILITY: f64 = 5.0;
/// Nor below it: what is corrected to less has another fault.
const LOWEST_VOLATILITY: f64 = 0.01;
/// The interest rates that are believed, dividends taken off.
const RATES: (f64, f64) = (-0.01, 0.08);
/// A call whose strike earns less than this is believed to be a put.
const WRONG_WAY: f64 = -0.02;
/// A theta of less than this share of what gamma demands is not one per year.
const SMALL_THETA: f64 = 1.0 / 25.0;
/// Beyond rounding: a put's theta is smaller than what gamma demands by this share at least.
const PUT_THETA: f64 = 0.95;
/// Days to expiry are whole; on the last of them the fraction that is lost matters.
const FEWEST_DAYS: f64 = 2.0;
const DAYS_IN_A_YEAR: f64 = 365.0;
const POINTS: f64 = 100.0;

/// What the Greeks of a checked signal say of their own units; nothing where they do not tell.
pub(crate) fn contradictions(row: &[f64; N_FIELDS]) -> Warnings {
    let [_, delta, gamma, vega, theta, _, _, days] = *row;
    let none = Warnings::default();
    if !(delta != 0.0 && delta.abs() < 1.0 && gamma > 0.0 && vega > 0.0) {
        return none;
    }
    let d1 = normal_quantile(if delta > 0.0 { delta } else { 1.0 + delta });
    let density = normal_density(d1);
    let volatility = density * density / (gamma * vega);
    let per_point =
        volatility > HIGHEST_VOLATILITY && (LOWEST_VOLATILITY..=HIGHEST_VOLATILITY).contains(&(volatility / POINTS));
    let found = if per_point { none.with(Warning::VegaPerPoint) } else { none };
    if days < FEWEST_DAYS {
        return found;
    }
    // With the right vega, whatever was wrong with it, theta is judged on its own.
    let scale = if per_point { POINTS } else { 1.0 };
    let option =
        Implied { d1, density, volatility: volatility / scale, vega: vega * scale, years: days / DAYS_IN_A_YEAR };
    let demanded = density * density / (2.0 * gamma * option.years);
    let share = -theta / demanded;
    // Most signals end here: the rate, which costs more than all the rest, decides nothing for them.
    if !(share.abs() < SMALL_THETA || (delta > 0.0 && share < PUT_THETA)) {
        return found;
    }
    let rest = theta + demanded;
    let rate = option.rate(rest, delta > 0.0);
    if share.abs() < SMALL_THETA && !(RATES.0..=RATES.1).contains(&rate) {
        return found.with(Warning::ThetaPerDay);
    }
    let turned = Implied { d1: -d1, ..option }.rate(rest, false);
    if delta > 0.0 && rate < WRONG_WAY && share < PUT_THETA && (0.0..=RATES.1).contains(&turned) {
        return found.with(Warning::PutDeltaUnsigned);
    }
    found
}

/// What the Greeks imply of the option.
#[derive(Clone, Copy)]
struct Implied {
    d1: f64,
    density: f64,
    volatility: f64,
    vega: f64,
    years: f64,
}

impl Implied {
    /// The interest rate that leaves so much of theta beside what gamma demands.
    fn rate(self, rest: f64, call: bool) -> f64 {
        let root = self.years.sqrt();
        let deviation = self.volatility * root;
        let spot = self.vega / (self.density * root);
        let strike = spot * (deviation * deviation / 2.0 - self.d1 * deviation).exp();
        let d2 = self.d1 - deviation;
        if call { -rest / (strike * normal(d2)) } else { rest / (strike * normal(-d2)) }
    }
}

/// The density of the standard normal law.
fn normal_density(x: f64) -> f64 {
    (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

/// The standard normal distribution, by Marsaglia's series; good to 1e-14 within 7 deviations, all that is needed here.
fn normal(x: f64) -> f64 {
    if x.abs() > 7.0 {
        return if x > 0.0 { 1.0 } else { 0.0 };
    }
    let (mut term, mut sum, mut odd) = (x, x, 1.0);
    while term.abs() > 1e-17 * sum.abs() {
        odd += 2.0;
        term *= x * x / odd;
        sum += term;
    }
    0.5 + sum * normal_density(x)
}

/// The inverse of [`normal`]: Wichura, Algorithm AS 241 (Applied Statistics 37, 1988), its PPND16; relative error 1e-16.
fn normal_quantile(p: f64) -> f64 {
    let centred = p - 0.5;
    if centred.abs() <= 0.425 {
        return centred * ratio(0.180_625 - centred * centred, &MIDDLE);
    }
    let tail = (-p.min(1.0 - p).ln()).sqrt();
    let size = if tail <= 5.0 { ratio(tail - 1.6, &SIDE) } else { ratio(tail - 5.0, &FAR) };
    if centred < 0.0 { -size } else { size }
}

/// A polynomial over another; coefficients of both, the lowest power first.
fn ratio(x: f64, [above, below]: &[[f64; 8]; 2]) -> f64 {
    let of = |polynomial: &[f64; 8]| polynomial.iter().rev().fold(0.0, |sum, coefficient| sum * x + coefficient);
    of(above) / of(below)
}

const MIDDLE: [[f64; 8]; 2] = [
    [
        3.387_132_872_796_366_5,
        133.141_667_891_784_38,
        1_971.590_950_306_551_3,
        13_731.693_765_509_46,
        45_921.953_931_549_87,
        67_265.770_927_008_7,
        33_430.575_583_588_13,
        2_509.080_928_730_122_7,
    ],
    [
        1.0,
        42.313_330_701_600_91,
        687.187_007_492_057_9,
        5_394.196_021_424_751,
        21_213.794_301_586_597,
        39_307.895_800_092_71,
        28_729.085_735_721_943,
        5_226.495_278_852_854,
    ],
];
const SIDE: [[f64; 8]; 2] = [
    [
        1.423_437_110_749_683_5,
        4.630_337_846_156_546,
        5.769_497_221_460_691,
        3.647_848_324_763_204_5,
        1.270_458_252_452_368_4,
        0.241_780_725_177_450_6,
        0.022_723_844_989_269_184,
        7.745_450_142_783_414e-4,
    ],
    [
        1.0,
        2.053_191_626_637_759,
        1.676_384_830_183_803_8,
        0.689_767_334_985_1,
        0.148_103_976_427_480_08,
        0.015_198_666_563_616_457,
        5.475_938_084_995_345e-4,
        1.050_750_071_644_416_9e-9,
    ],
];
const FAR: [[f64; 8]; 2] = [
    [
        6.657_904_643_501_103,
        5.463_784_911_164_114,
        1.784_826_539_917_291_3,
        0.296_560_571_828_504_87,
        0.026_532_189_526_576_124,
        1.242_660_947_388_078_4e-3,
        2.711_555_568_743_487_6e-5,
        2.010_334_399_292_288_1e-7,
    ],
    [
        1.0,
        0.599_832_206_555_888,
        0.136_929_880_922_735_8,
        0.014_875_361_290_850_615,
        7.868_691_311_456_133e-4,
        1.846_318_317_510_054_8e-5,
        1.421_511_758_316_446e-7,
        2.044_263_103_389_939_8e-15,
    ],
];

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    /// Written by `tests/data/make_greek_units.py`.
    #[derive(Deserialize)]
    struct Cases {
        cases: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        name: String,
        row: [f64; N_FIELDS],
        warnings: Vec<String>,
    }

    #[test]
    fn rust_and_python_find_the_same_contradictions() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/greek_units.json");
        let cases: Cases = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        assert!(cases.cases.iter().filter(|case| !case.warnings.is_empty()).count() > 40);
        for case in cases.cases {
            let found: Vec<_> = contradictions(&case.row).iter().map(|warning| format!("{warning:?}")).collect();
            assert_eq!(found, case.warnings, "{} {:?}", case.name, case.row);
        }
    }

    #[test]
    fn the_normal_distribution_and_its_inverse_are_those_of_the_tables() {
        for (x, p) in [(-3.0, 0.001_349_898_031_630_095), (0.0, 0.5), (1.0, 0.841_344_746_068_542_9)] {
            assert!((normal(x) - p).abs() < 1e-14);
            assert!((normal_quantile(p) - x).abs() < 1e-14, "{x}: {}", normal_quantile(p));
        }
        // Each of the three pieces, as SciPy's `ndtri` has it.
        for (x, p) in [(-5.997_807_015_007_686, 1e-9), (-9.262_340_089_798_408, 1e-20), (-0.253_347_103_135_799_7, 0.4)]
        {
            assert!((normal_quantile(p) / x - 1.0).abs() < 4e-16, "{p}: {}", normal_quantile(p));
        }
    }

    proptest::proptest! {
        #[test]
        fn no_signal_within_the_limits_makes_it_panic_or_hang(
            delta in -1.0..=1.0_f64, gamma in 0.0..=1e4_f64, vega in 0.0..=1e7_f64, theta in -1e8..=1e8_f64, days in 0..=3650_u32,
        ) {
            let _ = contradictions(&[1.0, delta, gamma, vega, theta, 1.0, 1.0, f64::from(days)]);
        }

        #[test]
        fn the_quantile_inverts_the_distribution(p in 1e-9..0.999_999_999_f64) {
            proptest::prop_assert!((normal(normal_quantile(p)) - p).abs() < 1e-12);
        }
    }
}
