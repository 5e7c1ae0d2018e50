//! LSTM, GRU and RNN: the products with all steps first, then step by step. Each row of a batch for itself, so that one
//! row and many give the same bits.

use std::sync::Arc;

use crate::engine::native::build::{Call, Lowered};
use crate::engine::native::operators::each_float;
use crate::engine::native::operators::index::whole_numbers;
use crate::engine::native::operators::number::Float;
use crate::engine::native::operators::products::packed::Packed;
use crate::engine::native::read::Attribute;
use crate::engine::native::registers::widest;
use crate::engine::native::scratch::{Scratch, Source};
use crate::engine::native::value::Spot;

/// A function of a gate.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Gate {
    Sigmoid,
    Tanh,
    Relu,
    Softsign,
    /// The slope below 0.
    LeakyRelu(f32),
    /// alpha x + beta.
    Affine(f32, f32),
    /// The same, between 0 and 1.
    HardSigmoid(f32, f32),
}

impl Gate {
    /// One by its name, which takes what it needs of the operator's alphas and betas.
    fn of(
        name: &str,
        alphas: &mut impl Iterator<Item = f32>,
        betas: &mut impl Iterator<Item = f32>,
    ) -> Result<Self, String> {
        // What ONNX and onnxruntime take for those left out is not the same everywhere.
        let mut alpha = || alphas.next().ok_or_else(|| format!("activation '{name}' needs its activation_alpha"));
        let mut beta = || betas.next().ok_or_else(|| format!("activation '{name}' needs its activation_beta"));
        Ok(match name {
            "Sigmoid" => Self::Sigmoid,
            "Tanh" => Self::Tanh,
            "Relu" => Self::Relu,
            "Softsign" => Self::Softsign,
            "LeakyRelu" => Self::LeakyRelu(alpha()?),
            "Affine" => Self::Affine(alpha()?, beta()?),
            "HardSigmoid" => Self::HardSigmoid(alpha()?, beta()?),
            // How our compiler writes tanh where onnxruntime's own ends beyond 1.
            "ScaledTanh" if (alpha()?, beta()?) == (1.0, 1.0) => Self::Tanh,
            "ScaledTanh" => return Err("activation 'ScaledTanh' is known with 1 and 1 alone".to_owned()),
            _ => return Err(format!("activation '{name}' is not known")),
        })
    }

    #[inline(always)]
    fn apply<T: Float>(self, values: &mut [T]) {
        match self {
            Self::Sigmoid => T::sigmoid_all(values),
            Self::Tanh => T::tanh_all(values),
            Self::Relu => {
                for value in values {
                    *value = value.greater(T::ZERO);
                }
            }
            Self::Softsign => {
                for value in values {
                    *value = value.div(T::ONE.add(value.abs()));
                }
            }
            Self::LeakyRelu(slope) => {
                let slope = T::of_f64(slope.into());
                for value in values {
                    *value = if *value < T::ZERO { slope.mul(*value) } else { *value };
                }
            }
            Self::Affine(alpha, beta) => line(values, alpha, beta),
            Self::HardSigmoid(alpha, beta) => {
                line(values, alpha, beta);
                for value in values {
                    *value = value.greater(T::ZERO).lesser(T::ONE);
                }
            }
        }
    }
}

#[inline(always)]
fn line<T: Float>(values: &mut [T], alpha: f32, beta: f32) {
    let (alpha, beta) = (T::of_f64(alpha.into()), T::of_f64(beta.into()));
    for value in values {
        *value = alpha.mul(*value).add(beta);
    }
}

/// What kind of cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    Lstm,
    /// Whether the reset gate comes after the product.
    Gru(bool),
    Rnn,
}

impl Cell {
    fn gates(self) -> usize {
        match self {
            Self::Lstm => 4,
            Self::Gru(_) => 3,
            Self::Rnn => 1,
        }
    }
}

/// One direction.
#[derive(Debug)]
struct Way<T> {
    /// [input, gates x units]
    input: Packed<T>,
    /// [unit, gates x units]; of a GRU that resets the state before its product, without the hidden gate.
    state: Packed<T>,
    /// [unit, units]: that gate.
    hidden: Option<Packed<T>>,
    /// Of the input's product.
    bias: Vec<T>,
    /// Of the state's product.
    second: Vec<T>,
    functions: Vec<Gate>,
    backwards: bool,
}

/// Lengths of everything.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    steps: usize,
    batch: usize,
    input: usize,
    units: usize,
    ways: usize,
}

