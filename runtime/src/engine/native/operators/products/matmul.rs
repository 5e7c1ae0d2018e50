//! Matrix products: each sum runs along its axis in order, several columns at a time, so that the compiler can use wide
//! registers and the bits are the same whatever their width.

use crate::engine::native::build::{Call, Lowered, one};
use crate::engine::native::operators::arithmetic::pairs;
use crate::engine::native::operators::each_float;
use crate::engine::native::operators::moves::{Seen, moved};
use crate::engine::native::operators::number::{Float, Number};
use crate::engine::native::operators::products::packed::Packed;
use crate::engine::native::operators::spread::{broadcast, strides_in};
use crate::engine::native::read::numbers_in;
use crate::engine::native::registers::widest;
use crate::engine::native::scratch::{Element, Source};
use crate::engine::native::value::Value;

/// `out[n] = sum over k of row[k] * matrix[k, n]`.
pub(crate) fn row_times<T: Float>(row: &[T], matrix: &[T], out: &mut [T]) {
    let width = out.len();
    let mut column = 0;
    while column + 8 <= width {
        tile::<T, 8>(row, matrix, out, column);
        column += 8;
    }
    if column + 4 <= width {
        tile::<T, 4>(row, matrix, out, column);
        column += 4;
    }
    match width - column {
        3 => tile::<T, 3>(row, matrix, out, column),
        2 => tile::<T, 2>(row, matrix, out, column),
        1 => tile::<T, 1>(row, matrix, out, column),
        _ => {}
    }
}

fn tile<T: Float, const N: usize>(row: &[T], matrix: &[T], out: &mut [T], column: usize) {
    let width = out.len();
    let mut totals = [T::ZERO; N];
    for (factor, values) in row.iter().zip(matrix.chunks_exact(width)) {
        if let Some(values) = values[column..].first_chunk::<N>() {
            for (total, value) in totals.iter_mut().zip(values) {
                *total = total.add(factor.mul(*value));
            }
        }
    }
    out[column..column + N].copy_from_slice(&totals);
}

/// MatMul, as numpy's.
pub(crate) fn matmul(call: &mut Call<'_>) -> Lowered {
    let (left, right) = (call.input(0)?.clone(), call.input(1)?.clone());
    if left.kind != right.kind || left.shape.is_empty() || right.shape.is_empty() {
        return Err("multiplies what are no matrices of one type".to_owned());
    }
    each_float!(call, left.kind, T => product::<T>(call, &left, &right))
}

