//! A program: the steps of a graph for inputs of one shape. Constants are folded, nodes that nobody reads are left out,
//! memory is laid out ahead, so that a call allocates nothing.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::engine::native::build::{Builder, Call, Step};
use crate::engine::native::columns;
use crate::engine::native::columns::lower::Operand;
use crate::engine::native::columns::machine::{Machine, Term};
use crate::engine::native::operators::lower;
use crate::engine::native::read::{Graph, Node, Port};
use crate::engine::native::scratch::{Element, Scratch, Source};
use crate::engine::native::value::{Data, Kind, Spot, Value};

/// Numbers in all constants that are made by folding.
const MOST_FOLDED: usize = 1 << 24;
/// Columns of a value that is computed column by column.
const MOST_COLUMNS: usize = 4096;
/// How often columns are made a tensor; each time they are computed anew from the inputs.
const MOST_TORN: usize = 4;

/// Steps for inputs of one shape.
pub(crate) struct Program {
    id: u64,
    steps: Vec<Step>,
    lengths: [Vec<usize>; 5],
    words: usize,
    pub(crate) inputs: Vec<Value>,
    pub(crate) outputs: Vec<Value>,
}

thread_local! {
    /// The memory of this thread's calls: it grows to what the largest program asks for.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl Program {
    /// Plans a graph for inputs of these shapes. An error names the operator that is not known.
    pub(crate) fn of(graph: &Graph, shapes: &[Vec<usize>]) -> Result<Self, String> {
        let alive = alive(graph)?;
        let mut plan = Plan::new(graph, &alive, true);
        match Self::planned(&mut plan, shapes) {
            // Columns that would be computed over and over: tensors then.
            Err(_) if plan.torn > MOST_TORN => Self::planned(&mut Plan::new(graph, &alive, false), shapes),
            done => done,
        }
    }

    fn planned(plan: &mut Plan<'_>, shapes: &[Vec<usize>]) -> Result<Self, String> {
        static IDS: AtomicU64 = AtomicU64::new(1);
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
        let builder = std::mem::take(&mut plan.builder);
        let lengths = builder.lengths().map(<[usize]>::to_vec);
        let Builder { steps, words, .. } = builder;
        Ok(Self { id: IDS.fetch_add(1, Ordering::Relaxed), steps, lengths, words, inputs, outputs })
    }

    /// Numbers in all slots: what a call needs.
    pub(crate) fn places(&self) -> usize {
        self.words + self.lengths.iter().flatten().sum::<usize>()
    }

    /// Runs it on this thread's memory: `write` fills the inputs, `read` takes the outputs.
    pub(crate) fn run<T>(
        &self,
        write: impl FnOnce(&mut Scratch),
        read: impl FnOnce(&Scratch) -> T,
    ) -> Result<T, &'static str> {
        SCRATCH.with_borrow_mut(|scratch| {
            if scratch.owner != self.id {
                self.lay_out(scratch);
            }
            // A step that panics leaves a slot behind without its memory: the next call lays out anew.
            scratch.owner = 0;
            let done = self.run_in(scratch, write, read);
            scratch.owner = self.id;
            done
        })
    }

    fn run_in<T>(
        &self,
        scratch: &mut Scratch,
        write: impl FnOnce(&mut Scratch),
        read: impl FnOnce(&Scratch) -> T,
    ) -> Result<T, &'static str> {
        write(scratch);
        for step in &self.steps {
            step(scratch);
        }
        match scratch.fault.take() {
            None => Ok(read(scratch)),
            Some(reason) => Err(reason),
        }
    }

    /// Makes the slots long enough; nothing is written where they are.
    fn lay_out(&self, scratch: &mut Scratch) {
        fn grow<T: Element>(scratch: &mut Scratch, lengths: &[usize]) {
            let slots = T::slots_mut(scratch);
            if slots.len() < lengths.len() {
                slots.resize_with(lengths.len(), Vec::new);
            }
            for (slot, &length) in slots.iter_mut().zip(lengths) {
                if slot.len() < length {
                    slot.resize(length, T::default());
                }
            }
        }
        let [float64, float32, int64, bool, text] = &self.lengths;
        grow::<f64>(scratch, float64);
        grow::<f32>(scratch, float32);
        grow::<i64>(scratch, int64);
        grow::<bool>(scratch, bool);
        grow::<String>(scratch, text);
        if scratch.words.len() < self.words {
            scratch.words.resize(self.words, 0);
        }
        scratch.fault = None;
        scratch.owner = self.id;
    }
}