pub(crate) fn lstm(call: &mut Call<'_>) -> Lowered {
    call.only(&[
        "hidden_size",
        "direction",
        "activations",
        "activation_alpha",
        "activation_beta",
        "layout",
        "input_forget",
    ])?;
    if call.int("input_forget", 0)? != 0 || call.optional(7).is_some() {
        return Err("with input_forget or peepholes is not known".to_owned());
    }
    typed(call, Cell::Lstm)
}

pub(crate) fn gru(call: &mut Call<'_>) -> Lowered {
    call.only(&[
        "hidden_size",
        "direction",
        "activations",
        "activation_alpha",
        "activation_beta",
        "layout",
        "linear_before_reset",
    ])?;
    let after = call.int("linear_before_reset", 0)? != 0;
    typed(call, Cell::Gru(after))
}

pub(crate) fn rnn(call: &mut Call<'_>) -> Lowered {
    call.only(&["hidden_size", "direction", "activations", "activation_alpha", "activation_beta", "layout"])?;
    typed(call, Cell::Rnn)
}

fn typed(call: &mut Call<'_>, cell: Cell) -> Lowered {
    if call.int("layout", 0)? != 0 {
        return Err("with the batch first is not known".to_owned());
    }
    let kind = call.input(0)?.kind;
    each_float!(call, kind, T => lower::<T>(call, cell))
}

fn constant<T: Float>(call: &Call<'_>, index: usize, shape: &[usize]) -> Result<Arc<[T]>, String> {
    let value = call.input(index)?;
    match &value.spot {
        Spot::Constant(data) if value.shape == shape => T::read(data).map(Arc::clone),
        _ => None,
    }
    .ok_or_else(|| format!("input {index} must be a constant of shape {shape:?}"))
}

/// A matrix whose rows are the columns of what is multiplied.
fn turned<T: Float>(matrix: &[T], depth: usize) -> Packed<T> {
    Packed::of(depth, matrix.len() / depth, |row, column| matrix[column * depth + row])
}

fn functions(call: &Call<'_>, cell: Cell, ways: usize) -> Result<Vec<Vec<Gate>>, String> {
    let plain: &[&str] = match cell {
        Cell::Lstm => &["Sigmoid", "Tanh", "Tanh"],
        Cell::Gru(_) => &["Sigmoid", "Tanh"],
        Cell::Rnn => &["Tanh"],
    };
    let names: Vec<String> = match call.attributes.get("activations") {
        None => plain.iter().map(|name| (*name).to_owned()).cycle().take(plain.len() * ways).collect(),
        Some(Attribute::Texts(names)) if names.len() == plain.len() * ways => names.clone(),
        Some(_) => return Err("has another number of activations".to_owned()),
    };
    let [mut alphas, mut betas] =
        [call.floats_attribute("activation_alpha")?, call.floats_attribute("activation_beta")?]
            .map(|numbers| numbers.unwrap_or_default().iter().copied());
    let gates = names.iter().map(|name| Gate::of(name, &mut alphas, &mut betas)).collect::<Result<Vec<_>, _>>()?;
    if alphas.next().is_some() || betas.next().is_some() {
        return Err("has an activation_alpha or activation_beta that no activation takes".to_owned());
    }
    Ok(gates.chunks(plain.len()).map(<[Gate]>::to_vec).collect())
}

fn sizes_of(call: &Call<'_>) -> Result<Sizes, String> {
    let [steps, batch, input] = *call.input(0)?.shape else { return Err("needs an input of three axes".to_owned()) };
    let ways = match call.text("direction", "forward")? {
        "forward" | "reverse" => 1,
        "bidirectional" => 2,
        other => return Err(format!("direction '{other}' is not known")),
    };
    let [_, _, units] = *call.input(2)?.shape else { return Err("needs weights of three axes".to_owned()) };
    if call.int("hidden_size", i64::try_from(units).unwrap_or(0))? != i64::try_from(units).unwrap_or(-1) {
        return Err("has weights of another size than hidden_size".to_owned());
    }
    if steps == 0 || units == 0 || input == 0 {
        return Err("has nothing to run over".to_owned());
    }
    Ok(Sizes { steps, batch, input, units, ways })
}

