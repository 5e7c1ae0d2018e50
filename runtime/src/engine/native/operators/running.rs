//! Operators that look along one axis: running sums, the place of the extreme, softmax, the largest few.

use std::cmp::Ordering;

use crate::engine::native::build::{Call, Lowered, axis_of, one};
use crate::engine::native::operators::number::{Float, Number};
use crate::engine::native::operators::{each_float, each_number};
use crate::engine::native::registers::widest;
use crate::engine::native::scratch::Source;
use crate::engine::native::value::Kind;

/// An axis of an array: numbers before it, its length, numbers behind it.
#[derive(Debug, Clone, Copy)]
struct Along {
    length: usize,
    inner: usize,
}

impl Along {
    fn of(shape: &[usize], axis: usize) -> Self {
        Self { length: shape[axis], inner: shape[axis + 1..].iter().product() }
    }

    /// The first place of each line of numbers along the axis.
    fn lines(self, total: usize) -> impl Iterator<Item = usize> {
        let block = self.length * self.inner;
        (0..total.checked_div(block).unwrap_or(0))
            .flat_map(move |outer| (0..self.inner).map(move |inner| outer * block + inner))
    }
}

/// Fails in a call where one of the numbers is NaN: which is the largest then, depends in onnxruntime on where they stand.
pub(crate) fn no_nan<T: Number>(call: &mut Call<'_>, source: &Source<T>) {
    #[inline(always)]
    fn any<T: Number>(values: &[T]) -> bool {
        let mut found = false;
        for value in values {
            found |= value.is_nan();
        }
        found
    }
    let source = source.clone();
    call.builder.push(move |scratch| {
        if widest!(any(source.get(scratch))) {
            scratch.fail("the largest or least of numbers is asked for of which one is NaN");
        }
    });
}

/// CumSum along a constant axis.
pub(crate) fn cumsum(call: &mut Call<'_>) -> Lowered {
    let kind = call.input(0)?.kind;
    let &[axis] = call.ints(1)? else { return Err("needs one axis".to_owned()) };
    let shape = call.input(0)?.shape.clone();
    let along = Along::of(&shape, axis_of(axis, shape.len())?);
    let (exclusive, reverse) = (call.int("exclusive", 0)? != 0, call.int("reverse", 0)? != 0);
    each_number!(call, kind, T => summed::<T>(call, along, exclusive, reverse))
}

fn summed<T: Number>(call: &mut Call<'_>, along: Along, exclusive: bool, reverse: bool) -> Lowered {
    let (source, kind, shape) = (call.source::<T>(0)?, call.input(0)?.kind, call.input(0)?.shape.clone());
    one(call.builder.step(kind, shape, move |out: &mut [T], scratch| {
        let values = source.get(scratch);
        for line in along.lines(values.len()) {
            // As onnxruntime: what comes before the first is 0 where it is written, and nothing else.
            let mut total: Option<T> = exclusive.then_some(T::ZERO);
            for step in 0..along.length {
                let step = if reverse { along.length - 1 - step } else { step };
                let place = line + step * along.inner;
                let sum = total.map_or(values[place], |total| total.add(values[place]));
                out[place] = if exclusive { total.unwrap_or(T::ZERO) } else { sum };
                total = Some(sum);
            }
        }
    })?)
}

/// ArgMax, ArgMin: the first or last place of the extreme.
pub(crate) fn arg(call: &mut Call<'_>) -> Lowered {
    let value = call.input(0)?;
    let (kind, mut shape) = (value.kind, value.shape.clone());
    let axis = axis_of(call.int("axis", 0)?, shape.len())?;
    let along = Along::of(&shape, axis);
    if along.length == 0 {
        return Err("has nothing to take the extreme of".to_owned());
    }
    if call.int("keepdims", 1)? != 0 {
        shape[axis] = 1;
    } else {
        shape.remove(axis);
    }
    let (least, last) = (call.operator == "ArgMin", call.int("select_last_index", 0)? != 0);
    each_number!(call, kind, T => {
        let source = call.source::<T>(0)?;
        no_nan(call, &source);
        one(call.builder.step(Kind::Int64, shape, move |out: &mut [i64], scratch| {
            let values = source.get(scratch);
            for (out, line) in out.iter_mut().zip(along.lines(values.len())) {
                let mut best = 0;
                for step in 1..along.length {
                    let (found, known) = (values[line + step * along.inner], values[line + best * along.inner]);
                    let better = if least { found < known } else { found > known };
                    if better || (last && found == known) {
                        best = step;
                    }
                }
                *out = i64::try_from(best).unwrap_or(0);
            }
        })?)
    })
}

