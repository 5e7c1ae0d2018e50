//! Operators that say or change how values are laid out. All shapes are known when a plan is made.

use crate::engine::native::build::{Call, Lowered, axis_of, one};
use crate::engine::native::operators::moves::{Seen, moved};
use crate::engine::native::operators::spread::{broadcast, strides_in};
use crate::engine::native::read::{Attribute, numbers_in};
use crate::engine::native::scratch::Element;
use crate::engine::native::value::{Kind, Value};

fn length_of(length: i64) -> Result<usize, String> {
    usize::try_from(length).map_err(|_| format!("has a length of {length}"))
}

fn seen_as(call: &Call<'_>, shape: Vec<usize>) -> Lowered {
    let value = call.input(0)?;
    if numbers_in(&shape) != Some(value.len()) {
        return Err(format!("from shape {:?} to {shape:?}", value.shape));
    }
    one(value.seen_as(shape))
}

/// Identity.
pub(crate) fn identity(call: &mut Call<'_>) -> Lowered {
    one(call.input(0)?.clone())
}

/// Reshape with a constant shape.
pub(crate) fn reshape(call: &mut Call<'_>) -> Lowered {
    let value = call.input(0)?;
    let keeps_zero = call.int("allowzero", 0)? != 0;
    let mut shape = Vec::new();
    let mut open = None;
    for (axis, &length) in call.ints(1)?.iter().enumerate() {
        shape.push(match length {
            -1 if open.is_none() => {
                open = Some(axis);
                1
            }
            0 if !keeps_zero => *value.shape.get(axis).ok_or("copies the length of an axis that is not there")?,
            length => length_of(length)?,
        });
    }
    if let Some(axis) = open {
        let known = numbers_in(&shape).filter(|&known| known > 0).ok_or("has a shape that leaves a length open")?;
        shape[axis] = value.len() / known;
    }
    seen_as(call, shape)
}

/// Flatten.
pub(crate) fn flatten(call: &mut Call<'_>) -> Lowered {
    let shape = &call.input(0)?.shape;
    let axis = call.int("axis", 1)?;
    let axis = if usize::try_from(axis) == Ok(shape.len()) { shape.len() } else { axis_of(axis, shape.len())? };
    let (front, back) = shape.split_at(axis);
    let shape = vec![front.iter().product(), back.iter().product()];
    seen_as(call, shape)
}

/// Axes as an input (or an attribute, as before operator set 13).
fn axes(call: &Call<'_>, rank: usize) -> Result<Option<Vec<usize>>, String> {
    let given = match call.optional(1) {
        Some(_) => Some(call.ints(1)?),
        None => call.ints_attribute("axes")?,
    };
    given.map(|axes| axes.iter().map(|&axis| axis_of(axis, rank)).collect()).transpose()
}

/// Squeeze.
pub(crate) fn squeeze(call: &mut Call<'_>) -> Lowered {
    let shape = call.input(0)?.shape.clone();
    let gone = axes(call, shape.len())?;
    if gone.iter().flatten().any(|&axis| shape[axis] != 1) {
        return Err(format!("takes an axis out of shape {shape:?} that is not of length 1"));
    }
    let keep = |axis: usize| gone.as_ref().map_or(shape[axis] != 1, |gone| !gone.contains(&axis));
    let kept = (0..shape.len()).filter(|&axis| keep(axis)).map(|axis| shape[axis]).collect();
    seen_as(call, kept)
}

/// Unsqueeze.
pub(crate) fn unsqueeze(call: &mut Call<'_>) -> Lowered {
    let old = call.input(0)?.shape.clone();
    let rank = old.len() + call.ints(1)?.len();
    let mut new = axes(call, rank)?.unwrap_or_default();
    new.sort_unstable();
    let given = new.len();
    new.dedup();
    if new.len() != given {
        return Err("has an axis twice".to_owned());
    }
    let mut rest = old.into_iter();
    let shape = (0..rank).map(|axis| if new.contains(&axis) { 1 } else { rest.next().unwrap_or(1) }).collect();
    seen_as(call, shape)
}

