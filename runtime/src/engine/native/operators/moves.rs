//! Operators that move values and compute nothing: what goes where is written down when the plan is made.

use crate::engine::native::build::{Call, Lowered, axis_of, one};
use crate::engine::native::operators::each_kind;
use crate::engine::native::read::numbers_in;
use crate::engine::native::scratch::{Element, Source};
use crate::engine::native::value::{Spot, Value};

/// An array seen through steps: along each axis its length and how far one step goes.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) start: usize,
    pub(crate) axes: Vec<(usize, isize)>,
}

impl Seen {
    /// As it stands.
    pub(crate) fn of(shape: &[usize]) -> Self {
        let mut step = 1_isize;
        let mut axes: Vec<(usize, isize)> = Vec::with_capacity(shape.len());
        for &length in shape.iter().rev() {
            axes.push((length, step));
            step *= isize::try_from(length).unwrap_or(0);
        }
        axes.reverse();
        Self { start: 0, axes }
    }

    pub(crate) fn shape(&self) -> Vec<usize> {
        self.axes.iter().map(|(length, _)| *length).collect()
    }

    /// Where each run starts, and how long all are: neighbours that stand together are one run.
    pub(crate) fn runs(&self) -> Option<(Vec<u32>, usize)> {
        let mut axes: Vec<(usize, isize)> = Vec::with_capacity(self.axes.len());
        for &(length, step) in self.axes.iter().filter(|(length, _)| *length != 1) {
            match axes.last_mut() {
                Some(last) if last.1 == step * isize::try_from(length).ok()? => *last = (last.0 * length, step),
                _ => axes.push((length, step)),
            }
        }
        let run = match axes.last() {
            Some(&(length, 1)) => {
                axes.pop();
                length
            }
            _ => 1,
        };
        numbers_in(&axes.iter().map(|(length, _)| *length).collect::<Vec<_>>())?;
        let mut starts = vec![isize::try_from(self.start).ok()?];
        for (length, step) in axes {
            let indices = 0..isize::try_from(length).ok()?;
            starts = starts.iter().flat_map(|start| indices.clone().map(move |index| start + index * step)).collect();
        }
        let starts = starts.into_iter().map(|start| u32::try_from(start).ok()).collect::<Option<_>>()?;
        Some((starts, run))
    }
}

/// A value seen through steps: the same slot where it stands together, else a copy.
pub(crate) fn moved(call: &mut Call<'_>, value: &Value, seen: &Seen) -> Result<Value, String> {
    let (starts, run) = seen.runs().ok_or("is too large")?;
    let shape = seen.shape();
    if let ([start], Spot::Slot { slot, start: before }) = (starts.as_slice(), &value.spot)
        && run == shape.iter().product::<usize>()
    {
        let spot = Spot::Slot { slot: *slot, start: before + *start as usize };
        return Ok(Value { kind: value.kind, shape, spot });
    }
    copied(call, value, shape, starts, run)
}

/// A copy of runs.
pub(crate) fn copied(
    call: &mut Call<'_>,
    value: &Value,
    shape: Vec<usize>,
    starts: Vec<u32>,
    run: usize,
) -> Result<Value, String> {
    fn typed<T: Element>(
        call: &mut Call<'_>,
        value: &Value,
        shape: Vec<usize>,
        starts: Vec<u32>,
        run: usize,
    ) -> Result<Value, String> {
        let source = Source::<T>::of(value).ok_or("is of another type")?;
        call.builder.step(value.kind, shape, move |out: &mut [T], scratch| {
            let values = source.get(scratch);
            if run == 1 {
                out.iter_mut().zip(&starts).for_each(|(out, &start)| out.clone_from(&values[start as usize]));
            } else {
                for (out, &start) in out.chunks_exact_mut(run.max(1)).zip(&starts) {
                    out.clone_from_slice(&values[start as usize..start as usize + run]);
                }
            }
        })
    }
    each_kind!(value.kind, T => typed::<T>(call, value, shape, starts, run))
}

