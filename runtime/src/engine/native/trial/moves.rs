//! Nodes that only move values.

use crate::engine::native::trial::maker::{Bound, Made, Maker};
use crate::engine::native::trial::onnx::{Given, tensor};
use crate::engine::native::trial::values::{Taste, values};
use crate::engine::native::value::{Data, Kind};

fn int(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(0)
}

/// One of the axes, counted from either end.
fn axis(maker: &mut Maker<'_>, rank: usize) -> (usize, i64) {
    let axis = maker.source.below(rank);
    (axis, if maker.source.chance(30) { int(axis) - int(rank) } else { int(axis) })
}

/// A value with one axis at least.
pub(crate) fn with_axes(maker: &mut Maker<'_>) -> Made {
    let found = maker.anything(4);
    if !found.shape.is_empty() {
        return found;
    }
    let kind = maker.any_kind();
    let shape = [maker.source.below(5), 1 + maker.source.below(4)];
    maker.fresh(kind, &shape, Taste::Any)
}

pub(crate) fn concat(maker: &mut Maker<'_>) {
    let first = with_axes(maker);
    let (place, given) = axis(maker, first.shape.len());
    let mut all = vec![first.clone()];
    for _ in 0..maker.source.below(3) {
        let mut shape = first.shape.clone();
        shape[place] = maker.source.below(4);
        all.push(if maker.source.chance(20) { first.clone() } else { maker.fresh(first.kind, &shape, Taste::Any) });
    }
    let mut shape = first.shape.clone();
    shape[place] = all.iter().map(|made| made.shape[place]).sum();
    let names: Vec<&str> = all.iter().map(|made| made.name.as_str()).collect();
    maker.node("Concat", &names, &[(first.kind, shape, first.bound)], &[("axis", Given::Int(given))]);
}

pub(crate) fn transpose(maker: &mut Maker<'_>) {
    let value = maker.anything(4);
    let mut order: Vec<usize> = (0..value.shape.len()).rev().collect();
    let mut attributes = Vec::new();
    if maker.source.chance(70) {
        for place in (1..order.len()).rev() {
            order.swap(place, maker.source.below(place + 1));
        }
        attributes.push(("perm", Given::Ints(order.iter().map(|&axis| int(axis)).collect())));
    }
    let shape = order.iter().map(|&axis| value.shape[axis]).collect();
    maker.node("Transpose", &[&value.name], &[(value.kind, shape, value.bound)], &attributes);
}

/// Another shape with as many places.
fn other_shape(maker: &mut Maker<'_>, len: usize) -> Vec<usize> {
    let mut shape = Vec::new();
    let mut rest = len;
    for _ in 0..maker.source.below(4) {
        let part = maker.source.pick(&[1, 2, 3, 4, 5]);
        if rest % part == 0 {
            shape.push(part);
            rest /= part;
        }
    }
    let place = maker.source.below(shape.len() + 1);
    shape.insert(place, rest);
    shape
}

pub(crate) fn reshape(maker: &mut Maker<'_>) {
    let value = maker.anything(4);
    let len: usize = value.shape.iter().product();
    let shape = other_shape(maker, len);
    let mut given: Vec<i64> = shape.iter().map(|&length| int(length)).collect();
    let keep = maker.source.chance(if maker.opset[0] >= 14 { 30 } else { 0 });
    let attributes = if keep { vec![("allowzero", Given::Int(1))] } else { Vec::new() };
    if !keep && len > 0 && maker.source.chance(40) {
        let place = maker.source.below(given.len());
        given[place] = -1;
    }
    let given = maker.ints(&given);
    maker.node("Reshape", &[&value.name, &given.name], &[(value.kind, shape, value.bound)], &attributes);
}

