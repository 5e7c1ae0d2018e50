//! Operators of two or more inputs, number by number, with broadcasting.

use crate::engine::native::build::{Builder, Call, Lowered, one};
use crate::engine::native::operators::number::{Float, Number};
use crate::engine::native::operators::spread::Spread;
use crate::engine::native::operators::{each_float, each_kind, each_number};
use crate::engine::native::registers::widest;
use crate::engine::native::scratch::{Element, Scratch, Source};
use crate::engine::native::value::{Kind, Value};

/// Adds a step of two inputs.
pub(crate) fn pairs<T: Element, U: Element>(
    builder: &mut Builder,
    kind: Kind,
    (left, right): (&Value, &Value),
    compute: impl Fn(&T, &T) -> U + Send + Sync + 'static,
) -> Result<Value, String> {
    let spread = Spread::of([&left.shape, &right.shape])?;
    let wrong = || "its inputs are of different types".to_owned();
    let (left, right) = (Source::<T>::of(left).ok_or_else(wrong)?, Source::<T>::of(right).ok_or_else(wrong)?);
    builder.step(kind, spread.shape.clone(), move |out: &mut [U], scratch: &Scratch| {
        widest!(together(&spread, out, left.get(scratch), right.get(scratch), &compute));
    })
}

#[inline(always)]
fn together<T, U>(spread: &Spread<2>, out: &mut [U], left: &[T], right: &[T], compute: &impl Fn(&T, &T) -> U)
where
    U: Clone,
{
    if spread.run == 0 {
        return;
    }
    for (out, start) in out.chunks_exact_mut(spread.run).zip(&spread.starts) {
        let (left, right) = (spread.part(left, *start, 0), spread.part(right, *start, 1));
        match (spread.strides, left, right) {
            ([0, 0], [left, ..], [right, ..]) => out.fill(compute(left, right)),
            ([0, _], [left, ..], _) => {
                for (out, right) in out.iter_mut().zip(right) {
                    *out = compute(left, right);
                }
            }
            ([_, 0], _, [right, ..]) => {
                for (out, left) in out.iter_mut().zip(left) {
                    *out = compute(left, right);
                }
            }
            _ => {
                for (out, (left, right)) in out.iter_mut().zip(left.iter().zip(right)) {
                    *out = compute(left, right);
                }
            }
        }
    }
}

/// Add, Sub, Mul, Div, Max, Min, Sum, Mean.
pub(crate) fn lower(call: &mut Call<'_>) -> Lowered {
    let kind = call.input(0)?.kind;
    each_number!(call, kind, T => several::<T>(call))
}

fn several<T: Number>(call: &mut Call<'_>) -> Lowered {
    let mut whole = call.input(0)?.clone();
    if call.operator == "Div" && T::KIND == Kind::Int64 {
        no_zeros(call)?;
    }
    // A temporary sum keeps its slot to the end of the plan; such operators are few.
    for index in 1..call.inputs.len() {
        let next = call.input(index)?.clone();
        let both = (&whole, &next);
        whole = match call.operator {
            "Add" | "Sum" | "Mean" => pairs(call.builder, T::KIND, both, |a: &T, b: &T| a.add(*b)),
            "Sub" => pairs(call.builder, T::KIND, both, |a: &T, b: &T| a.sub(*b)),
            "Mul" => pairs(call.builder, T::KIND, both, |a: &T, b: &T| a.mul(*b)),
            "Div" => pairs(call.builder, T::KIND, both, |a: &T, b: &T| a.div(*b)),
            "Max" => pairs(call.builder, T::KIND, both, |a: &T, b: &T| a.greater(*b)),
            _ => pairs(call.builder, T::KIND, both, |a: &T, b: &T| a.lesser(*b)),
        }?;
    }
    if call.operator == "Mean" {
        // By the rounded reciprocal, as onnxruntime does.
        let share = T::ONE.div(T::of_count(call.inputs.len()));
        let share = Value::constant(T::KIND, Vec::new(), T::data(vec![share]));
        whole = pairs(call.builder, T::KIND, (&whole, &share), |a: &T, b: &T| a.mul(*b))?;
    }
    one(whole)
}