/// Slice with constant starts, ends, axes and steps.
pub(crate) fn slice(call: &mut Call<'_>) -> Lowered {
    let value = call.input(0)?.clone();
    let rank = value.shape.len();
    let (starts, ends) = (call.ints(1)?.to_vec(), call.ints(2)?.to_vec());
    let all: Vec<i64> = (0..i64::try_from(starts.len()).unwrap_or(0)).collect();
    let axes = if call.optional(3).is_some() { call.ints(3)?.to_vec() } else { all };
    let steps = if call.optional(4).is_some() { call.ints(4)?.to_vec() } else { vec![1; starts.len()] };
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
        return Err("has starts, ends, axes and steps of different lengths".to_owned());
    }
    let mut seen = Seen::of(&value.shape);
    let mut done = vec![false; rank];
    for (((start, end), axis), step) in starts.into_iter().zip(ends).zip(axes).zip(steps) {
        let axis = axis_of(axis, rank)?;
        if std::mem::replace(&mut done[axis], true) || step == 0 || step == i64::MIN {
            return Err("has an axis twice, or a step of 0".to_owned());
        }
        let (length, stride) = seen.axes[axis];
        let whole = i64::try_from(length).map_err(|_| "is too large")?;
        let from_front = |place: i64| if place < 0 { place.saturating_add(whole) } else { place };
        let (start, count) = if step > 0 {
            let (start, end) = (from_front(start).clamp(0, whole), from_front(end).clamp(0, whole));
            (start, (end - start).max(0).div_euclid(step) + i64::from((end - start).max(0) % step != 0))
        } else {
            if end == i64::MAX || end == i64::from(i32::MAX) {
                // onnxruntime takes these for "to the first", the standard does not.
                return Err("steps backwards to the largest number".to_owned());
            }
            let last = (whole - 1).max(0);
            let (start, end) = (from_front(start).clamp(0, last), from_front(end).clamp(-1, last));
            let (way, step) = ((start - end).max(0), -step);
            (start, if whole == 0 { 0 } else { way / step + i64::from(way % step != 0) })
        };
        let count = usize::try_from(count).map_err(|_| "is too large")?;
        if count > 0 {
            seen.start = seen
                .start
                .checked_add_signed(isize::try_from(start).map_err(|_| "is too large")? * stride)
                .ok_or("is too large")?;
        }
        let step = if count > 1 { isize::try_from(step).map_err(|_| "is too large")? } else { 1 };
        seen.axes[axis] = (count, stride * step);
    }
    one(moved(call, &value, &seen)?)
}

/// Transpose.
pub(crate) fn transpose(call: &mut Call<'_>) -> Lowered {
    let value = call.input(0)?.clone();
    let rank = value.shape.len();
    let turned: Vec<i64> = (0..i64::try_from(rank).unwrap_or(0)).rev().collect();
    let order = call.ints_attribute("perm")?.unwrap_or(&turned);
    let order = order.iter().map(|&axis| axis_of(axis, rank)).collect::<Result<Vec<_>, _>>()?;
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if !sorted.iter().copied().eq(0..rank) {
        return Err("attribute 'perm' does not name each axis once".to_owned());
    }
    let plain = Seen::of(&value.shape);
    let seen = Seen { start: 0, axes: order.iter().map(|&axis| plain.axes[axis]).collect() };
    one(moved(call, &value, &seen)?)
}

/// Split along an axis, in equal parts or as a constant says.
pub(crate) fn split(call: &mut Call<'_>) -> Lowered {
    let value = call.input(0)?.clone();
    let axis = axis_of(call.int("axis", 0)?, value.shape.len())?;
    let length = value.shape[axis];
    let parts = match call.optional(1) {
        Some(_) => call.ints(1)?.iter().map(|&part| usize::try_from(part).unwrap_or(usize::MAX)).collect(),
        None => equal_parts(length, call.wanted.len().max(1), call.attributes.contains_key("num_outputs"))?,
    };
    let total = parts.iter().try_fold(0_usize, |total, &part| total.checked_add(part));
    if parts.len() != call.wanted.len() || total != Some(length) {
        return Err(format!("splits {length} into parts of {parts:?}"));
    }
    let mut outputs = Vec::with_capacity(parts.len());
    let mut start = 0;
    for (index, part) in parts.into_iter().enumerate() {
        let mut seen = Seen::of(&value.shape);
        let stride = usize::try_from(seen.axes[axis].1).unwrap_or(0);
        seen.start = if part == 0 { 0 } else { start * stride };
        seen.axes[axis].0 = part;
        start += part;
        outputs.push(if call.wanted[index] { Some(moved(call, &value, &seen)?) } else { None });
    }
    Ok(outputs)
}

fn equal_parts(length: usize, count: usize, last_smaller: bool) -> Result<Vec<usize>, String> {
    if length % count == 0 {
        return Ok(vec![length / count; count]);
    }
    let part = length.div_ceil(count);
    match length.checked_sub(part * (count - 1)) {
        Some(last) if last_smaller => Ok([vec![part; count - 1], vec![last]].concat()),
        _ => Err(format!("splits {length} into {count} parts")),
    }
}

/// Concat.
pub(crate) fn concat(call: &mut Call<'_>) -> Lowered {
    let first = call.input(0)?.clone();
    let axis = axis_of(call.int("axis", 0)?, first.shape.len())?;
    let mut shape = first.shape.clone();
    shape[axis] = 0;
    for index in 0..call.inputs.len() {
        let other = call.input(index)?;
        let same = |kept: usize| other.shape.get(kept) == first.shape.get(kept);
        if other.shape.len() != shape.len() || !(0..shape.len()).filter(|&kept| kept != axis).all(same) {
            return Err(format!("joins shapes {:?} and {:?} along axis {axis}", first.shape, other.shape));
        }
        shape[axis] = shape[axis].checked_add(other.shape[axis]).ok_or("is too large")?;
    }
    each_kind!(first.kind, T => joined::<T>(call, shape, axis))
}

