//! Splits as files write them, brought to one form: `x <= threshold` goes left, and a flag says where NaN goes.

/// Where a side of a split leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Split(usize),
    Leaf(usize),
}

/// `x <= threshold`, or NaN where `nan_left`: left, else right.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Split {
    pub(crate) feature: usize,
    pub(crate) threshold: f64,
    pub(crate) left: Side,
    pub(crate) right: Side,
    pub(crate) nan_left: bool,
}

/// The next number above; NaN and plus infinity stay. (The standard library's is newer than this crate's oldest Rust.)
pub(crate) fn next_up(value: f64) -> f64 {
    if value.is_nan() || value == f64::INFINITY {
        return value;
    }
    let bits = value.to_bits();
    f64::from_bits(match value {
        0.0 => 1,
        _ if value > 0.0 => bits + 1,
        _ => bits - 1,
    })
}

/// The next number below.
pub(crate) fn next_down(value: f64) -> f64 {
    -next_up(-value)
}

/// How a split compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    LessOrEqual,
    Less,
    GreaterOrEqual,
    Greater,
}

impl Mode {
    /// The number of `TreeEnsemble`.
    pub(crate) fn of_number(number: i64) -> Result<Self, String> {
        Ok(match number {
            0 => Self::LessOrEqual,
            1 => Self::Less,
            2 => Self::GreaterOrEqual,
            3 => Self::Greater,
            other => return Err(format!("mode {other} is not known")),
        })
    }

    /// The word of the older operators.
    pub(crate) fn of_word(word: &str) -> Result<Self, String> {
        Ok(match word {
            "BRANCH_LEQ" => Self::LessOrEqual,
            "BRANCH_LT" => Self::Less,
            "BRANCH_GTE" => Self::GreaterOrEqual,
            "BRANCH_GT" => Self::Greater,
            other => return Err(format!("mode {other} is not known")),
        })
    }
}

impl Split {
    /// In the one form. A comparison with NaN is false, and `nan_true` makes it true.
    pub(crate) fn of(
        mode: Mode,
        feature: usize,
        threshold: f64,
        (on_true, on_false): (Side, Side),
        nan_true: bool,
    ) -> Result<Self, String> {
        if threshold.is_nan() {
            return Err("a threshold is NaN".to_owned());
        }
        // x < t is x <= the number before t; nothing is below minus infinity.
        let before = if threshold == f64::NEG_INFINITY { None } else { Some(next_down(threshold)) };
        let (threshold, left, right, nan_left) = match (mode, before) {
            (Mode::LessOrEqual, _) => (threshold, on_true, on_false, nan_true),
            (Mode::Greater, _) => (threshold, on_false, on_true, !nan_true),
            (Mode::Less, Some(before)) => (before, on_true, on_false, nan_true),
            (Mode::GreaterOrEqual, Some(before)) => (before, on_false, on_true, !nan_true),
            (Mode::Less | Mode::GreaterOrEqual, None) => return Err("compares with minus infinity".to_owned()),
        };
        Ok(Self { feature, threshold, left, right, nan_left })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mode_decides_as_written() {
        let sides = (Side::Leaf(1), Side::Leaf(0));
        let numbers =
            [f64::NEG_INFINITY, -1.0, -0.0, 0.0, f64::MIN_POSITIVE, 1.0, next_up(1.0), f64::INFINITY, f64::NAN];
        for (mode, truth) in [
            (Mode::LessOrEqual, (|x, t| x <= t) as fn(f64, f64) -> bool),
            (Mode::Less, |x, t| x < t),
            (Mode::GreaterOrEqual, |x, t| x >= t),
            (Mode::Greater, |x, t| x > t),
        ] {
            for nan_true in [false, true] {
                for threshold in numbers.into_iter().filter(|t| !t.is_nan() && *t > f64::NEG_INFINITY) {
                    let split = Split::of(mode, 0, threshold, sides, nan_true).unwrap();
                    for x in numbers {
                        let left = x <= split.threshold || (split.nan_left && x.is_nan());
                        let found = if left { split.left } else { split.right };
                        let expected = truth(x, threshold) || (nan_true && x.is_nan());
                        assert_eq!(found == Side::Leaf(1), expected, "{mode:?} {x} {threshold} {nan_true}");
                    }
                }
            }
        }
    }
}