/// Flatten, Squeeze, Unsqueeze.
pub(crate) fn reaxis(maker: &mut Maker<'_>) {
    let value = maker.anything(4);
    let rank = value.shape.len();
    match maker.source.below(3) {
        0 => {
            let at = maker.source.below(rank + 1);
            let shape = vec![value.shape[..at].iter().product(), value.shape[at..].iter().product()];
            let given = if at < rank && maker.source.chance(30) { int(at) - int(rank) } else { int(at) };
            let attributes = [("axis", Given::Int(given))];
            maker.node("Flatten", &[&value.name], &[(value.kind, shape, value.bound)], &attributes);
        }
        1 => {
            let ones: Vec<usize> = (0..rank).filter(|&axis| value.shape[axis] == 1).collect();
            let gone: Vec<usize> = ones.iter().copied().filter(|_| maker.source.chance(60)).collect();
            if gone.is_empty() {
                let shape = value.shape.iter().copied().filter(|&length| length != 1).collect();
                maker.node("Squeeze", &[&value.name], &[(value.kind, shape, value.bound)], &[]);
                return;
            }
            let shape = (0..rank).filter(|axis| !gone.contains(axis)).map(|axis| value.shape[axis]).collect();
            let turned: Vec<i64> = gone
                .iter()
                .map(|&axis| if maker.source.chance(30) { int(axis) - int(rank) } else { int(axis) })
                .collect();
            let axes = maker.ints(&turned);
            maker.node("Squeeze", &[&value.name, &axes.name], &[(value.kind, shape, value.bound)], &[]);
        }
        _ => {
            let more = 1 + maker.source.below(2);
            let mut axes: Vec<usize> = (0..rank + more).collect();
            for place in (1..axes.len()).rev() {
                axes.swap(place, maker.source.below(place + 1));
            }
            axes.truncate(more);
            let mut rest = value.shape.iter().copied();
            let shape =
                (0..rank + more).map(|axis| if axes.contains(&axis) { 1 } else { rest.next().unwrap_or(1) }).collect();
            let all = int(rank + more);
            let turned: Vec<i64> =
                axes.iter().map(|&axis| if maker.source.chance(30) { int(axis) - all } else { int(axis) }).collect();
            let axes = maker.ints(&turned);
            maker.node("Unsqueeze", &[&value.name, &axes.name], &[(value.kind, shape, value.bound)], &[]);
        }
    }
}

/// Shape, Size, Constant, ConstantOfShape.
pub(crate) fn known(maker: &mut Maker<'_>) {
    match maker.source.below(4) {
        0 => {
            let value = maker.anything(4);
            let rank = value.shape.len();
            let (mut start, mut end, mut attributes) = (0, rank, Vec::new());
            if maker.opset[0] >= 15 && maker.source.chance(50) {
                start = maker.source.below(rank + 1);
                end = maker.source.below(rank + 2).min(rank);
                let given = if start < rank && maker.source.chance(30) { int(start) - int(rank) } else { int(start) };
                attributes = vec![("start", Given::Int(given)), ("end", Given::Int(int(end)))];
            }
            let len = end.saturating_sub(start);
            maker.node("Shape", &[&value.name], &[(Kind::Int64, vec![len], Bound::Bits)], &attributes);
        }
        1 => {
            let value = maker.anything(4);
            maker.node("Size", &[&value.name], &[(Kind::Int64, vec![], Bound::Bits)], &[]);
        }
        2 => {
            let kind = maker.any_kind();
            let shape = [maker.source.below(4)];
            let data = values(&mut maker.source, kind, shape[0], Taste::Any);
            let given = Given::Tensor(tensor("t", kind, &shape, &data, true));
            maker.node("Constant", &[], &[(kind, shape.to_vec(), Bound::Bits)], &[("value", given)]);
        }
        _ => {
            let kind = maker.number_kind();
            let shape: Vec<usize> = (0..maker.source.below(4)).map(|_| maker.source.below(4)).collect();
            let data = values(&mut maker.source, kind, 1, Taste::Any);
            let given = Given::Tensor(tensor("t", kind, &[1], &data, false));
            let lengths: Vec<i64> = shape.iter().map(|&length| int(length)).collect();
            let lengths = maker.ints(&lengths);
            maker.node("ConstantOfShape", &[&lengths.name], &[(kind, shape, Bound::Bits)], &[("value", given)]);
        }
    }
}

