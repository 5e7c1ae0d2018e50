//! A model that this crate runs itself: one program for a single row, another for blocks of rows, more for free axes.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::artifact::array::{Array, Dtype, Values};
use crate::artifact::manifest::Manifest;
use crate::artifact::tensor::{Axis, TensorSpec};
use crate::engine::flat::Layout;
use crate::engine::native::plan::program_of;
use crate::engine::native::program::Program;
use crate::engine::native::read::{Attribute, Graph, Port, read};
use crate::engine::native::scratch::{Element, Scratch};
use crate::engine::native::value::{Data, Kind, Spot, Value};

/// Numbers that the memory of a block of rows holds at most: it stays in the cache.
const BLOCK_PLACES: usize = 1 << 15;
/// Rows of a block at most.
const MOST_ROWS: usize = 256;
/// Programs for free axes that are kept.
const KEPT: usize = 8;

type Failed = String;
type Kept = Vec<(Vec<Vec<usize>>, Arc<Program>)>;

/// A planned model, for any number of threads.
pub(crate) struct Native {
    graph: Graph,
    /// For flat models: a single row.
    single: Option<Program>,
    /// For flat models: a block of rows.
    block: Option<(usize, Program)>,
    /// For other shapes, the newest last.
    kept: ArcSwap<Kept>,
}

impl Native {
    /// Reads and plans a graph that was audited. The error names what is not known here.
    pub(crate) fn open(bytes: &[u8], manifest: &Manifest, layout: Option<&Layout>) -> Result<Self, String> {
        let graph = read(bytes)?;
        check("inputs", &manifest.inputs, &graph.inputs)?;
        check("outputs", &manifest.outputs, &graph.outputs)?;
        let shapes = |rows: usize, tensors: &[TensorSpec]| -> Vec<Vec<usize>> {
            let axis = |axis: &Axis| if let Axis::Fixed(length) = axis { *length } else { 2 };
            let shape =
                |tensor: &TensorSpec| std::iter::once(rows).chain(tensor.shape.iter().skip(1).map(axis)).collect();
            tensors.iter().map(shape).collect()
        };
        let single = program_of(&graph, &shapes(1, &manifest.inputs))?;
        let mut native = Self { graph, single: None, block: None, kept: ArcSwap::default() };
        if layout.is_some() {
            fixed(&single, 1, &manifest.outputs)?;
            let rows = (BLOCK_PLACES / single.places().max(1)).clamp(1, MOST_ROWS);
            if rows > 1 {
                let block = program_of(&native.graph, &shapes(rows, &manifest.inputs))?;
                fixed(&block, rows, &manifest.outputs)?;
                native.block = Some((rows, block));
            }
            native.single = Some(single);
        }
        Ok(native)
    }

