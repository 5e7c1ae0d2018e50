//! Gather and its sisters: indices that are constants are looked at when the plan is made, others in the call.

use crate::engine::native::build::{Call, Lowered, axis_of, one};
use crate::engine::native::operators::each_kind;
use crate::engine::native::operators::moves::{Seen, copied, moved};
use crate::engine::native::read::numbers_in;
use crate::engine::native::scratch::{Element, Source};
use crate::engine::native::value::{Kind, Value};

const OUTSIDE: &str = "an index is out of range";

/// An index from the front.
fn place(index: i64, length: usize) -> Option<usize> {
    let found = if index < 0 { index.checked_add(i64::try_from(length).ok()?)? } else { index };
    usize::try_from(found).ok().filter(|&found| found < length)
}

/// Gather.
pub(crate) fn gather(call: &mut Call<'_>) -> Lowered {
    let (value, indices) = (call.input(0)?.clone(), call.input(1)?.clone());
    let axis = axis_of(call.int("axis", 0)?, value.shape.len())?;
    let (front, length, back) = (&value.shape[..axis], value.shape[axis], &value.shape[axis + 1..]);
    let shape = [front, &indices.shape, back].concat();
    let inner: usize = back.iter().product();
    numbers_in(&shape).ok_or("is too large")?;
    if value.kind == Kind::Text && inner > 1 {
        // onnxruntime copies the first text of each part only.
        return Err("of several texts at a time is not known".to_owned());
    }
    if let Some(found) = indices.ints() {
        let places: Option<Vec<usize>> = found.iter().map(|&index| place(index, length)).collect();
        let places = places.ok_or(OUTSIDE)?;
        // Neighbours in order are one part of the axis.
        if let Some(&first) = places.first()
            && places.iter().copied().eq(first..first + places.len())
        {
            let mut seen = Seen::of(&value.shape);
            seen.start = first * inner;
            seen.axes[axis].0 = places.len();
            return one(moved(call, &value, &seen)?.seen_as(shape));
        }
        let outer: usize = front.iter().product();
        let starts = (0..outer).flat_map(|row| places.iter().map(move |place| (row * length + place) * inner));
        let starts = starts.map(|start| u32::try_from(start).map_err(|_| "is too large".to_owned()));
        let starts = starts.collect::<Result<_, _>>()?;
        return one(copied(call, &value, shape, starts, inner)?);
    }
    each_kind!(value.kind, T => gathered::<T>(call, shape, length, inner))
}

fn gathered<T: Element>(call: &mut Call<'_>, shape: Vec<usize>, length: usize, inner: usize) -> Lowered {
    let (kind, source, indices) = (call.input(0)?.kind, call.source::<T>(0)?, call.source::<i64>(1)?);
    one(call.builder.try_step(kind, shape, move |out: &mut [T], scratch| {
        let (values, indices) = (source.get(scratch), indices.get(scratch));
        if indices.iter().any(|&index| place(index, length).is_none()) {
            return Err(OUTSIDE);
        }
        if out.is_empty() {
            return Ok(());
        }
        let rows = out.chunks_exact_mut(inner * indices.len()).zip(values.chunks_exact(length * inner));
        for (out, values) in rows {
            for (out, &index) in out.chunks_exact_mut(inner).zip(indices) {
                let start = place(index, length).ok_or(OUTSIDE)? * inner;
                out.clone_from_slice(&values[start..start + inner]);
            }
        }
        Ok(())
    })?)
}

/// GatherElements.
pub(crate) fn gather_elements(call: &mut Call<'_>) -> Lowered {
    let (value, indices) = (call.input(0)?.clone(), call.input(1)?.clone());
    let rank = value.shape.len();
    let axis = axis_of(call.int("axis", 0)?, rank)?;
    let fits = |kept: usize| kept == axis || indices.shape[kept] <= value.shape[kept];
    if indices.shape.len() != rank || !(0..rank).all(fits) {
        return Err(format!("takes indices of shape {:?} out of {:?}", indices.shape, value.shape));
    }
    // Where each place of the result would be read with index 0, and how far an index goes.
    let plain = Seen::of(&value.shape);
    let step = usize::try_from(plain.axes[axis].1).unwrap_or(0);
    let axes = (0..rank).map(|kept| (indices.shape[kept], if kept == axis { 0 } else { plain.axes[kept].1 })).collect();
    let (starts, run) = Seen { start: 0, axes }.runs().ok_or("is too large")?;
    let length = value.shape[axis];
    each_kind!(value.kind, T => elements::<T>(call, (starts, run), step, length))
}