/// Expand, Tile.
pub(crate) fn repeat(maker: &mut Maker<'_>) {
    let value = maker.anything(3);
    if maker.source.chance(50) {
        let times: Vec<usize> = value.shape.iter().map(|_| maker.source.below(4)).collect();
        let shape = value.shape.iter().zip(&times).map(|(length, times)| length * times).collect();
        let given: Vec<i64> = times.iter().map(|&times| int(times)).collect();
        let given = maker.ints(&given);
        maker.node("Tile", &[&value.name, &given.name], &[(value.kind, shape, value.bound)], &[]);
        return;
    }
    let mut shape: Vec<usize> =
        value.shape.iter().map(|&length| if length == 1 { maker.source.below(4) } else { length }).collect();
    let mut wished = shape.clone();
    for (place, length) in wished.iter_mut().enumerate() {
        if maker.source.chance(30) && value.shape[place] == *length {
            *length = 1;
        }
    }
    if maker.source.chance(40) {
        let more = maker.source.pick(&[1, 2, 3]);
        shape.insert(0, more);
        wished.insert(0, more);
    }
    let given: Vec<i64> = wished.iter().map(|&length| int(length)).collect();
    let given = maker.ints(&given);
    maker.node("Expand", &[&value.name, &given.name], &[(value.kind, shape, value.bound)], &[]);
}

pub(crate) fn split(maker: &mut Maker<'_>) {
    let value = with_axes(maker);
    let (place, given) = axis(maker, value.shape.len());
    let length = value.shape[place];
    let mut parts = Vec::new();
    let mut rest = length;
    for _ in 0..maker.source.below(3) {
        let part = maker.source.below(rest + 1);
        parts.push(part);
        rest -= part;
    }
    parts.push(rest);
    let mut attributes = vec![("axis", Given::Int(given))];
    let mut names = vec![value.name.clone()];
    if maker.source.chance(30) && length > 0 {
        let count = (1..=length).rev().find(|count| length % count == 0 && *count <= 3).unwrap_or(1);
        parts = vec![length / count; count];
        if maker.opset[0] >= 18 {
            attributes.push(("num_outputs", Given::Int(int(count))));
        }
    } else {
        let given: Vec<i64> = parts.iter().map(|&part| int(part)).collect();
        names.push(maker.ints(&given).name);
    }
    let outputs: Vec<_> = parts
        .iter()
        .map(|&part| {
            let mut shape = value.shape.clone();
            shape[place] = part;
            (value.kind, shape, value.bound)
        })
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    maker.node("Split", &names, &outputs, &attributes);
}

