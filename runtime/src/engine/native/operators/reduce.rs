//! Sums, means, products and extremes along axes, added up in the order in which the numbers stand.

use std::ops::Range;

use crate::engine::native::build::{Call, Lowered, axis_of, one};
use crate::engine::native::operators::each_number;
use crate::engine::native::operators::moves::Seen;
use crate::engine::native::operators::number::Number;
use crate::engine::native::operators::running::no_nan;
use crate::engine::native::registers::widest;
use crate::engine::native::scratch::Element;
use crate::engine::native::value::Kind;

/// ReduceSum, ReduceMean, ReduceProd, ReduceSumSquare, ReduceMax, ReduceMin.
pub(crate) fn lower(call: &mut Call<'_>) -> Lowered {
    let value = call.input(0)?.clone();
    let rank = value.shape.len();
    let given = match call.optional(1) {
        Some(_) => Some(call.ints(1)?),
        None => call.ints_attribute("axes")?,
    };
    let given =
        given.map(|axes| axes.iter().map(|&axis| axis_of(axis, rank)).collect::<Result<Vec<_>, _>>()).transpose()?;
    let axes = match given {
        Some(axes) if !axes.is_empty() => axes,
        _ if call.int("noop_with_empty_axes", 0)? != 0 && call.operator != "ReduceSumSquare" => return one(value),
        // Nothing is added up, but squared all the same.
        _ if call.int("noop_with_empty_axes", 0)? != 0 => Vec::new(),
        _ => (0..rank).collect(),
    };
    let keep = call.int("keepdims", 1)? != 0;
    let shape = (0..rank).filter(|axis| keep || !axes.contains(axis));
    let shape: Vec<usize> = shape.map(|axis| if axes.contains(&axis) { 1 } else { value.shape[axis] }).collect();
    each_number!(call, value.kind, T => {
        match call.operator {
            "ReduceSum" => reduced::<T>(call, shape, &axes, Some(T::ZERO), Number::add, |a, _| a),
            "ReduceSumSquare" => reduced::<T>(call, shape, &axes, Some(T::ZERO), |a, b| a.add(b.mul(b)), |a, _| a),
            "ReduceProd" => {
                // onnxruntime does not wrap around where such a product is too large.
                if T::KIND == Kind::Int64 {
                    return Err(call.unknown_type(value.kind));
                }
                reduced::<T>(call, shape, &axes, Some(T::ONE), Number::mul, |a, _| a)
            }
            "ReduceMean" => {
                if T::KIND == Kind::Int64 {
                    return Err(call.unknown_type(value.kind));
                }
                // Of nothing it is 0 there.
                reduced::<T>(call, shape, &axes, Some(T::ZERO), Number::add, |a, count| {
                    if count == 0 { T::ZERO } else { a.div(T::of_count(count)) }
                })
            }
            "ReduceMax" => reduced::<T>(call, shape, &axes, None, Number::greater, |a, _| a),
            _ => reduced::<T>(call, shape, &axes, None, Number::lesser, |a, _| a),
        }
    })
}

fn reduced<T: Number>(
    call: &mut Call<'_>,
    shape: Vec<usize>,
    axes: &[usize],
    empty: Option<T>,
    step: impl Fn(T, T) -> T + Send + Sync + 'static,
    end: impl Fn(T, usize) -> T + Send + Sync + 'static,
) -> Lowered {
    let value = call.input(0)?;
    let (kind, source) = (value.kind, call.source::<T>(0)?);
    let plain = Seen::of(&value.shape).axes;
    let part = |inside: bool| {
        let kept = plain.iter().enumerate().filter(|(axis, _)| axes.contains(axis) == inside).map(|(_, axis)| *axis);
        Seen { start: 0, axes: kept.collect() }
    };
    let count: usize = axes.iter().map(|&axis| value.shape[axis]).product();
    if count == 0 && empty.is_none() {
        return Err("has nothing to take the extreme of".to_owned());
    }
    if empty.is_none() {
        no_nan(call, &source);
    }
    let (kept, run) = part(false).runs().ok_or("is too large")?;
    let (gone, long) = part(true).runs().ok_or("is too large")?;
    if count == 0 {
        let value = empty.unwrap_or(T::ZERO);
        return one(call.builder.step(kind, shape, move |out: &mut [T], _| out.fill(end(value, 0)))?);
    }
    one(call.builder.step(kind, shape, move |out: &mut [T], scratch| {
        let values = source.get(scratch);
        if run == 1 {
            for (out, &start) in out.iter_mut().zip(&kept) {
                let mut total = empty.unwrap_or_else(|| values[start as usize]);
                for &from in &gone {
                    for &value in &values[(start + from) as usize..][..long] {
                        total = step(total, value);
                    }
                }
                *out = end(total, count);
            }
            return;
        }
        // The kept numbers stand together: whole rows of them at a time.
        for (out, &start) in out.chunks_exact_mut(run.max(1)).zip(&kept) {
            match empty {
                Some(empty) => out.fill(empty),
                None => out.copy_from_slice(&values[(start + gone[0]) as usize..][..run]),
            }
            for (number, &from) in gone.iter().enumerate() {
                let skipped = usize::from(empty.is_none() && number == 0);
                let rows = &values[(start + from) as usize..][..long + run - 1];
                widest!(merge(out, rows, skipped..long, &step));
            }
            for out in out.iter_mut() {
                *out = end(*out, count);
            }
        }
    })?)
}

/// Takes rows into the totals; each begins one place behind the one before.
#[inline(always)]
fn merge<T: Number>(totals: &mut [T], values: &[T], rows: Range<usize>, step: &impl Fn(T, T) -> T) {
    for row in rows {
        for (total, value) in totals.iter_mut().zip(&values[row..]) {
            *total = step(*total, *value);
        }
    }
}