fn product<T: Float>(call: &mut Call<'_>, left: &Value, right: &Value) -> Lowered {
    let whole_left = if left.shape.len() == 1 { vec![1, left.shape[0]] } else { left.shape.clone() };
    let whole_right = if right.shape.len() == 1 { vec![right.shape[0], 1] } else { right.shape.clone() };
    let (front_left, matrix_left) = whole_left.split_at(whole_left.len() - 2);
    let (front_right, matrix_right) = whole_right.split_at(whole_right.len() - 2);
    let ([height, depth], [depth_right, width]) = (matrix_left, matrix_right) else {
        return Err("multiplies what are no matrices".to_owned());
    };
    let (height, depth, width) = (*height, *depth, *width);
    if depth != *depth_right {
        return Err(format!("multiplies shapes {:?} and {:?}", left.shape, right.shape));
    }
    let front = broadcast(&[front_left, front_right])?;
    numbers_in(&front).ok_or("is too large")?;
    let starts = |from: &[usize], size: usize| -> Result<Vec<u32>, String> {
        let steps = strides_in(from, &front);
        let axes = front.iter().zip(steps).map(|(&length, step)| (length, isize::try_from(step * size).unwrap_or(0)));
        let (starts, run) = Seen { start: 0, axes: axes.collect() }.runs().ok_or("is too large")?;
        Ok(starts
            .iter()
            .flat_map(|&start| (0..u32::try_from(run).unwrap_or(0)).map(move |more| start + more))
            .collect())
    };
    let matrices: Vec<(u32, u32)> =
        starts(front_left, height * depth)?.into_iter().zip(starts(front_right, depth * width)?).collect();
    let work = [matrices.len(), height, depth, width].iter().try_fold(1_usize, |work, &size| work.checked_mul(size));
    call.builder.charge(work.ok_or("is too large")?)?;
    let mut shape = front;
    shape.extend((left.shape.len() > 1).then_some(height));
    shape.extend((right.shape.len() > 1).then_some(width));
    let (source_left, source_right) = (call.source::<T>(0)?, call.source::<T>(1)?);
    if let (Source::Constant(matrix), true) = (&source_right, front_right.iter().product::<usize>() == 1) {
        let packed = Packed::of(depth, width, |row, column| matrix[row * width + column]);
        return one(call.builder.step(left.kind, shape, move |out: &mut [T], scratch| {
            widest!(packed.times(source_left.get(scratch), depth, out));
        })?);
    }
    one(call.builder.step(left.kind, shape, move |out: &mut [T], scratch| {
        let (left, right) = (source_left.get(scratch), source_right.get(scratch));
        if depth == 0 || out.is_empty() {
            out.fill(T::ZERO);
            return;
        }
        for (out, (left_start, right_start)) in out.chunks_exact_mut(height * width).zip(&matrices) {
            let left = &left[*left_start as usize..][..height * depth];
            let right = &right[*right_start as usize..][..depth * width];
            for (out, row) in out.chunks_exact_mut(width).zip(left.chunks_exact(depth)) {
                row_times(row, right, out);
            }
        }
    })?)
}

/// Gemm.
pub(crate) fn gemm(call: &mut Call<'_>) -> Lowered {
    call.only(&["alpha", "beta", "transA", "transB"])?;
    let (mut left, mut right) = (call.input(0)?.clone(), call.input(1)?.clone());
    let turns = [call.int("transA", 0)? != 0, call.int("transB", 0)? != 0];
    for (matrix, turned) in [&mut left, &mut right].into_iter().zip(turns) {
        let [height, width] = *matrix.shape else { return Err("multiplies what are no matrices".to_owned()) };
        if turned {
            let step = isize::try_from(width).map_err(|_| "is too large")?;
            *matrix = moved(call, &matrix.clone(), &Seen { start: 0, axes: vec![(width, 1), (height, step)] })?;
        }
    }
    let (alpha, beta) = (f64::from(call.float("alpha", 1.0)?), f64::from(call.float("beta", 1.0)?));
    let third = call.optional(2).cloned();
    each_float!(call, left.kind, T => {
        let inputs = [Some(left.clone()), Some(right.clone())];
        let mut inner = Call {
            operator: call.operator,
            inputs: &inputs,
            attributes: call.attributes,
            opsets: call.opsets,
            kept: call.kept,
            columns: None,
            wanted: call.wanted,
            builder: &mut *call.builder,
        };
        let product = product::<T>(&mut inner, &left, &right)?.pop().flatten().ok_or("has no product")?;
        let scaled = |call: &mut Call<'_>, value: Value, factor: f64| {
            if factor == 1.0 {
                return Ok(value);
            }
            let factor = Value::constant(value.kind, Vec::new(), T::data(vec![T::of_f64(factor)]));
            pairs(call.builder, value.kind, (&value, &factor), |a: &T, b: &T| Number::mul(*a, *b))
        };
        let product = scaled(call, product, alpha)?;
        let Some(third) = third else { return one(product) };
        if broadcast(&[&product.shape, &third.shape])? != product.shape || numbers_in(&product.shape).is_none() {
            return Err("adds what does not fit".to_owned());
        }
        let third = scaled(call, third, beta)?;
        one(pairs(call.builder, product.kind, (&product, &third), |a: &T, b: &T| Number::add(*a, *b))?)
    })
}