/// A whole number divided by 0 has no answer, nor has the least one divided by -1: onnxruntime would end the process.
fn no_zeros(call: &mut Call<'_>) -> Result<(), String> {
    let (divided, divisor) = (call.source::<i64>(0)?, call.source::<i64>(1)?);
    call.builder.push(move |scratch| {
        let divisor = divisor.get(scratch);
        if divisor.contains(&0) {
            scratch.fail("a whole number is divided by 0");
        } else if divisor.contains(&-1) && divided.get(scratch).contains(&i64::MIN) {
            scratch.fail("the least whole number is divided by -1");
        }
    });
    Ok(())
}

/// Equal, of every type.
pub(crate) fn equal(call: &mut Call<'_>) -> Lowered {
    let (left, right) = (call.input(0)?.clone(), call.input(1)?.clone());
    each_kind!(left.kind, T => one(pairs(call.builder, Kind::Bool, (&left, &right), |a: &T, b: &T| a == b)?))
}

/// Greater, GreaterOrEqual, Less, LessOrEqual.
pub(crate) fn compare(call: &mut Call<'_>) -> Lowered {
    fn typed<T: Number>(call: &mut Call<'_>, left: &Value, right: &Value) -> Lowered {
        let both = (left, right);
        one(match call.operator {
            "Greater" => pairs(call.builder, Kind::Bool, both, |a: &T, b: &T| a > b),
            "GreaterOrEqual" => pairs(call.builder, Kind::Bool, both, |a: &T, b: &T| a >= b),
            "Less" => pairs(call.builder, Kind::Bool, both, |a: &T, b: &T| a < b),
            _ => pairs(call.builder, Kind::Bool, both, |a: &T, b: &T| a <= b),
        }?)
    }
    let (left, right) = (call.input(0)?.clone(), call.input(1)?.clone());
    each_number!(call, left.kind, T => typed::<T>(call, &left, &right))
}

/// And, Or, Xor.
pub(crate) fn logical(call: &mut Call<'_>) -> Lowered {
    let (left, right) = (call.input(0)?.clone(), call.input(1)?.clone());
    let both = (&left, &right);
    one(match call.operator {
        "And" => pairs(call.builder, Kind::Bool, both, |a: &bool, b: &bool| *a && *b),
        "Or" => pairs(call.builder, Kind::Bool, both, |a: &bool, b: &bool| *a || *b),
        _ => pairs(call.builder, Kind::Bool, both, |a: &bool, b: &bool| a != b),
    }?)
}

/// Pow: base and power of one floating-point type.
pub(crate) fn pow(call: &mut Call<'_>) -> Lowered {
    let (left, right) = (call.input(0)?.clone(), call.input(1)?.clone());
    each_float!(call, left.kind, T => {
        one(pairs(call.builder, left.kind, (&left, &right), |a: &T, b: &T| a.pow(*b))?)
    })
}

/// Clip, whose limits are inputs.
pub(crate) fn clip(call: &mut Call<'_>) -> Lowered {
    let kind = call.input(0)?.kind;
    let mut value = call.input(0)?.clone();
    let limits = [call.optional(1).cloned(), call.optional(2).cloned()];
    if limits.iter().flatten().any(|limit| !limit.shape.is_empty()) {
        return Err("limits must be single numbers".to_owned());
    }
    each_number!(call, kind, T => {
        // A limit that is not given is the largest finite number, as onnxruntime has it: infinities are clipped too.
        let [low, high] = limits;
        let [low, high] = [(low, T::LEAST), (high, T::GREATEST)].map(|(limit, number)| {
            limit.unwrap_or_else(|| Value::constant(kind, Vec::new(), T::data(vec![number])))
        });
        value = pairs(call.builder, kind, (&value, &low), |a: &T, b: &T| if a < b { *b } else { *a })?;
        value = pairs(call.builder, kind, (&value, &high), |a: &T, b: &T| if a > b { *b } else { *a })?;
        Ok(())
    })?;
    one(value)
}

