//! Runs a graph on either engine.

use crate::artifact::graph::audit;
use crate::engine::native::plan::program_of;
use crate::engine::native::program::Program;
use crate::engine::native::read::read;
use crate::engine::native::scratch::{Element, Scratch};
use crate::engine::native::trial::maker::{Graph, Input};
use crate::engine::native::value::{Data, Kind, Spot, Value};

/// An output.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) kind: Kind,
    pub(crate) shape: Vec<usize>,
    pub(crate) data: Data,
}

fn fill<T: Element>(scratch: &mut Scratch, value: &Value, data: &Data) {
    if let (Spot::Slot { slot, .. }, Some(values)) = (&value.spot, T::read(data)) {
        T::slots_mut(scratch)[*slot][..values.len()].clone_from_slice(values);
    }
}

fn take<T: Element>(scratch: &Scratch, value: &Value) -> Data {
    match &value.spot {
        Spot::Constant(data) => data.clone(),
        Spot::Slot { slot, start } => T::data(T::slots(scratch)[*slot][*start..*start + value.len()].to_vec()),
    }
}

/// The native engine's answers, or why it gives none.
pub(crate) fn native(graph: &Graph) -> Result<Vec<Answer>, String> {
    // Version 0: not named.
    let named = ["", "ai.onnx.ml"].map(str::to_owned).into_iter().zip(graph.opset).filter(|(_, version)| *version > 0);
    let opset = named.collect();
    audit(&graph.bytes, &opset)?;
    let read = read(&graph.bytes)?;
    let shapes: Vec<Vec<usize>> = graph.inputs.iter().map(|input| input.shape.clone()).collect();
    run(&program_of(&read, &shapes)?, &graph.inputs)
}

fn run(program: &Program, inputs: &[Input]) -> Result<Vec<Answer>, String> {
    let write = |scratch: &mut Scratch| {
        for (value, input) in program.inputs.iter().zip(inputs) {
            match input.kind {
                Kind::Float64 => fill::<f64>(scratch, value, &input.data),
                Kind::Float32 => fill::<f32>(scratch, value, &input.data),
                Kind::Int64 | Kind::Int32 => fill::<i64>(scratch, value, &input.data),
                Kind::Bool => fill::<bool>(scratch, value, &input.data),
                Kind::Text => fill::<String>(scratch, value, &input.data),
            }
        }
    };
    let read = |scratch: &Scratch| {
        let one = |value: &Value| {
            let data = match value.kind {
                Kind::Float64 => take::<f64>(scratch, value),
                Kind::Float32 => take::<f32>(scratch, value),
                Kind::Int64 | Kind::Int32 => take::<i64>(scratch, value),
                Kind::Bool => take::<bool>(scratch, value),
                Kind::Text => take::<String>(scratch, value),
            };
            Answer { kind: value.kind, shape: value.shape.clone(), data }
        };
        program.outputs.iter().map(one).collect()
    };
    program.run(write, read).map_err(str::to_owned)
}
