//! Functions of many numbers at a time: every bit is `libm`'s, without its branches, so that the compiler can use wide
//! registers. The formulas and constants are those of fdlibm, from which `libm` has them; the tests hold both side by side.

#![expect(clippy::many_single_char_names, reason = "names of fdlibm")]

const LN2_HIGH: f32 = f32::from_bits(0x3f31_7200);
const LN2_LOW: f32 = f32::from_bits(0x35bf_be8e);
const LN2_HIGH_LESS: f32 = f32::from_bits(0x3f31_7180);
const LN2_LOW_LESS: f32 = f32::from_bits(0x3717_f7d1);
const ONE_BY_LN2: f32 = f32::from_bits(0x3fb8_aa3b);
/// Half of ln 2, and one and a half of it.
const HALF_LN2: f32 = f32::from_bits(0x3eb1_7218);
const MORE_LN2: f32 = f32::from_bits(0x3f85_1592);

/// 2 to a power of -126 to 127.
#[inline(always)]
#[expect(clippy::cast_sign_loss, reason = "the exponent is not negative")]
fn power_of_two(power: i32) -> f32 {
    f32::from_bits(((0x7f + power) as u32) << 23)
}

/// The nearest whole number of ln 2 in a number, as `libm` finds it: none up to a half of it.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "what it is for")]
fn halvings(value: f32) -> i32 {
    let (size, half) = (value.abs(), 0.5_f32.copysign(value));
    let many = (ONE_BY_LN2 * value + half) as i32;
    let one = if value < 0.0 { -1 } else { 1 };
    if size > MORE_LN2 {
        many
    } else if size > HALF_LN2 {
        one
    } else {
        0
    }
}

/// exp of a float32.
#[inline(always)]
#[expect(clippy::cast_precision_loss, reason = "at most 150")]
pub(super) fn exp(value: f32) -> f32 {
    let inside = if value > -104.0 { value } else { -104.0 };
    let inside = if inside < 89.0 { inside } else { 89.0 };
    let power = halvings(inside);
    let count = power as f32;
    let (high, low) = (inside - count * LN2_HIGH, count * LN2_LOW);
    let x = high - low;
    let square = x * x;
    let c = x - square * (f32::from_bits(0x3e2a_aa8f) + square * f32::from_bits(0xbb35_5215));
    let y = 1.0 + (x * c / (2.0 - c) - low + high);
    // In two steps, of which only the second can round.
    let first = power.clamp(-100, 127);
    let scaled = y * power_of_two(first) * power_of_two(power - first);
    let small = f32::from_bits(0x3900_0000);
    let near = if value.abs() <= small { 1.0 + value } else { scaled };
    let above = if value >= f32::from_bits(0x42b1_7218) { f32::INFINITY } else { near };
    let below = if value <= -f32::from_bits(0x42cf_f1b5) { 0.0 } else { above };
    if value.is_nan() { value } else { below }
}

/// 1 / (1 + exp(-x)), as [`Float::sigmoid`](super::number::Float::sigmoid) has it.
#[inline(always)]
pub(super) fn sigmoid(value: f32) -> f32 {
    let small = exp(-value.abs());
    (if value < 0.0 { small } else { 1.0 }) / (1.0 + small)
}

/// tanh of a float32.
#[inline(always)]
#[expect(clippy::cast_precision_loss, reason = "at most 29")]
pub(super) fn tanh(value: f32) -> f32 {
    let size = value.abs();
    let wide = size > f32::from_bits(0x3e82_c578);
    let inside = if size < 10.5 { size } else { 10.5 };
    let twice = if wide { 2.0 * inside } else { -2.0 * inside };
    // exp(twice) - 1:
    let power = halvings_less(twice);
    let count = power as f32;
    let (high, low) = (twice - count * LN2_HIGH_LESS, count * LN2_LOW_LESS);
    let x = high - low;
    let c = (high - x) - low;
    let half = 0.5 * x;
    let squares = x * half;
    let r = 1.0 + squares * (f32::from_bits(0xbd08_8868) + squares * f32::from_bits(0x3acf_3010));
    let t = 3.0 - r * half;
    let e = squares * ((r - t) / (6.0 - x * t));
    let e = x * (e - c) - c - squares;
    let (much, little) = (power_of_two(power), power_of_two(-power));
    let many = if power < 23 { x - e + (1.0 - little) } else { x - (e + little) + 1.0 };
    let one = if x < -0.25 { -2.0 * (e - (x + 0.5)) } else { 1.0 + 2.0 * (x - e) };
    let found = if power == 1 { one } else { many * much };
    let found = if power == 0 { x - e } else { found };
    let found = if power == -1 { 0.5 * (x - e) - 0.5 } else { found };
    let found = if twice.abs() < f32::from_bits(0x3300_0000) { twice } else { found };
    // ... and tanh of that.
    let middle = if wide { found } else { -found } / (found + 2.0);
    let far = 1.0 - 2.0 / (found + 2.0);
    let near = if size > f32::from_bits(0x3f0c_9f54) { far } else { middle };
    let near = if size < f32::MIN_POSITIVE { size } else { near };
    let whole = if size > 10.0 { 1.0 } else { near };
    let whole = if value.is_nan() { value } else { whole };
    whole.copysign(value)
}

