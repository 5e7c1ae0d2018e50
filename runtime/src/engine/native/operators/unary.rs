//! Operators of one input, number by number.

use crate::engine::native::build::{Call, Lowered, one};
use crate::engine::native::operators::number::{Float, Number};
use crate::engine::native::operators::{each_float, each_number};
use crate::engine::native::read::Attribute;
use crate::engine::native::registers::widest;
use crate::engine::native::scratch::Element;
use crate::engine::native::value::Kind;

fn map<T: Element, U: Element>(
    call: &mut Call<'_>,
    kind: Kind,
    compute: impl Fn(&T) -> U + Send + Sync + 'static,
) -> Lowered {
    #[inline(always)]
    fn each<T, U>(out: &mut [U], values: &[T], compute: &impl Fn(&T) -> U) {
        for (out, value) in out.iter_mut().zip(values) {
            *out = compute(value);
        }
    }
    let (source, shape) = (call.source::<T>(0)?, call.input(0)?.shape.clone());
    one(call.builder.step(kind, shape, move |out: &mut [U], scratch| {
        widest!(each(out, source.get(scratch), &compute));
    })?)
}

/// A function of all numbers at once.
macro_rules! all {
    ($call:expr, $kind:expr, $type:ident, $compute:ident) => {{
        let (source, shape) = ($call.source::<$type>(0)?, $call.input(0)?.shape.clone());
        one($call.builder.step($kind, shape, move |out: &mut [$type], scratch| {
            out.copy_from_slice(source.get(scratch));
            widest!(<$type as Float>::$compute(out));
        })?)
    }};
}

/// All that keep the type.
pub(crate) fn lower(call: &mut Call<'_>) -> Lowered {
    let kind = call.input(0)?.kind;
    match call.operator {
        "Abs" => each_number!(call, kind, T => map(call, kind, |value: &T| Number::abs(*value))),
        "Neg" => each_number!(call, kind, T => map(call, kind, |value: &T| Number::neg(*value))),
        "Sign" => each_number!(call, kind, T => map(call, kind, |value: &T| Number::sign(*value))),
        "Ceil" => each_float!(call, kind, T => map(call, kind, |value: &T| Float::ceil(*value))),
        "Erf" => each_float!(call, kind, T => map(call, kind, |value: &T| Float::erf(*value))),
        "Exp" => each_float!(call, kind, T => all!(call, kind, T, exp_all)),
        "Floor" => each_float!(call, kind, T => map(call, kind, |value: &T| Float::floor(*value))),
        "Log" => each_float!(call, kind, T => all!(call, kind, T, ln_all)),
        "Reciprocal" => each_float!(call, kind, T => map(call, kind, |value: &T| T::ONE / value)),
        "Relu" => {
            each_float!(call, kind, T => map(call, kind, |value: &T| if *value < T::ZERO { T::ZERO } else { *value }))
        }
        "Round" => each_float!(call, kind, T => map(call, kind, |value: &T| Float::round(*value))),
        "Sigmoid" => each_float!(call, kind, T => all!(call, kind, T, sigmoid_all)),
        "Softplus" => each_float!(call, kind, T => map(call, kind, |value: &T| value.softplus())),
        "Sqrt" => each_float!(call, kind, T => map(call, kind, |value: &T| Float::sqrt(*value))),
        _ => each_float!(call, kind, T => all!(call, kind, T, tanh_all)),
    }
}

/// Not.
pub(crate) fn not(call: &mut Call<'_>) -> Lowered {
    map(call, Kind::Bool, |value: &bool| !value)
}

/// IsNaN.
pub(crate) fn is_nan(call: &mut Call<'_>) -> Lowered {
    let kind = call.input(0)?.kind;
    each_float!(call, kind, T => map(call, Kind::Bool, |value: &T| Number::is_nan(*value)))
}

/// IsInf, of either sign or both.
pub(crate) fn is_inf(call: &mut Call<'_>) -> Lowered {
    let kind = call.input(0)?.kind;
    let negative = call.int("detect_negative", 1)? != 0;
    let positive = call.int("detect_positive", 1)? != 0;
    each_float!(call, kind, T => map(call, Kind::Bool, move |value: &T| {
        Float::is_infinite(*value) && if *value > T::ZERO { positive } else { negative }
    }))
}

/// Cast between numbers and truths.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "what a cast is for")]
pub(crate) fn cast(call: &mut Call<'_>) -> Lowered {
    let Some(Attribute::Int(number)) = call.attributes.get("to") else {
        return Err("needs the attribute 'to'".to_owned());
    };
    let to = Kind::of_number(*number).ok_or_else(|| format!("to type {number} is not known"))?;
    let from = call.input(0)?.kind;
    match (from, to) {
        _ if from == to => one(call.input(0)?.clone()),
        (Kind::Float64, Kind::Float32) => map(call, to, |value: &f64| *value as f32),
        (Kind::Float32, Kind::Float64) => map(call, to, |value: &f32| f64::from(*value)),
        (Kind::Int64 | Kind::Int32, Kind::Float64) => map(call, to, |value: &i64| *value as f64),
        (Kind::Int64 | Kind::Int32, Kind::Float32) => map(call, to, |value: &i64| *value as f32),
        (Kind::Bool, Kind::Float64) => map(call, to, |value: &bool| f64::from(u8::from(*value))),
        (Kind::Bool, Kind::Float32) => map(call, to, |value: &bool| f32::from(u8::from(*value))),
        (Kind::Bool, Kind::Int64 | Kind::Int32) => map(call, to, |value: &bool| i64::from(*value)),
        (Kind::Float64, Kind::Bool) => map(call, to, |value: &f64| *value != 0.0),
        (Kind::Float32, Kind::Bool) => map(call, to, |value: &f32| *value != 0.0),
        (Kind::Int64 | Kind::Int32, Kind::Bool) => map(call, to, |value: &i64| *value != 0),
        (Kind::Int64, Kind::Int32) => map(call, to, |value: &i64| i64::from(*value as i32)),
        (Kind::Int32, Kind::Int64) => map(call, to, |value: &i64| *value),
        (Kind::Float64, Kind::Int64) => whole(call, |value: &f64| *value),
        (Kind::Float32, Kind::Int64) => whole(call, |value: &f32| f64::from(*value)),
        _ => Err(format!("from {} to {} is not known", from.name(), to.name())),
    }
}

/// To a whole number, towards zero. Beyond what an int64 holds (and for NaN) processors differ: that is refused.
#[expect(clippy::cast_possible_truncation, reason = "what a cast is for")]
fn whole<T: Element>(call: &mut Call<'_>, wide: impl Fn(&T) -> f64 + Send + Sync + 'static) -> Lowered {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    let (source, shape) = (call.source::<T>(0)?, call.input(0)?.shape.clone());
    one(call.builder.try_step(Kind::Int64, shape, move |out: &mut [i64], scratch| {
        for (out, value) in out.iter_mut().zip(source.get(scratch)) {
            let value = wide(value);
            if !(-LIMIT..LIMIT).contains(&value) {
                return Err("a number that no int64 holds is cast to int64");
            }
            *out = value as i64;
        }
        Ok(())
    })?)
}