/// Shape, or a part of it.
pub(crate) fn shape(call: &mut Call<'_>) -> Lowered {
    let shape = &call.input(0)?.shape;
    let rank = i64::try_from(shape.len()).unwrap_or(0);
    let place = |given: i64| usize::try_from(if given < 0 { given + rank } else { given }.clamp(0, rank)).unwrap_or(0);
    let (start, end) = (place(call.int("start", 0)?), place(call.int("end", i64::MAX)?));
    let part = shape.get(start..end.max(start)).unwrap_or_default();
    let lengths = part.iter().map(|&length| i64::try_from(length).unwrap_or(0)).collect::<Vec<_>>();
    one(Value::constant(Kind::Int64, vec![lengths.len()], i64::data(lengths)))
}

/// Size.
pub(crate) fn size(call: &mut Call<'_>) -> Lowered {
    let count = i64::try_from(call.input(0)?.len()).unwrap_or(0);
    one(Value::constant(Kind::Int64, Vec::new(), i64::data(vec![count])))
}

/// Expand to a constant shape.
pub(crate) fn expand(call: &mut Call<'_>) -> Lowered {
    let value = call.input(0)?.clone();
    let wished = call.ints(1)?.iter().map(|&length| length_of(length)).collect::<Result<Vec<_>, _>>()?;
    let shape = broadcast(&[&value.shape, &wished])?;
    if wished.contains(&0) && !value.shape.contains(&0) {
        return Err("to a length of 0 is not known".to_owned());
    }
    numbers_in(&shape).ok_or("is too large")?;
    let steps = strides_in(&value.shape, &shape);
    let axes = shape.iter().zip(steps).map(|(&length, step)| (length, isize::try_from(step).unwrap_or(0))).collect();
    one(moved(call, &value, &Seen { start: 0, axes })?)
}

/// Tile a constant number of times.
pub(crate) fn tile(call: &mut Call<'_>) -> Lowered {
    let value = call.input(0)?.clone();
    let times = call.ints(1)?.iter().map(|&times| length_of(times)).collect::<Result<Vec<_>, _>>()?;
    if times.len() != value.shape.len() {
        return Err("repeats another number of axes".to_owned());
    }
    let whole: Option<Vec<usize>> =
        value.shape.iter().zip(&times).map(|(length, times)| length.checked_mul(*times)).collect();
    let whole = whole.filter(|shape| numbers_in(shape).is_some()).ok_or("is too large")?;
    let plain = Seen::of(&value.shape);
    let axes = times.iter().zip(plain.axes).flat_map(|(&times, axis)| [(times, 0), axis]).collect();
    let tiled = moved(call, &value, &Seen { start: 0, axes })?;
    one(tiled.seen_as(whole))
}

/// Constant.
pub(crate) fn constant(call: &mut Call<'_>) -> Lowered {
    let single = |kind, data| Value::constant(kind, Vec::new(), data);
    let row = |kind, len, data| Value::constant(kind, vec![len], data);
    let (name, found) = call.attributes.iter().next().ok_or("has no value")?;
    one(match (name.as_str(), found) {
        ("value", Attribute::Tensor(value)) => value.clone(),
        ("value_float", Attribute::Float(value)) => single(Kind::Float32, f32::data(vec![*value])),
        ("value_int", Attribute::Int(value)) => single(Kind::Int64, i64::data(vec![*value])),
        ("value_string", Attribute::Text(value)) => single(Kind::Text, String::data(vec![value.clone()])),
        ("value_floats", Attribute::Floats(values)) => row(Kind::Float32, values.len(), f32::data(values.clone())),
        ("value_ints", Attribute::Ints(values)) => row(Kind::Int64, values.len(), i64::data(values.clone())),
        ("value_strings", Attribute::Texts(values)) => row(Kind::Text, values.len(), String::data(values.clone())),
        _ => return Err(format!("attribute '{name}' is not known")),
    })
}

/// ConstantOfShape.
pub(crate) fn constant_of_shape(call: &mut Call<'_>) -> Lowered {
    let shape = call.ints(0)?.iter().map(|&length| length_of(length)).collect::<Result<Vec<_>, _>>()?;
    numbers_in(&shape).ok_or("is too large")?;
    let zero = Value::constant(Kind::Float32, vec![1], f32::data(vec![0.0]));
    let value = call.tensor_attribute("value")?.unwrap_or(&zero).clone();
    if value.len() != 1 {
        return Err("has a value that is not one".to_owned());
    }
    let axes = shape.iter().map(|&length| (length, 0)).collect();
    one(moved(call, &value, &Seen { start: 0, axes })?)
}