pub(crate) fn pad(maker: &mut Maker<'_>) {
    let value = with_axes(maker);
    let mode = maker.source.pick(&["constant", "constant", "edge", "reflect"]);
    let rank = value.shape.len();
    let mut amount = |length: usize| match mode {
        "reflect" => maker.source.below(length.max(1)),
        "edge" if length == 0 => 0,
        _ => maker.source.below(3),
    };
    let before: Vec<usize> = value.shape.iter().map(|&length| amount(length)).collect();
    let after: Vec<usize> = value.shape.iter().map(|&length| amount(length)).collect();
    let shape = (0..rank).map(|axis| before[axis] + value.shape[axis] + after[axis]).collect();
    let given: Vec<i64> = before.iter().chain(&after).map(|&amount| int(amount)).collect();
    let mut names = vec![value.name.clone(), maker.ints(&given).name];
    if mode == "constant" && maker.source.chance(60) {
        names.push(maker.fresh(value.kind, &[], Taste::Any).name);
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    maker.node("Pad", &names, &[(value.kind, shape, value.bound)], &[("mode", Given::Text(mode.to_owned()))]);
}

/// Slice, forwards and backwards, beyond the ends.
pub(crate) fn slice(maker: &mut Maker<'_>) {
    let value = with_axes(maker);
    let rank = value.shape.len();
    let mut shape = value.shape.clone();
    let mut all = [Vec::new(), Vec::new(), Vec::new(), Vec::new()];
    for place in 0..rank {
        if maker.source.chance(40) {
            continue;
        }
        let length = int(value.shape[place]);
        let mut end_point = || match maker.source.below(8) {
            0 => i64::MAX,
            1 => i64::MIN + 1,
            _ => maker.source.between(-length - 2, length + 2),
        };
        let (start, end) = (end_point(), end_point());
        let step = maker.source.pick(&[1, 1, 2, 3, -1, -2, 5, -7]);
        let from_front = |point: i64| if point < 0 { point.saturating_add(length) } else { point };
        let picked: Vec<i64> = if step > 0 {
            let (start, end) = (from_front(start).clamp(0, length), from_front(end).clamp(0, length));
            (start..end).step_by(usize::try_from(step).unwrap_or(1)).collect()
        } else {
            let start = from_front(start).clamp(-1, length - 1);
            let end = from_front(end).clamp(-1, length - 1);
            (end + 1..=start).rev().step_by(usize::try_from(-step).unwrap_or(1)).collect()
        };
        // onnxruntime clamps a start before the first place to the first, where steps go backwards.
        let below = step < 0 && from_front(start) < 0;
        shape[place] = if below && length > 0 { usize::from(from_front(end) < 0) } else { picked.len() };
        let given = if maker.source.chance(30) { int(place) - int(rank) } else { int(place) };
        for (list, number) in all.iter_mut().zip([start, end, given, step]) {
            list.push(number);
        }
    }
    if all[0].is_empty() {
        all = [vec![0], vec![int(value.shape[0])], vec![0], vec![1]];
    }
    let mut names = vec![value.name.clone()];
    names.extend(all.iter().map(|list| maker.ints(list).name));
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    maker.node("Slice", &names, &[(value.kind, shape, value.bound)], &[]);
}

/// Indices into an axis; out of range now and then.
fn indices(maker: &mut Maker<'_>, shape: &[usize], length: usize) -> Made {
    let len: usize = shape.iter().product();
    let outside = maker.source.chance(4);
    let numbers: Vec<i64> = (0..len)
        .map(|_| {
            if outside || length == 0 {
                maker.source.pick(&[int(length), -int(length) - 1, i64::MAX, i64::MIN, 0])
            } else {
                maker.source.between(-int(length), int(length) - 1)
            }
        })
        .collect();
    let kind = if maker.source.chance(20) { Kind::Int32 } else { Kind::Int64 };
    let numbers = if kind == Kind::Int32 {
        numbers.into_iter().map(|n| n.clamp(i32::MIN.into(), i32::MAX.into())).collect()
    } else {
        numbers
    };
    let data = Data::Int64(numbers.into());
    if maker.source.chance(50) { maker.constant(kind, shape, &data) } else { maker.input(kind, shape, data) }
}

/// Gather, GatherElements, GatherND.
pub(crate) fn gather(maker: &mut Maker<'_>) {
    let value = with_axes(maker);
    let rank = value.shape.len();
    let (place, given) = axis(maker, rank);
    let length = value.shape[place];
    match maker.source.below(3) {
        0 => {
            let wanted: Vec<usize> = (0..maker.source.below(3)).map(|_| maker.source.below(4)).collect();
            let found = indices(maker, &wanted, length);
            let shape = [&value.shape[..place], &wanted, &value.shape[place + 1..]].concat();
            let attributes = [("axis", Given::Int(given))];
            maker.node("Gather", &[&value.name, &found.name], &[(value.kind, shape, value.bound)], &attributes);
        }
        1 => {
            let mut wanted: Vec<usize> = value.shape.iter().map(|&l| maker.source.below(l + 1)).collect();
            wanted[place] = maker.source.below(5);
            let found = indices(maker, &wanted, length);
            let attributes = [("axis", Given::Int(given))];
            let outputs = [(value.kind, wanted, value.bound)];
            maker.node("GatherElements", &[&value.name, &found.name], &outputs, &attributes);
        }
        _ => {
            let batch = if rank > 1 { maker.source.below(rank) } else { 0 };
            let depth = 1 + maker.source.below(rank - batch);
            let mut wanted = value.shape[..batch].to_vec();
            wanted.extend((0..maker.source.below(3)).map(|_| maker.source.below(4)));
            let front = wanted.clone();
            wanted.push(depth);
            let least = value.shape[batch..batch + depth].iter().copied().min().unwrap_or(0);
            let found = indices(maker, &wanted, least);
            let shape = [&front[..], &value.shape[batch + depth..]].concat();
            let attributes = [("batch_dims", Given::Int(int(batch)))];
            maker.node("GatherND", &[&value.name, &found.name], &[(value.kind, shape, value.bound)], &attributes);
        }
    }
}
