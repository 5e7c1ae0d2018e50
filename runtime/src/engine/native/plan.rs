//! Plans a graph: constants are folded, nodes that nobody reads are left out, columns are computed column by column.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::engine::native::alive::{Alive, alive};
use crate::engine::native::build::{Builder, Call};
use crate::engine::native::columns;
use crate::engine::native::columns::lower::Operand;
use crate::engine::native::columns::machine::{Machine, Term};
use crate::engine::native::operators::lower;
use crate::engine::native::program::Program;
use crate::engine::native::read::{Graph, Node, Port};
use crate::engine::native::scratch::Source;
use crate::engine::native::value::{Kind, Spot, Value};

/// Numbers in all constants that are made by folding.
const MOST_FOLDED: usize = 1 << 24;
/// Numbers that are read, multiplied and written for them: some seconds.
const MOST_FOLDING: usize = 1 << 30;
/// Columns of a value that is computed column by column.
const MOST_COLUMNS: usize = 4096;
/// How often columns are made a tensor; each time they are computed anew from the inputs.
const MOST_TORN: usize = 4;

/// Plans a graph for inputs of these shapes. An error names the operator that is not known.
pub(crate) fn program_of(graph: &Graph, shapes: &[Vec<usize>]) -> Result<Program, String> {
    let alive = alive(graph)?;
    let mut plan = Plan::new(graph, &alive, true);
    match planned(&mut plan, shapes) {
        // Columns that would be computed over and over: tensors then.
        Err(_) if plan.torn > MOST_TORN => planned(&mut Plan::new(graph, &alive, false), shapes),
        done => done,
    }
}

fn planned(plan: &mut Plan<'_>, shapes: &[Vec<usize>]) -> Result<Program, String> {
    let graph = plan.graph;
    let mut inputs = Vec::with_capacity(shapes.len());
    for (port, shape) in graph.inputs.iter().zip(shapes) {
        let fits = port.axes.len() == shape.len()
            && port.axes.iter().zip(shape).all(|(axis, &length)| axis.is_none_or(|axis| axis == length));
        if !fits {
            return Err(format!("input '{}': has no shape {shape:?}", port.name));
        }
        let (value, _) = plan.builder.room(port.kind, shape.clone())?;
        // An input's slot is never given back: it is written before the first step.
        plan.readers.insert(root(&value), usize::MAX);
        plan.values.insert(&port.name, value.clone());
        plan.seen_as_columns(port, &value, shapes);
        inputs.push(value);
    }
    for (node, wanted) in graph.nodes.iter().zip(plan.wanted) {
        if wanted.contains(&true) {
            plan.node(node, wanted).map_err(|reason| format!("{}: {reason}", node.operator))?;
        }
    }
    let outputs = graph.outputs.iter().map(|port| {
        let value = plan.value(&port.name)?;
        value.ok_or_else(|| format!("output '{}': nobody makes it", port.name))
    });
    let outputs: Vec<Value> = outputs.collect::<Result<_, _>>()?;
    for (value, port) in outputs.iter().zip(&graph.outputs) {
        if value.kind != port.kind {
            return Err(format!(
                "output '{}': is of {}, declared as {}",
                port.name,
                value.kind.name(),
                port.kind.name()
            ));
        }
    }
    Ok(Program::of(std::mem::take(&mut plan.builder), inputs, outputs))
}

/// The type and slot that a value stands in; views of it stand in the same.
fn root(value: &Value) -> Option<(u8, usize)> {
    match value.spot {
        Spot::Constant(_) => None,
        Spot::Slot { slot, .. } => Some((kind_number(value.kind), slot)),
    }
}

const fn kind_number(kind: Kind) -> u8 {
    match kind {
        Kind::Float64 => 0,
        Kind::Float32 => 1,
        Kind::Int64 | Kind::Int32 => 2,
        Kind::Bool => 3,
        Kind::Text => 4,
    }
}