/// Where.
pub(crate) fn choose(call: &mut Call<'_>) -> Lowered {
    fn typed<T: Element>(call: &mut Call<'_>) -> Lowered {
        let (condition, kind) = (call.input(0)?, call.input(1)?.kind);
        let spread = Spread::of([&condition.shape, &call.input(1)?.shape, &call.input(2)?.shape])?;
        let first_merges = first_merges(&condition.shape, &call.input(1)?.shape, &call.input(2)?.shape);
        let (condition, left, right) = (call.source::<bool>(0)?, call.source::<T>(1)?, call.source::<T>(2)?);
        one(call.builder.step(kind, spread.shape.clone(), move |out: &mut [T], scratch| {
            let (conditions, left, right) = (condition.get(scratch), left.get(scratch), right.get(scratch));
            if spread.run == 0 {
                return;
            }
            let [of_condition, of_left, of_right] = spread.strides;
            for (out, start) in out.chunks_exact_mut(spread.run).zip(&spread.starts) {
                let conditions = spread.part(conditions, *start, 0);
                let (left, right) = (spread.part(left, *start, 1), spread.part(right, *start, 2));
                for (index, out) in out.iter_mut().enumerate() {
                    // onnxruntime makes what is chosen from either, with 0 elsewhere, and merges both by what is not 0:
                    // the -0 of one of them becomes 0.
                    let (chosen, first) = if conditions[index * of_condition] {
                        (&left[index * of_left], true)
                    } else {
                        (&right[index * of_right], false)
                    };
                    if first == first_merges { *out = chosen.plain_zero() } else { out.clone_from(chosen) }
                }
            }
        })?)
    }
    let kind = call.input(1)?.kind;
    each_kind!(kind, T => typed::<T>(call))
}

/// Whether a -0 of the first becomes 0 where `Where` merges what it has chosen from either; else one of the second does.
///
/// onnxruntime looks at one axis alone: the last that is not 1 in both, or the outermost of the one with fewer axes. Where
/// the second is one number along it and the first is not, it asks what is not 0 of the second.
fn first_merges(condition: &[usize], left: &[usize], right: &[usize]) -> bool {
    let back = |shape: &[usize], place: usize| shape.iter().rev().nth(place).map_or(1, |&length| length);
    let chosen = |shape: &[usize], place: usize| back(condition, place).max(back(shape, place));
    let [first, second] = [left, right].map(|shape| shape.len().max(condition.len()));
    let place = (0..first.min(second))
        .find(|&place| chosen(left, place) != 1 || chosen(right, place) != 1)
        .unwrap_or_else(|| first.min(second).saturating_sub(1));
    chosen(left, place) == 1 || chosen(right, place) != 1
}

#[cfg(test)]
mod tests {
    use super::first_merges;

    #[test]
    fn a_minus_zero_that_where_chooses_is_lost_where_onnxruntime_loses_it() {
        // What its 1.32 answers where the first, and where the second, is -0 everywhere and chosen.
        let answers: [([&[usize]; 3], bool); 17] = [
            ([&[4], &[4], &[4]], true),
            ([&[4], &[1], &[4]], true),
            ([&[4], &[4], &[1]], true),
            ([&[1], &[4], &[4]], true),
            ([&[4], &[1], &[1]], true),
            ([&[4, 1], &[1, 4], &[4, 4]], true),
            ([&[4, 1], &[4, 1], &[1, 4]], true),
            ([&[1], &[1, 3, 2, 1], &[1]], true),
            ([&[1], &[6], &[1]], false),
            ([&[1], &[1], &[6]], true),
            ([&[1], &[1, 6, 1], &[1]], true),
            ([&[], &[6], &[]], false),
            ([&[1], &[3, 2], &[1]], false),
            ([&[1, 1, 1], &[1, 6, 1], &[1, 1, 1]], false),
            ([&[1, 1], &[6, 1], &[1]], false),
            ([&[2, 1, 1], &[2, 3, 1], &[1]], false),
            ([&[2, 1], &[1, 3], &[1]], false),
        ];
        for ([condition, left, right], expected) in answers {
            assert_eq!(first_merges(condition, left, right), expected, "{condition:?} {left:?} {right:?}");
        }
    }
}