    /// The operators of the graph, each once.
    pub(crate) fn operators(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.graph.nodes.iter().map(|node| node.operator.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Columns and thresholds of all splits: rows next to them tell most of a model of trees.
    pub(crate) fn splits(&self) -> Vec<(usize, f64)> {
        let mut found = Vec::new();
        for node in &self.graph.nodes {
            let (Some(Attribute::Ints(columns)), Some(Attribute::Tensor(splits))) =
                (node.attributes.get("nodes_featureids"), node.attributes.get("nodes_splits"))
            else {
                continue;
            };
            if let Spot::Constant(Data::Float64(splits)) = &splits.spot {
                let columns = columns.iter().map(|&column| usize::try_from(column).unwrap_or(usize::MAX));
                found.extend(columns.zip(splits.iter().copied()));
            }
        }
        found
    }

    /// Answers one flat row.
    pub(crate) fn run_one(&self, layout: &Layout, row: &[f64], answer: &mut [f64]) -> Result<(), Failed> {
        let program = self.single.as_ref().ok_or("takes no flat rows")?;
        flat(program, layout, 1, row, answer)
    }

    /// Answers any number of flat rows.
    pub(crate) fn run_chunk(&self, layout: &Layout, rows: &[f64], answers: &mut [f64]) -> Result<(), Failed> {
        let count = rows.len() / layout.row_width;
        let mut done = 0;
        if let Some((size, block)) = &self.block {
            while done + size <= count {
                let (rows, answers) = part(layout, rows, answers, done, *size);
                flat(block, layout, *size, rows, answers)?;
                done += size;
            }
        }
        for row in done..count {
            let (rows, answers) = part(layout, rows, answers, row, 1);
            self.run_one(layout, rows, answers)?;
        }
        Ok(())
    }

    /// Answers arrays of any type and shape that the graph takes.
    pub(crate) fn run_arrays(&self, arrays: &[Array], outputs: &[TensorSpec]) -> Result<Vec<Array>, Failed> {
        let rows = arrays.first().map_or(0, Array::rows);
        let size = self.block.as_ref().map_or(64, |(size, _)| *size).min(rows.max(1));
        let mut whole: Option<Vec<Array>> = None;
        let mut done = 0;
        while done < rows {
            let size = if done + size <= rows { size } else { 1 };
            let parts: Vec<Array> = arrays.iter().map(|array| array.part(done..done + size)).collect();
            let found = self.run_some(&parts, outputs)?;
            match &mut whole {
                None => whole = Some(found),
                Some(whole) => {
                    if !whole.iter_mut().zip(found).all(|(whole, part)| whole.append(part)) {
                        return Err("an output has another shape for other rows".to_owned());
                    }
                }
            }
            done += size;
        }
        Ok(whole.unwrap_or_default())
    }

    fn run_some(&self, arrays: &[Array], outputs: &[TensorSpec]) -> Result<Vec<Array>, Failed> {
        let rows = arrays.first().map_or(0, Array::rows);
        let ready = match (&self.single, &self.block) {
            (Some(single), _) if rows == 1 => Some(single),
            (Some(_), Some((size, block))) if *size == rows => Some(block),
            _ => None,
        };
        if let Some(program) = ready {
            return named(program, arrays, outputs);
        }
        let shapes: Vec<Vec<usize>> = arrays.iter().map(|array| array.shape.clone()).collect();
        let kept = self.kept.load();
        if let Some((_, program)) = kept.iter().find(|(known, _)| *known == shapes) {
            return named(program, arrays, outputs);
        }
        let program = Arc::new(program_of(&self.graph, &shapes)?);
        let mut more: Kept = kept.iter().skip((kept.len() + 1).saturating_sub(KEPT)).cloned().collect();
        more.push((shapes, Arc::clone(&program)));
        self.kept.store(Arc::new(more));
        named(&program, arrays, outputs)
    }
}

/// Holds what the graph declares against the manifest, as onnxruntime's sessions are held.
fn check(side: &str, expected: &[TensorSpec], found: &[Port]) -> Result<(), String> {
    if expected.len() != found.len() {
        return Err(format!("field '{side}': the manifest lists {}, the graph has {}", expected.len(), found.len()));
    }
    for (tensor, port) in expected.iter().zip(found) {
        let fits = |(axis, given): (&Axis, &Option<usize>)| match axis {
            Axis::Fixed(length) => given.is_none_or(|given| given == *length),
            Axis::Free(_) => given.is_none(),
        };
        let good = tensor.name == port.name
            && Kind::of_dtype(tensor.dtype) == port.kind
            && tensor.shape.len() == port.axes.len()
            && tensor.shape.iter().zip(&port.axes).all(fits);
        if !good {
            return Err(format!(
                "field '{side}': the graph's {:?} is {} {:?}, the manifest says {:?}, {}, {}",
                port.name,
                port.kind.name(),
                port.axes,
                tensor.name,
                tensor.dtype,
                tensor.shape_text()
            ));
        }
    }
    Ok(())
}

/// Refuses a plan whose outputs have other shapes than the manifest says.
fn fixed(program: &Program, rows: usize, outputs: &[TensorSpec]) -> Result<(), String> {
    for (value, tensor) in program.outputs.iter().zip(outputs) {
        let row = tensor.fixed_row_shape().unwrap_or_default();
        if value.shape.first() != Some(&rows) || value.shape.get(1..) != Some(row.as_slice()) {
            let expected = tensor.shape_text();
            return Err(format!("output '{}': has shape {:?}, the manifest says {expected}", tensor.name, value.shape));
        }
    }
    Ok(())
}

fn part<'a>(
    layout: &Layout,
    rows: &'a [f64],
    answers: &'a mut [f64],
    start: usize,
    count: usize,
) -> (&'a [f64], &'a mut [f64]) {
    let (wide, long) = (layout.row_width, layout.answer_width);
    (&rows[start * wide..(start + count) * wide], &mut answers[start * long..(start + count) * long])
}

/// Flat rows through a program of just so many.
fn flat(program: &Program, layout: &Layout, count: usize, rows: &[f64], answers: &mut [f64]) -> Result<(), Failed> {
    let write = |scratch: &mut Scratch| {
        let mut start = 0;
        for (value, input) in program.inputs.iter().zip(&layout.inputs) {
            let places = (start, input.width);
            match input.dtype {
                Dtype::Float64 | Dtype::Text => fill(scratch, value, rows, layout.row_width, places, |number| number),
                #[expect(clippy::cast_possible_truncation, reason = "rounds as a cast does")]
                Dtype::Float32 => fill(scratch, value, rows, layout.row_width, places, |number| number as f32),
                #[expect(clippy::cast_possible_truncation, reason = "the caller has checked that the numbers fit")]
                Dtype::Int64 => fill(scratch, value, rows, layout.row_width, places, |number| number as i64),
            }
            start += input.width;
        }
    };
    let mut start = 0;
    let read = |scratch: &Scratch| {
        for (value, output) in program.outputs.iter().zip(&layout.outputs) {
            let places = (start, output.width);
            match output.dtype {
                Dtype::Float64 | Dtype::Text => {
                    take(scratch, value, answers, layout.answer_width, places, |&number: &f64| number);
                }
                Dtype::Float32 => {
                    take(scratch, value, answers, layout.answer_width, places, |&number: &f32| f64::from(number));
                }
                #[expect(clippy::cast_precision_loss, reason = "said where flat answers are given")]
                Dtype::Int64 => {
                    take(scratch, value, answers, layout.answer_width, places, |&number: &i64| number as f64);
                }
            }
            start += output.width;
        }
    };
    debug_assert_eq!(rows.len(), count * layout.row_width);
    program.run(write, read).map_err(str::to_owned)
}

/// One input's numbers out of flat rows.
fn fill<T: Element>(
    scratch: &mut Scratch,
    value: &Value,
    rows: &[f64],
    row_width: usize,
    (start, width): (usize, usize),
    narrow: impl Fn(f64) -> T,
) {
    let Spot::Slot { slot, .. } = value.spot else { return };
    let places = T::slots_mut(scratch)[slot].chunks_exact_mut(width.max(1));
    for (places, row) in places.zip(rows.chunks_exact(row_width)) {
        places.iter_mut().zip(&row[start..start + width]).for_each(|(place, number)| *place = narrow(*number));
    }
}

/// The numbers of a value, wherever it stands.
fn numbers<'a, T: Element>(scratch: &'a Scratch, value: &'a Value) -> &'a [T] {
    match &value.spot {
        Spot::Constant(data) => T::read(data).map(|values| &values[..]).unwrap_or_default(),
        Spot::Slot { slot, start } => &T::slots(scratch)[*slot][*start..*start + value.len()],
    }
}

/// One output's numbers into flat answers.
fn take<T: Element>(
    scratch: &Scratch,
    value: &Value,
    answers: &mut [f64],
    answer_width: usize,
    (start, width): (usize, usize),
    wide: impl Fn(&T) -> f64,
) {
    let found = numbers::<T>(scratch, value).chunks_exact(width.max(1));
    for (answer, found) in answers.chunks_exact_mut(answer_width).zip(found) {
        answer[start..start + width].iter_mut().zip(found).for_each(|(place, number)| *place = wide(number));
    }
}

/// Arrays through a program of just their shapes.
fn named(program: &Program, arrays: &[Array], outputs: &[TensorSpec]) -> Result<Vec<Array>, Failed> {
    fn copy<T: Element>(scratch: &mut Scratch, value: &Value, values: &[T]) {
        if let Spot::Slot { slot, .. } = value.spot {
            T::slots_mut(scratch)[slot][..values.len()].clone_from_slice(values);
        }
    }
    let write = |scratch: &mut Scratch| {
        for (value, array) in program.inputs.iter().zip(arrays) {
            match &array.values {
                Values::Float64(values) => copy(scratch, value, values),
                Values::Float32(values) => copy(scratch, value, values),
                Values::Int64(values) => copy(scratch, value, values),
                Values::Text(values) => copy(scratch, value, values),
            }
        }
    };
    let read = |scratch: &Scratch| {
        let array = |(value, tensor): (&Value, &TensorSpec)| {
            let values = match tensor.dtype {
                Dtype::Float64 => Values::Float64(numbers(scratch, value).to_vec()),
                Dtype::Float32 => Values::Float32(numbers(scratch, value).to_vec()),
                Dtype::Int64 => Values::Int64(numbers(scratch, value).to_vec()),
                Dtype::Text => Values::Text(numbers(scratch, value).to_vec()),
            };
            Array { shape: value.shape.clone(), values }
        };
        program.outputs.iter().zip(outputs).map(array).collect()
    };
    program.run(write, read).map_err(str::to_owned)
}