struct Plan<'a> {
    graph: &'a Graph,
    builder: Builder,
    values: HashMap<&'a str, Value>,
    /// Columns that are no tensors (or not yet), and what makes them; not looked for where `fuses` is false.
    columns: HashMap<&'a str, Vec<Term>>,
    machine: Machine,
    fuses: bool,
    /// How often columns were made a tensor after all.
    torn: usize,
    /// Rows of all columns.
    rows: usize,
    wanted: &'a [Vec<bool>],
    reads: &'a HashMap<&'a str, usize>,
    /// How many reads of a slot are still to come.
    readers: HashMap<Option<(u8, usize)>, usize>,
    folded: usize,
    folding: usize,
}

impl<'a> Plan<'a> {
    fn new(graph: &'a Graph, alive: &'a Alive<'a>, fuses: bool) -> Self {
        Self {
            graph,
            builder: Builder::default(),
            values: HashMap::new(),
            columns: HashMap::new(),
            machine: Machine::default(),
            fuses,
            torn: 0,
            rows: 0,
            wanted: &alive.wanted,
            reads: &alive.reads,
            readers: HashMap::new(),
            folded: 0,
            folding: 0,
        }
    }

    /// An input of rows of float64 can be computed with column by column.
    fn seen_as_columns(&mut self, port: &'a Port, value: &Value, shapes: &[Vec<usize>]) {
        let rows = shapes.first().and_then(|shape| shape.first());
        if let [count, width] = *value.shape
            && self.fuses
            && port.axes.first() == Some(&None)
            && rows == Some(&count)
            && (1..=MOST_COLUMNS).contains(&width)
            && let Some(source) = Source::<f64>::of(value)
        {
            self.rows = count;
            self.columns.insert(&port.name, self.machine.input(source, width));
        }
    }

    /// A tensor by its name; columns are made one.
    fn value(&mut self, name: &'a str) -> Result<Option<Value>, String> {
        if let Some(value) = self.values.get(name).or_else(|| self.graph.constants.get(name)) {
            return Ok(Some(value.clone()));
        }
        let Some(terms) = self.columns.get(name) else { return Ok(None) };
        self.torn += 1;
        if self.torn > MOST_TORN {
            return Err("is computed anew too often".to_owned());
        }
        let (compiled, width, rows) = (Arc::new(self.machine.compiled(terms)), terms.len(), self.rows);
        let registers = self.builder.step(Kind::Float64, vec![compiled.registers(), rows], {
            let compiled = Arc::clone(&compiled);
            move |out, scratch| compiled.run(rows, out, scratch)
        })?;
        let source = Source::<f64>::of(&registers).ok_or("is of another type")?;
        let value = self.builder.step(Kind::Float64, vec![rows, width], move |out: &mut [f64], scratch| {
            let registers = source.get(scratch);
            for (row, out) in out.chunks_exact_mut(width.max(1)).enumerate() {
                for (out, place) in out.iter_mut().zip(&compiled.places) {
                    *out = registers[*place as usize * rows + row];
                }
            }
        })?;
        self.readers.insert(root(&value), usize::MAX);
        self.values.insert(name, value.clone());
        Ok(Some(value))
    }

    /// Adds a node to the columns, if it is of that kind.
    fn in_columns(&mut self, node: &'a Node) -> bool {
        let [output] = node.outputs.as_slice() else { return false };
        let operand = |name: &String| match self.columns.get(name.as_str()) {
            Some(terms) => Some(Operand::Columns(terms.clone())),
            None => self
                .values
                .get(name.as_str())
                .or_else(|| self.graph.constants.get(name))
                .filter(|value| value.is_constant())
                .map(|value| Operand::Constant(value.clone())),
        };
        let Some(operands) = node.inputs.iter().map(operand).collect::<Option<Vec<_>>>() else { return false };
        if !operands.iter().any(|operand| matches!(operand, Operand::Columns(_))) || self.machine.is_long() {
            return false;
        }
        let found = columns::lower::lower(&mut self.machine, &node.operator, &node.attributes, &operands);
        let found = found.filter(|terms| (1..=MOST_COLUMNS).contains(&terms.len()));
        match found {
            Some(terms) => {
                self.columns.insert(output, terms);
                true
            }
            None => false,
        }
    }