fn ways_of<T: Float>(call: &Call<'_>, cell: Cell, sizes: Sizes) -> Result<Vec<Way<T>>, String> {
    let Sizes { input, units, ways, .. } = sizes;
    let wide = cell.gates() * units;
    let inputs = constant::<T>(call, 1, &[ways, wide, input])?;
    let states = constant::<T>(call, 2, &[ways, wide, units])?;
    let biases = match call.optional(3) {
        Some(_) => constant::<T>(call, 3, &[ways, 2 * wide])?,
        None => vec![T::ZERO; ways * 2 * wide].into(),
    };
    let backwards = call.text("direction", "forward")? == "reverse";
    let functions = functions(call, cell, ways)?;
    let parts = inputs.chunks(wide * input).zip(states.chunks(wide * units)).zip(biases.chunks(2 * wide));
    let apart = cell == Cell::Gru(false);
    let ways = parts.zip(functions).enumerate().map(|(way, (((inputs, states), biases), functions))| Way {
        input: turned(inputs, input),
        state: turned(if apart { &states[..2 * units * units] } else { states }, units),
        hidden: apart.then(|| turned(&states[2 * units * units..], units)),
        bias: biases[..wide].to_vec(),
        second: biases[wide..].to_vec(),
        functions,
        backwards: backwards || way == 1,
    });
    Ok(ways.collect())
}

/// Where a call reads and keeps its numbers.
struct Parts<T> {
    steps: Source<T>,
    lengths: Option<Source<i64>>,
    begun: [Option<Source<T>>; 2],
}

fn lower<T: Float>(call: &mut Call<'_>, cell: Cell) -> Lowered {
    let sizes = sizes_of(call)?;
    let Sizes { steps, batch, units, ways, .. } = sizes;
    let each = [steps, batch, ways, cell.gates(), units, sizes.input.saturating_add(units)];
    let work = each.iter().try_fold(1_usize, |work, &size| work.checked_mul(size));
    call.builder.charge(work.ok_or("is too large")?)?;
    let all = ways_of::<T>(call, cell, sizes)?;
    let begun = |index: usize| -> Result<Option<Source<T>>, String> {
        match call.optional(index) {
            None => Ok(None),
            Some(value) if value.shape == [ways, batch, units] => call.source(index).map(Some),
            Some(_) => Err("begins with a state of another shape".to_owned()),
        }
    };
    let lengths = match call.optional(4) {
        None => None,
        Some(value) if value.shape == [batch] => Some(whole_numbers(value)?),
        Some(_) => return Err("has lengths for another batch".to_owned()),
    };
    let second = if cell == Cell::Lstm { begun(6)? } else { None };
    let parts = Parts { steps: call.source(0)?, lengths, begun: [begun(5)?, second] };
    let kind = call.input(0)?.kind;
    // All steps, the last state, the last inner state, and a row of gates for each step.
    let every = [steps, ways, batch, units].to_vec();
    let (every_value, every_sink) = call.builder.room(kind, every)?;
    let (last_value, last_sink) = call.builder.room(kind, vec![ways, batch, units])?;
    let (inner_value, inner_sink) = call.builder.room(kind, vec![ways, batch, units])?;
    let (work_value, work_sink) = call.builder.room(kind, vec![steps + 2, cell.gates() * units])?;
    call.builder.push(move |scratch| {
        let mut rooms = [every_sink, last_sink, inner_sink, work_sink]
            .map(|sink| std::mem::take(&mut T::slots_mut(scratch)[sink.slot]));
        let [every, last, inner, work] = &mut rooms;
        let parts_of = [
            &mut every[..every_sink.len],
            &mut last[..last_sink.len],
            &mut inner[..inner_sink.len],
            &mut work[..work_sink.len],
        ];
        let done = widest!(run(&parts, cell, &all, sizes, scratch, parts_of));
        for (sink, room) in [every_sink, last_sink, inner_sink, work_sink].into_iter().zip(rooms) {
            T::slots_mut(scratch)[sink.slot] = room;
        }
        if let Err(reason) = done {
            scratch.fail(reason);
        }
    });
    if let Spot::Slot { slot, .. } = work_value.spot {
        call.builder.release(kind, slot);
    }
    let mut outputs = vec![Some(every_value), Some(last_value)];
    if cell == Cell::Lstm {
        outputs.push(Some(inner_value));
    } else if let Spot::Slot { slot, .. } = inner_value.spot {
        call.builder.release(kind, slot);
    }
    Ok(outputs)
}

