//! Whether two answers are the same, or near enough.

use crate::engine::native::trial::engines::Answer;
use crate::engine::native::trial::maker::Bound;
use crate::engine::native::value::Data;

/// The first difference beyond the bound.
pub(super) fn difference(native: &Answer, other: &Answer, bound: Bound) -> Option<String> {
    if native.kind != other.kind || native.shape != other.shape {
        return Some(format!("{:?} {:?} and not {:?} {:?}", native.kind, native.shape, other.kind, other.shape));
    }
    match (&native.data, &other.data) {
        (Data::Float64(a), Data::Float64(b)) => floats(a, b, |v| *v, |v| v.to_bits(), f64::EPSILON, 5e-324, bound),
        (Data::Float32(a), Data::Float32(b)) => floats(
            a,
            b,
            |v| f64::from(*v),
            |v| u64::from(v.to_bits()),
            2_f64.powi(-23),
            1.401_298_464_324_817e-45,
            bound,
        ),
        (a, b) => (a != b).then(|| format!("{a:?} and not {b:?}")),
    }
}

fn floats<T>(
    native: &[T],
    other: &[T],
    wide: impl Fn(&T) -> f64,
    bits: impl Fn(&T) -> u64,
    epsilon: f64,
    least: f64,
    bound: Bound,
) -> Option<String> {
    if native.len() != other.len() {
        return Some(format!("{} numbers and not {}", native.len(), other.len()));
    }
    let largest = other.iter().map(|y| wide(y).abs()).filter(|y| y.is_finite()).fold(1.0, f64::max);
    let place = native.iter().zip(other).position(|(a, b)| {
        let (x, y) = (wide(a), wide(b));
        if bits(a) == bits(b) || (x.is_nan() && y.is_nan()) {
            return false;
        }
        let (ulps, absolute) = match bound {
            Bound::Bits => return true,
            Bound::Near { ulps, absolute } => (ulps, absolute),
            Bound::Share(share) => (0.0, share * largest),
        };
        let near = (x - y).abs() <= ulps * (epsilon * y.abs()).max(least) + absolute;
        x.is_nan() || y.is_nan() || (x != y && !near)
    })?;
    Some(format!("at {place}: {:e} and not {:e}", wide(&native[place]), wide(&other[place])))
}