/// As [`halvings`], where one and a half of ln 2 counts as more.
#[inline(always)]
fn halvings_less(value: f32) -> i32 {
    if value == MORE_LN2 { 2 } else { halvings(value) }
}

/// The natural logarithm of float64: these bits for positive finite normal numbers, and `libm`'s function for others.
#[inline(always)]
pub(super) fn ln(value: f64) -> f64 {
    let moved = value.to_bits().wrapping_add((0x3ff0_0000 - 0x3fe6_a09e) << 32);
    // The power as a number, without a conversion: it is written behind the point of 2^52.
    let power = f64::from_bits((moved >> 52) | 0x4330_0000_0000_0000) - (4_503_599_627_370_496.0 + 1023.0);
    let f = f64::from_bits((moved & 0x000f_ffff_ffff_ffff) + (0x3fe6_a09e << 32)) - 1.0;
    let half_square = 0.5 * f * f;
    let s = f / (2.0 + f);
    let z = s * s;
    let w = z * z;
    let [l1, l2, l3, l4, l5, l6, l7] = LOGARITHM.map(f64::from_bits);
    let even = w * (l2 + w * (l4 + w * l6));
    let odd = z * (l1 + w * (l3 + w * (l5 + w * l7)));
    let [ln2_high, ln2_low] = [0x3fe6_2e42_fee0_0000, 0x3dea_39ef_3579_3c76].map(f64::from_bits);
    let found = s * (half_square + (odd + even)) + power * ln2_low - half_square + f + power * ln2_high;
    if value == 1.0 { 0.0 } else { found }
}

const LOGARITHM: [u64; 7] = [
    0x3fe5_5555_5555_5593,
    0x3fd9_9999_9997_fa04,
    0x3fd2_4924_9422_9359,
    0x3fcc_71c5_1d8e_78af,
    0x3fc7_4664_96cb_03de,
    0x3fc3_9a09_d078_c69f,
    0x3fc2_f112_df3e_5244,
];

/// Whether [`ln`] may be used: other numbers are left to `libm`.
#[inline(always)]
pub(super) fn has_plain_ln(value: f64) -> bool {
    (f64::MIN_POSITIVE..f64::INFINITY).contains(&value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every so many float32, and the neighbours of all limits.
    fn each(check: impl Fn(f32)) {
        // NATIVE_EVERY=1 tries all of them, in some minutes.
        let step = std::env::var("NATIVE_EVERY").ok().and_then(|text| text.parse().ok()).unwrap_or(997);
        (0..u32::MAX).step_by(step).for_each(|bits| check(f32::from_bits(bits)));
        let limits = [
            0x3900_0000,
            0x42ae_ac50,
            0x42b1_7218,
            0x42cf_f1b5,
            0x3eb1_7218,
            0x3f85_1592,
            0x3f0c_9f54,
            0x3e82_c578,
            0x4120_0000,
            0x3300_0000,
            0x3280_0000,
            0x0080_0000,
            0x3e31_7218,
            0x3f05_1592,
            0x7f80_0000,
            0x42d0_0000,
        ];
        for limit in limits {
            for bits in limit - 300..limit + 300 {
                check(f32::from_bits(bits));
                check(-f32::from_bits(bits));
            }
        }
    }

    fn same(found: f32, expected: f32, of: f32) {
        assert!(
            found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan()),
            "{of:e}: {found:e} and not {expected:e}"
        );
    }

    #[test]
    fn exp_has_every_bit_of_libm() {
        each(|value| same(exp(value), libm::expf(value), value));
    }

    #[test]
    fn tanh_has_every_bit_of_libm() {
        each(|value| same(tanh(value), libm::tanhf(value), value));
    }

    #[test]
    fn sigmoid_has_the_bits_of_the_plain_one() {
        each(|value| same(sigmoid(value), super::super::number::Float::sigmoid(value), value));
    }

    #[test]
    fn ln_has_every_bit_of_libm() {
        let mut state = 1_u64;
        for number in 0..4_000_000_u64 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // Of all sizes, near 1, and near the limits of the reduction.
            let bits = match number % 4 {
                0 => state,
                1 => 0x3ff0_0000_0000_0000_u64.wrapping_add(state >> 20).wrapping_sub(1 << 43),
                2 => 0x3fe6_a09e_667f_3bcd_u64.wrapping_add(state >> 40).wrapping_sub(1 << 23),
                _ => 0x3ff0_0000_0000_0000_u64.wrapping_add(state >> 60).wrapping_sub(8),
            };
            let value = f64::from_bits(bits);
            if has_plain_ln(value) {
                assert_eq!(ln(value).to_bits(), libm::log(value).to_bits(), "{value:e}");
            }
        }
    }
}
