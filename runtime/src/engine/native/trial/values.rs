//! Numbers that go wrong somewhere: infinities, NaN, denormal numbers, both zeros, halves, extremes.

use crate::engine::native::trial::source::Source;
use crate::engine::native::value::{Data, Kind};

/// What values are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taste {
    /// Anything, odd numbers often.
    Any,
    /// Between -3 and 3.
    Plain,
    /// Whole numbers so small that sums of them are exact in any order.
    Whole,
}

const ODD: [f64; 22] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -0.5,
    1.5,
    2.5,
    -2.5,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
    f64::MAX,
    f64::MIN,
    5e-324,
    -1e-310,
    1e-40,
    3.4e38,
    16_777_217.0,
    9_007_199_254_740_993.0,
    f64::EPSILON,
    88.8,
];
const ODD_INTS: [i64; 14] =
    [0, 1, -1, 2, 3, -3, i64::MIN, i64::MAX, i64::MIN + 1, 1 << 31, -(1 << 31), (1 << 53) + 1, 7, -8];
const TEXTS: [&str; 8] = ["", "a", "b", "red", "ß", "1", "NaN", "a longer text with spaces"];

fn float(source: &mut Source<'_>, taste: Taste) -> f64 {
    match taste {
        Taste::Whole => f64::from(i32::try_from(source.between(-8, 8)).unwrap_or(0)),
        Taste::Plain => source.share() * 6.0 - 3.0,
        Taste::Any => match source.below(4) {
            0 | 1 => source.pick(&ODD),
            2 => source.share() * 6.0 - 3.0,
            _ => (source.share() - 0.5) * 10_f64.powi(i32::try_from(source.between(-30, 30)).unwrap_or(0)),
        },
    }
}

fn int(source: &mut Source<'_>, taste: Taste) -> i64 {
    match taste {
        Taste::Any if source.chance(50) => source.pick(&ODD_INTS),
        _ => source.between(-8, 8),
    }
}

/// So many values of a type.
#[expect(clippy::cast_possible_truncation, reason = "rounds, or wraps, as it likes")]
pub(crate) fn values(source: &mut Source<'_>, kind: Kind, len: usize, taste: Taste) -> Data {
    match kind {
        Kind::Float64 => Data::Float64((0..len).map(|_| float(source, taste)).collect()),
        Kind::Float32 => Data::Float32((0..len).map(|_| float(source, taste) as f32).collect()),
        Kind::Int64 => Data::Int64((0..len).map(|_| int(source, taste)).collect()),
        Kind::Int32 => Data::Int64((0..len).map(|_| i64::from(int(source, taste) as i32)).collect()),
        Kind::Bool => Data::Bool((0..len).map(|_| source.chance(50)).collect()),
        Kind::Text => Data::Text((0..len).map(|_| source.pick(&TEXTS).to_owned()).collect()),
    }
}

/// A small shape; axes of length 0 and 1 among them.
pub(crate) fn shape(source: &mut Source<'_>, most_axes: usize) -> Vec<usize> {
    let rank = source.below(most_axes + 1);
    (0..rank).map(|_| source.pick(&[1, 2, 3, 4, 5, 1, 2, 3, 7, 0])).collect()
}