/// Softmax along one axis.
pub(crate) fn softmax(call: &mut Call<'_>) -> Lowered {
    let (kind, shape) = (call.input(0)?.kind, call.input(0)?.shape.clone());
    let along = Along::of(&shape, axis_of(call.int("axis", -1)?, shape.len())?);
    each_float!(call, kind, T => {
        let source = call.source::<T>(0)?;
        one(call.builder.step(kind, shape, move |out: &mut [T], scratch| {
            let values = source.get(scratch);
            for line in along.lines(values.len()) {
                let places = (0..along.length).map(|step| line + step * along.inner);
                let largest = places.clone().map(|place| values[place]).reduce(Number::greater).unwrap_or(T::ZERO);
                let mut total = T::ZERO;
                for place in places.clone() {
                    out[place] = Float::exp(values[place].sub(largest));
                    total = total.add(out[place]);
                }
                places.for_each(|place| out[place] = out[place].div(total));
            }
        })?)
    })
}

/// TopK of a constant count, in order; of equals the one that stands first.
pub(crate) fn top_k(call: &mut Call<'_>) -> Lowered {
    let value = call.input(0)?;
    let (kind, mut shape) = (value.kind, value.shape.clone());
    let axis = axis_of(call.int("axis", -1)?, shape.len())?;
    let along = Along::of(&shape, axis);
    let count = match call.ints(1)? {
        [count] => usize::try_from(*count).ok().filter(|&count| count <= along.length),
        _ => None,
    };
    let count = count.ok_or("takes more than there are")?;
    if call.int("sorted", 1)? == 0 {
        return Err("without order is not known".to_owned());
    }
    shape[axis] = count;
    let largest = call.int("largest", 1)? != 0;
    each_number!(call, kind, T => top::<T>(call, shape, along, count, largest))
}

fn top<T: Number>(call: &mut Call<'_>, shape: Vec<usize>, along: Along, count: usize, largest: bool) -> Lowered {
    let (source, kind) = (call.source::<T>(0)?, call.input(0)?.kind);
    no_nan(call, &source);
    // Each of those that are asked for is looked for among all.
    call.builder.charge(call.input(0)?.len().saturating_mul(count))?;
    let narrow = Along { length: count, inner: along.inner };
    let places = call.builder.step(Kind::Int64, shape.clone(), {
        let source = source.clone();
        move |out: &mut [i64], scratch| {
            let values = source.get(scratch);
            for (line, place) in along.lines(values.len()).zip(narrow.lines(out.len())) {
                // A selection without memory of its own: what comes next is the best of those behind the one before.
                let mut before: Option<usize> = None;
                for step in 0..count {
                    let behind = |&candidate: &usize| {
                        before.is_none_or(|before| goes_before(values, (line, along.inner), largest, before, candidate))
                    };
                    let next = (0..along.length).filter(behind).reduce(|best, candidate| {
                        if goes_before(values, (line, along.inner), largest, candidate, best) {
                            candidate
                        } else {
                            best
                        }
                    });
                    let next = next.unwrap_or(0);
                    out[place + step * narrow.inner] = i64::try_from(next).unwrap_or(0);
                    before = Some(next);
                }
            }
        }
    })?;
    let found = Source::<i64>::of(&places).ok_or("is of another type")?;
    let values = call.builder.step(kind, shape, move |out: &mut [T], scratch| {
        let (values, found) = (source.get(scratch), found.get(scratch));
        for (line, place) in along.lines(values.len()).zip(narrow.lines(out.len())) {
            for step in 0..count {
                let from = usize::try_from(found[place + step * narrow.inner]).unwrap_or(0);
                out[place + step * narrow.inner] = values[line + from * along.inner];
            }
        }
    })?;
    Ok(vec![Some(values), Some(places)])
}

/// Whether one place comes before another: by its number, then by where it stands.
fn goes_before<T: Number>(
    values: &[T],
    (line, inner): (usize, usize),
    largest: bool,
    one: usize,
    other: usize,
) -> bool {
    let (left, right) = (values[line + one * inner], values[line + other * inner]);
    let order = left.partial_cmp(&right).unwrap_or(Ordering::Equal);
    let order = if largest { order.reverse() } else { order };
    order.then(one.cmp(&other)) == Ordering::Less
}
