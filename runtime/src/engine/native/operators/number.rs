//! Numbers that operators compute with. Functions beyond the basic operations come from `libm`, which gives the same bits
//! on every processor.

use crate::engine::native::operators::wide;
use crate::engine::native::scratch::Element;

/// A number with the basic operations, which round as IEEE 754 says; whole numbers wrap.
pub(crate) trait Number: Element + Copy + PartialOrd {
    const ZERO: Self;
    const ONE: Self;
    /// The least and the greatest finite number.
    const LEAST: Self;
    const GREATEST: Self;

    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    /// Division; of whole numbers towards zero, and 0 where it has no answer (the caller refuses that before).
    fn div(self, other: Self) -> Self;
    /// NaN if either is.
    fn lesser(self, other: Self) -> Self;
    /// NaN if either is.
    fn greater(self, other: Self) -> Self;
    fn abs(self) -> Self;
    fn neg(self) -> Self;
    /// -1, 0 or 1.
    fn sign(self) -> Self;
    /// As a count; rounded.
    fn of_count(count: usize) -> Self;
    fn is_nan(self) -> bool;
}

/// A floating-point number.
pub(crate) trait Float: Number {
    fn of_f64(value: f64) -> Self;
    fn to_f64(self) -> f64;
    fn sqrt(self) -> Self;
    fn exp(self) -> Self;
    fn ln(self) -> Self;
    fn ln_1p(self) -> Self;
    fn tanh(self) -> Self;
    fn erf(self) -> Self;
    fn pow(self, power: Self) -> Self;
    fn floor(self) -> Self;
    fn ceil(self) -> Self;
    /// Halves to the even neighbour.
    fn round(self) -> Self;
    fn is_infinite(self) -> bool;

    /// 1 / (1 + exp(-x)), without an overflow on either side.
    fn sigmoid(self) -> Self {
        if self < Self::ZERO {
            let small = self.exp();
            small.div(Self::ONE.add(small))
        } else {
            Self::ONE.div(Self::ONE.add(self.neg().exp()))
        }
    }

    /// [`sigmoid`](Self::sigmoid) of each.
    #[inline(always)]
    fn sigmoid_all(values: &mut [Self]) {
        for value in values {
            *value = value.sigmoid();
        }
    }

    /// [`tanh`](Self::tanh) of each.
    #[inline(always)]
    fn tanh_all(values: &mut [Self]) {
        for value in values {
            *value = value.tanh();
        }
    }

    /// [`exp`](Self::exp) of each.
    #[inline(always)]
    fn exp_all(values: &mut [Self]) {
        for value in values {
            *value = value.exp();
        }
    }

    /// [`ln`](Self::ln) of each.
    #[inline(always)]
    fn ln_all(values: &mut [Self]) {
        for value in values {
            *value = value.ln();
        }
    }

    /// ln(1 + exp(x)).
    fn softplus(self) -> Self {
        if self > Self::ZERO { self.add(self.neg().exp().ln_1p()) } else { self.exp().ln_1p() }
    }
}

macro_rules! float {
    ($type:ident, $exp:ident, $log:ident, $log1p:ident, $tanh:ident, $erf:ident, $pow:ident, { $($all:item)* }) => {
        impl Number for $type {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const LEAST: Self = $type::MIN;
            const GREATEST: Self = $type::MAX;

            fn add(self, other: Self) -> Self {
                self + other
            }

            fn sub(self, other: Self) -> Self {
                self - other
            }

            fn mul(self, other: Self) -> Self {
                self * other
            }

            fn div(self, other: Self) -> Self {
                self / other
            }

            fn lesser(self, other: Self) -> Self {
                if self.is_nan() || self < other { self } else { other }
            }

            fn greater(self, other: Self) -> Self {
                if self.is_nan() || self > other { self } else { other }
            }

            fn abs(self) -> Self {
                $type::abs(self)
            }

            fn neg(self) -> Self {
                -self
            }

            fn sign(self) -> Self {
                if self > 0.0 {
                    1.0
                } else if self < 0.0 {
                    -1.0
                } else if self == 0.0 {
                    // Of either sign.
                    0.0
                } else {
                    self
                }
            }

            #[expect(clippy::cast_precision_loss, reason = "said")]
            fn of_count(count: usize) -> Self {
                count as $type
            }

            fn is_nan(self) -> bool {
                $type::is_nan(self)
            }
        }

        impl Float for $type {
            #[expect(clippy::allow_attributes, reason = "a cast for one of the two types only")]
            #[allow(clippy::cast_possible_truncation, reason = "rounds as a cast does")]
            fn of_f64(value: f64) -> Self {
                value as $type
            }

            fn to_f64(self) -> f64 {
                f64::from(self)
            }

            fn sqrt(self) -> Self {
                $type::sqrt(self)
            }

            fn exp(self) -> Self {
                libm::$exp(self)
            }

            fn ln(self) -> Self {
                libm::$log(self)
            }

            fn ln_1p(self) -> Self {
                libm::$log1p(self)
            }

            fn tanh(self) -> Self {
                libm::$tanh(self)
            }

            fn erf(self) -> Self {
                libm::$erf(self)
            }

            fn pow(self, power: Self) -> Self {
                libm::$pow(self, power)
            }

            fn floor(self) -> Self {
                $type::floor(self)
            }

            fn ceil(self) -> Self {
                $type::ceil(self)
            }

            fn round(self) -> Self {
                $type::round_ties_even(self)
            }

            fn is_infinite(self) -> bool {
                $type::is_infinite(self)
            }

            $($all)*
        }
    };
}

float!(f64, exp, log, log1p, tanh, erf, pow, {
    #[inline(always)]
    fn ln_all(values: &mut [Self]) {
        for values in values.chunks_mut(16) {
            let mut plain = true;
            for value in &*values {
                plain &= wide::has_plain_ln(*value);
            }
            if plain {
                for value in values {
                    *value = wide::ln(*value);
                }
            } else {
                for value in values {
                    *value = libm::log(*value);
                }
            }
        }
    }
});
float!(f32, expf, logf, log1pf, tanhf, erff, powf, {
    #[inline(always)]
    fn sigmoid_all(values: &mut [Self]) {
        for value in values {
            *value = wide::sigmoid(*value);
        }
    }

    #[inline(always)]
    fn tanh_all(values: &mut [Self]) {
        for value in values {
            *value = wide::tanh(*value);
        }
    }

    #[inline(always)]
    fn exp_all(values: &mut [Self]) {
        for value in values {
            *value = wide::exp(*value);
        }
    }
});

impl Number for i64 {
    const ZERO: Self = 0;
    const ONE: Self = 1;
    const LEAST: Self = Self::MIN;
    const GREATEST: Self = Self::MAX;

    fn add(self, other: Self) -> Self {
        self.wrapping_add(other)
    }

    fn sub(self, other: Self) -> Self {
        self.wrapping_sub(other)
    }

    fn mul(self, other: Self) -> Self {
        self.wrapping_mul(other)
    }

    fn div(self, other: Self) -> Self {
        self.checked_div(other).unwrap_or(0)
    }

    fn lesser(self, other: Self) -> Self {
        self.min(other)
    }

    fn greater(self, other: Self) -> Self {
        self.max(other)
    }

    fn abs(self) -> Self {
        self.wrapping_abs()
    }

    fn neg(self) -> Self {
        self.wrapping_neg()
    }

    fn sign(self) -> Self {
        self.signum()
    }

    fn of_count(count: usize) -> Self {
        Self::try_from(count).unwrap_or(0)
    }

    fn is_nan(self) -> bool {
        false
    }
}
