//! A program: the steps of a graph for inputs of one shape. Constants are folded, nodes that nobody reads are left out,
//! memory is laid out ahead, so that a call allocates nothing.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::engine::native::build::{Builder, Call, Step};
use crate::engine::native::operators::lower;
use crate::engine::native::read::{Graph, Node};
use crate::engine::native::scratch::{Element, Scratch};
use crate::engine::native::value::{Data, Kind, Spot, Value};

/// Numbers in all constants that are made by folding.
const MOST_FOLDED: usize = 1 << 24;

/// Steps for inputs of one shape.
pub(crate) struct Program {
    id: u64,
    steps: Vec<Step>,
    lengths: [Vec<usize>; 5],
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
        static IDS: AtomicU64 = AtomicU64::new(1);
        let alive = alive(graph)?;
        let mut plan = Plan::new(graph, &alive);
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
            inputs.push(value);
        }
        for (node, wanted) in graph.nodes.iter().zip(&alive.wanted) {
            if wanted.contains(&true) {
                plan.node(node, wanted).map_err(|reason| format!("{}: {reason}", node.operator))?;
            }
        }
        let outputs = graph.outputs.iter().map(|port| {
            let value = plan.values.get(port.name.as_str()).or_else(|| graph.constants.get(&port.name));
            value.cloned().ok_or_else(|| format!("output '{}': nobody makes it", port.name))
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
        let lengths = plan.builder.lengths().map(<[usize]>::to_vec);
        Ok(Self { id: IDS.fetch_add(1, Ordering::Relaxed), steps: plan.builder.steps, lengths, inputs, outputs })
    }

    /// Numbers in all slots: what a call needs.
    pub(crate) fn places(&self) -> usize {
        self.lengths.iter().flatten().sum()
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
            self.run_in(scratch, write, read)
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
    reads: &'a HashMap<&'a str, usize>,
    /// How many reads of a slot are still to come.
    readers: HashMap<Option<(u8, usize)>, usize>,
    folded: usize,
}

impl<'a> Plan<'a> {
    fn new(graph: &'a Graph, alive: &'a Alive<'a>) -> Self {
        let (values, readers) = (HashMap::new(), HashMap::new());
        Self { graph, builder: Builder::default(), values, reads: &alive.reads, readers, folded: 0 }
    }

    fn value(&self, name: &str) -> Option<Value> {
        self.values.get(name).or_else(|| self.graph.constants.get(name)).cloned()
    }

    fn node(&mut self, node: &'a Node, wanted: &[bool]) -> Result<(), String> {
        let inputs: Vec<Option<Value>> = node.inputs.iter().map(|name| self.value(name)).collect();
        // `Shape` of anything is a constant here, as all shapes are known.
        let constant = inputs.iter().flatten().all(Value::is_constant);
        let mut aside = Builder::default();
        let builder = if constant { &mut aside } else { &mut self.builder };
        let call = Call {
            operator: &node.operator,
            inputs: &inputs,
            attributes: &node.attributes,
            opsets: self.graph.opsets,
            wanted,
            builder,
        };
        let mut outputs = lower(call)?;
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
        let program = Program { id: 0, steps: builder.steps, lengths, inputs: Vec::new(), outputs: Vec::new() };
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