#[inline(always)]
fn run<T: Float>(
    parts: &Parts<T>,
    cell: Cell,
    all: &[Way<T>],
    sizes: Sizes,
    scratch: &Scratch,
    [every, last, inner, work]: [&mut [T]; 4],
) -> Result<(), &'static str> {
    let Sizes { steps, batch, input, units, .. } = sizes;
    let values = parts.steps.get(scratch);
    let lengths = parts.lengths.as_ref().map(|lengths| lengths.get(scratch));
    let begun = parts.begun.each_ref().map(|state| state.as_ref().map(|state| state.get(scratch)));
    let wide = cell.gates() * units;
    for (number, way) in all.iter().enumerate() {
        for row in 0..batch {
            let length = match lengths {
                None => steps,
                Some(lengths) => usize::try_from(lengths[row])
                    .ok()
                    .filter(|&length| length <= steps)
                    .ok_or("a length is out of range")?,
            };
            let here = (number * batch + row) * units..(number * batch + row + 1) * units;
            let (state, memory) = (&mut last[here.clone()], &mut inner[here.clone()]);
            for (place, begun) in [&mut *state, &mut *memory].into_iter().zip(begun) {
                match begun {
                    Some(begun) => place.copy_from_slice(&begun[here.clone()]),
                    None => place.fill(T::ZERO),
                }
            }
            let (gates, more) = work.split_at_mut(steps * wide);
            let (products, spare) = more.split_at_mut(wide);
            way.input.times(&values[row * input..], batch * input, &mut gates[..length * wide]);
            for gates in gates.chunks_exact_mut(wide).take(length) {
                add_to(gates, &way.bias);
            }
            for order in 0..length {
                let step = if way.backwards { length - 1 - order } else { order };
                let gates = &mut gates[step * wide..(step + 1) * wide];
                let known = if way.hidden.is_some() { 2 * units } else { wide };
                way.state.times(state, units, &mut products[..known]);
                add_to(products, &way.second);
                match cell {
                    Cell::Lstm => lstm_step(way, gates, products, state, memory),
                    Cell::Gru(after) => gru_step(way, gates, products, state, spare, after),
                    Cell::Rnn => {
                        state.copy_from_slice(gates);
                        add_to(state, products);
                        way.functions[0].apply(state);
                    }
                }
                let start = ((step * sizes.ways + number) * batch + row) * units;
                every[start..start + units].copy_from_slice(state);
            }
            for step in length..steps {
                let start = ((step * sizes.ways + number) * batch + row) * units;
                every[start..start + units].fill(T::ZERO);
            }
            if length == 0 {
                // onnxruntime gives zeros where no step is run.
                state.fill(T::ZERO);
                memory.fill(T::ZERO);
            }
        }
    }
    Ok(())
}

#[inline(always)]
fn add_to<T: Float>(totals: &mut [T], more: &[T]) {
    for (total, more) in totals.iter_mut().zip(more) {
        *total = total.add(*more);
    }
}

/// Gates in the order input, output, forget, cell.
#[inline(always)]
fn lstm_step<T: Float>(way: &Way<T>, gates: &mut [T], products: &[T], state: &mut [T], memory: &mut [T]) {
    let units = state.len();
    add_to(gates, products);
    let (sigmoids, candidates) = gates.split_at_mut(3 * units);
    way.functions[0].apply(sigmoids);
    way.functions[1].apply(candidates);
    let (inputs, rest) = sigmoids.split_at(units);
    let (outputs, forgets) = rest.split_at(units);
    for (memory, (forget, (input, candidate))) in
        memory.iter_mut().zip(forgets.iter().zip(inputs.iter().zip(&*candidates)))
    {
        *memory = forget.mul(*memory).add(input.mul(*candidate));
    }
    state.copy_from_slice(memory);
    way.functions[2].apply(state);
    for (state, output) in state.iter_mut().zip(outputs) {
        *state = output.mul(*state);
    }
}

/// Gates in the order update, reset, hidden.
#[inline(always)]
fn gru_step<T: Float>(
    way: &Way<T>,
    gates: &mut [T],
    products: &mut [T],
    state: &mut [T],
    spare: &mut [T],
    after: bool,
) {
    let units = state.len();
    let (both, hidden) = gates.split_at_mut(2 * units);
    add_to(both, products);
    way.functions[0].apply(both);
    let (updates, resets) = both.split_at(units);
    if after {
        for (hidden, (reset, product)) in hidden.iter_mut().zip(resets.iter().zip(&products[2 * units..])) {
            *hidden = hidden.add(reset.mul(*product));
        }
    } else {
        let (reset_state, _) = spare.split_at_mut(units);
        for (out, (reset, state)) in reset_state.iter_mut().zip(resets.iter().zip(&*state)) {
            *out = reset.mul(*state);
        }
        let product = &mut products[2 * units..];
        if let Some(matrix) = &way.hidden {
            matrix.times(reset_state, units, product);
        }
        for (hidden, (total, bias)) in hidden.iter_mut().zip(product.iter().zip(&way.second[2 * units..])) {
            *hidden = hidden.add(total.add(*bias));
        }
    }
    way.functions[1].apply(hidden);
    for (state, (update, hidden)) in state.iter_mut().zip(updates.iter().zip(&*hidden)) {
        *state = T::ONE.sub(*update).mul(*hidden).add(update.mul(*state));
    }
}