    fn node(&mut self, node: &'a Node, wanted: &[bool]) -> Result<(), String> {
        if self.fuses && self.in_columns(node) {
            return Ok(());
        }
        // Trees take columns as they are.
        let trees = node.operator.starts_with("ai.onnx.ml.TreeEnsemble");
        let first = node.inputs.first().filter(|name| trees && !self.values.contains_key(name.as_str()));
        let terms = first.and_then(|name| self.columns.get(name.as_str()).cloned());
        let mut inputs = Vec::with_capacity(node.inputs.len());
        for (index, name) in node.inputs.iter().enumerate() {
            inputs.push(match &terms {
                Some(terms) if index == 0 => {
                    // No slot has this number: trees look at the columns.
                    let (shape, spot) = (vec![self.rows, terms.len()], Spot::Slot { slot: usize::MAX, start: 0 });
                    Some(Value { kind: Kind::Float64, shape, spot })
                }
                _ => self.value(name)?,
            });
        }
        // `Shape` of anything is a constant here, as all shapes are known.
        let constant = inputs.iter().flatten().all(Value::is_constant);
        let mut aside = Builder::default();
        let builder = if constant { &mut aside } else { &mut self.builder };
        builder.charge(inputs.iter().flatten().map(Value::len).sum())?;
        let Node { operator, attributes, kept, .. } = node;
        let columns = terms.as_ref().map(|terms| (&self.machine, terms.as_slice()));
        let opsets = self.graph.opsets;
        let mut outputs =
            lower(Call { operator, opsets, inputs: &inputs, attributes, kept, columns, wanted, builder })?;
        if constant {
            outputs = self.fold(aside, outputs)?;
        }
        for (name, value) in node.outputs.iter().zip(&outputs) {
            let reads = self.reads.get(name.as_str()).copied().unwrap_or(0);
            let Some(value) = value else {
                if reads > 0 && !name.is_empty() {
                    return Err(format!("output '{name}' is not given"));
                }
                continue;
            };
            if let Some(root) = root(value) {
                let readers = self.readers.entry(Some(root)).or_default();
                *readers = readers.saturating_add(reads);
            }
            self.values.insert(name, value.clone());
        }
        if outputs.len() < wanted.iter().rposition(|&wanted| wanted).map_or(0, |last| last + 1) {
            return Err("has more outputs than are known".to_owned());
        }
        self.give_back(&inputs, &outputs);
        Ok(())
    }

    /// Slots that were read for the last time are free, and those that nobody reads at all.
    fn give_back(&mut self, inputs: &[Option<Value>], outputs: &[Option<Value>]) {
        for value in inputs.iter().flatten() {
            let Some(readers) = self.readers.get_mut(&root(value)) else { continue };
            *readers = readers.saturating_sub(1);
        }
        let mut seen = HashSet::new();
        for value in inputs.iter().chain(outputs).flatten() {
            let Some((_, slot)) = root(value) else { continue };
            if self.readers.get(&root(value)) == Some(&0) && seen.insert(root(value)) {
                self.readers.remove(&root(value));
                self.builder.release(value.kind, slot);
            }
        }
    }

    /// Computes what depends on constants alone.
    fn fold(&mut self, builder: Builder, outputs: Vec<Option<Value>>) -> Result<Vec<Option<Value>>, String> {
        self.folding = self.folding.saturating_add(builder.work);
        if self.folding > MOST_FOLDING {
            return Err("computes too much of constants".to_owned());
        }
        let outputs = Program::folded(builder, outputs)?;
        self.folded += outputs.iter().flatten().map(Value::len).sum::<usize>();
        if self.folded > MOST_FOLDED {
            return Err("makes too many constants".to_owned());
        }
        Ok(outputs)
    }
}