/// Which outputs of which nodes are read, and how often each name is.
struct Alive<'a> {
    wanted: Vec<Vec<bool>>,
    reads: HashMap<&'a str, usize>,
}

/// Looks through the nodes from the back; an error where they are in no order, or a name is made twice.
fn alive(graph: &Graph) -> Result<Alive<'_>, String> {
    let mut known: HashSet<&str> = graph.constants.keys().map(String::as_str).collect();
    known.extend(graph.inputs.iter().map(|port| port.name.as_str()));
    for node in &graph.nodes {
        if let Some(name) = node.inputs.iter().find(|name| !name.is_empty() && !known.contains(name.as_str())) {
            return Err(format!("{}: input '{name}' is made by no node before it", node.operator));
        }
        for name in node.outputs.iter().filter(|name| !name.is_empty()) {
            if !known.insert(name) {
                return Err(format!("{}: output '{name}' stands twice", node.operator));
            }
        }
    }
    let mut reads: HashMap<&str, usize> = HashMap::new();
    for port in &graph.outputs {
        // An output is never given back.
        reads.insert(&port.name, usize::MAX / 2);
    }
    let mut all_wanted = Vec::with_capacity(graph.nodes.len());
    for node in graph.nodes.iter().rev() {
        let wanted: Vec<bool> =
            node.outputs.iter().map(|name| !name.is_empty() && reads.contains_key(name.as_str())).collect();
        if wanted.contains(&true) {
            for name in node.inputs.iter().filter(|name| !name.is_empty()) {
                *reads.entry(name).or_default() += 1;
            }
        }
        all_wanted.push(wanted);
    }
    all_wanted.reverse();
    Ok(Alive { wanted: all_wanted, reads })
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
        let Node { operator, attributes, kept, .. } = node;
        let columns = terms.as_ref().map(|terms| (&self.machine, terms.as_slice()));
        let mut outputs = lower(Call { operator, inputs: &inputs, attributes, kept, columns, wanted, builder })?;
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
        let lengths = builder.lengths().map(<[usize]>::to_vec);
        let Builder { steps, words, .. } = builder;
        let program = Program { id: 0, steps, lengths, words, inputs: Vec::new(), outputs: Vec::new() };
        let mut scratch = Scratch::default();
        program.lay_out(&mut scratch);
        program.run_in(&mut scratch, |_| (), |_| ()).map_err(str::to_owned)?;
        self.folded += outputs.iter().flatten().map(Value::len).sum::<usize>();
        if self.folded > MOST_FOLDED {
            return Err("makes too many constants".to_owned());
        }
        Ok(outputs.into_iter().map(|value| value.map(|value| settled(value, &scratch))).collect())
    }
}

/// A computed value as a constant.
fn settled(value: Value, scratch: &Scratch) -> Value {
    fn part<T: Element>(scratch: &Scratch, slot: usize, start: usize, len: usize) -> Data {
        T::data(T::slots(scratch)[slot][start..start + len].to_vec())
    }
    let Spot::Slot { slot, start } = value.spot else { return value };
    let len = value.len();
    let data = match value.kind {
        Kind::Float64 => part::<f64>(scratch, slot, start, len),
        Kind::Float32 => part::<f32>(scratch, slot, start, len),
        Kind::Int64 | Kind::Int32 => part::<i64>(scratch, slot, start, len),
        Kind::Bool => part::<bool>(scratch, slot, start, len),
        Kind::Text => part::<String>(scratch, slot, start, len),
    };
    Value::constant(value.kind, value.shape, data)
}