fn elements<T: Element>(call: &mut Call<'_>, (starts, run): (Vec<u32>, usize), step: usize, length: usize) -> Lowered {
    let (kind, shape) = (call.input(0)?.kind, call.input(1)?.shape.clone());
    let (source, indices) = (call.source::<T>(0)?, call.source::<i64>(1)?);
    one(call.builder.try_step(kind, shape, move |out: &mut [T], scratch| {
        let (values, indices) = (source.get(scratch), indices.get(scratch));
        for (number, (out, &index)) in out.iter_mut().zip(indices).enumerate() {
            let start = starts[number / run] as usize + number % run;
            out.clone_from(&values[start + place(index, length).ok_or(OUTSIDE)? * step]);
        }
        Ok(())
    })?)
}

/// GatherND.
pub(crate) fn gather_nd(call: &mut Call<'_>) -> Lowered {
    let (value, indices) = (call.input(0)?.clone(), call.input(1)?.clone());
    let batch = usize::try_from(call.int("batch_dims", 0)?).map_err(|_| "has negative batch_dims")?;
    let (rank, wide) = (value.shape.len(), indices.shape.len());
    let depth = *indices.shape.last().ok_or("has no axis of indices")?;
    if batch >= wide || batch + depth > rank || depth == 0 || value.shape[..batch] != indices.shape[..batch] {
        return Err(format!("takes indices of shape {:?} out of {:?}", indices.shape, value.shape));
    }
    let shape = [&indices.shape[..wide - 1], &value.shape[batch + depth..]].concat();
    numbers_in(&shape).ok_or("is too large")?;
    each_kind!(value.kind, T => gathered_nd::<T>(call, shape, batch, (&value, &indices)))
}

fn gathered_nd<T: Element>(
    call: &mut Call<'_>,
    shape: Vec<usize>,
    batch: usize,
    (value, indices): (&Value, &Value),
) -> Lowered {
    let depth = indices.shape.last().copied().unwrap_or(1);
    let lengths = value.shape[batch..batch + depth].to_vec();
    let inner: usize = value.shape[batch + depth..].iter().product();
    let whole: usize = value.shape[batch..].iter().product();
    let each: usize = indices.shape[batch..].iter().product();
    let (kind, source, found) = (value.kind, call.source::<T>(0)?, call.source::<i64>(1)?);
    if inner == 0 || each == 0 || whole == 0 {
        return one(call.builder.try_step(kind, shape, move |_: &mut [T], scratch| {
            let inside =
                |index: &[i64]| index.iter().zip(&lengths).all(|(&index, &length)| place(index, length).is_some());
            if found.get(scratch).chunks_exact(depth).all(inside) { Ok(()) } else { Err(OUTSIDE) }
        })?);
    }
    one(call.builder.try_step(kind, shape, move |out: &mut [T], scratch| {
        let rows = source.get(scratch).chunks_exact(whole).zip(found.get(scratch).chunks_exact(each));
        for (out, (values, indices)) in out.chunks_exact_mut(each / depth * inner).zip(rows) {
            for (out, index) in out.chunks_exact_mut(inner).zip(indices.chunks_exact(depth)) {
                let mut start = 0;
                for (&index, &length) in index.iter().zip(&lengths) {
                    start = start * length + place(index, length).ok_or(OUTSIDE)?;
                }
                out.clone_from_slice(&values[start * inner..(start + 1) * inner]);
            }
        }
        Ok(())
    })?)
}

/// The places of an int64 vector, for those that need it as a source.
pub(crate) fn whole_numbers(value: &Value) -> Result<Source<i64>, String> {
    Source::of(value)
        .filter(|_| matches!(value.kind, Kind::Int64 | Kind::Int32))
        .ok_or_else(|| "needs whole numbers".to_owned())
}