fn joined<T: Element>(call: &mut Call<'_>, shape: Vec<usize>, axis: usize) -> Lowered {
    let kind = call.input(0)?.kind;
    let inner: usize = shape[axis + 1..].iter().product();
    let whole = shape[axis] * inner;
    let mut parts = Vec::with_capacity(call.inputs.len());
    for index in 0..call.inputs.len() {
        let width = call.input(index)?.shape[axis] * inner;
        if width > 0 {
            parts.push((call.source::<T>(index)?, width));
        }
    }
    one(call.builder.step(kind, shape, move |out: &mut [T], scratch| {
        let mut start = 0;
        for (source, width) in &parts {
            let rows = source.get(scratch).chunks_exact(*width);
            for (out, row) in out.chunks_exact_mut(whole.max(1)).zip(rows) {
                out[start..start + width].clone_from_slice(row);
            }
            start += width;
        }
    })?)
}

/// Pad with a constant, an edge or a mirror image; constant amounts that are not negative.
pub(crate) fn pad(call: &mut Call<'_>) -> Lowered {
    let value = call.input(0)?.clone();
    let rank = value.shape.len();
    let amounts = call.ints(1)?.iter().map(|&amount| usize::try_from(amount).map_err(|_| "takes away".to_owned()));
    let amounts: Vec<usize> = amounts.collect::<Result<_, _>>()?;
    let axes = match call.optional(3) {
        Some(_) => call.ints(3)?.iter().map(|&axis| axis_of(axis, rank)).collect::<Result<Vec<_>, _>>()?,
        None => (0..rank).collect(),
    };
    if amounts.len() != 2 * axes.len() {
        return Err("has amounts for another number of axes".to_owned());
    }
    let mode = call.text("mode", "constant")?.to_owned();
    // Of each place of the result the place that it is filled from, if any.
    let mut places: Vec<Option<u32>> = vec![Some(0)];
    let mut shape = Vec::with_capacity(rank);
    for axis in 0..rank {
        let length = value.shape[axis];
        let given = axes.iter().position(|&found| found == axis);
        let (before, after) = given.map_or((0, 0), |place| (amounts[place], amounts[place + axes.len()]));
        let whole = before.checked_add(length).and_then(|sum| sum.checked_add(after)).ok_or("is too large")?;
        shape.push(whole);
        numbers_in(&shape).ok_or("is too large")?;
        let sources = (0..whole).map(|place| source_of(place, before, length, &mode)).collect::<Result<Vec<_>, _>>()?;
        let length = u32::try_from(length).map_err(|_| "is too large")?;
        let below = |outer: &Option<u32>, inner: Option<u32>| Some(outer.as_ref()? * length + inner?);
        places = places.iter().flat_map(|outer| sources.iter().map(move |inner| below(outer, *inner))).collect();
    }
    each_kind!(value.kind, T => padded::<T>(call, shape, places))
}

fn padded<T: Element>(call: &mut Call<'_>, shape: Vec<usize>, places: Vec<Option<u32>>) -> Lowered {
    let (source, kind) = (call.source::<T>(0)?, call.input(0)?.kind);
    let filling = call.optional(2).map(|value| (Source::<T>::of(value), value.len()));
    let filling = match filling {
        None => Source::Constant(vec![T::default()].into()),
        Some((Some(source), 1)) => source,
        Some(_) => return Err("is filled with what is no single value of its type".to_owned()),
    };
    one(call.builder.step(kind, shape, move |out: &mut [T], scratch| {
        let values = source.get(scratch);
        for (out, place) in out.iter_mut().zip(&places) {
            out.clone_from(place.map_or_else(|| &filling.get(scratch)[0], |place| &values[place as usize]));
        }
    })?)
}

/// Where a place of a padded axis is filled from; `None`: from the constant.
fn source_of(place: usize, before: usize, length: usize, mode: &str) -> Result<Option<u32>, String> {
    let inside = place.checked_sub(before).filter(|&inside| inside < length);
    let found = match (inside, mode) {
        (Some(inside), _) => Some(inside),
        (None, "constant") => None,
        (None, "edge") if length > 0 => Some(if place < before { 0 } else { length - 1 }),
        (None, "reflect") if place < before && before - place < length => Some(before - place),
        (None, "reflect") if place >= before && place - before - length + 2 <= length => {
            Some(2 * length - 2 - (place - before))
        }
        _ => return Err(format!("in mode {mode} is not known for these lengths")),
    };
    found.map(|found| u32::try_from(found).map_err(|_| "is too large".to_owned())).transpose()
}
