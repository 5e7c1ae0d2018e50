//! A program: the steps of a graph for inputs of one shape. Constants are folded, nodes that nobody reads are left out,
//! memory is laid out ahead, so that a call allocates nothing.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::engine::native::build::{Builder, Step};
use crate::engine::native::scratch::{Element, Scratch};
use crate::engine::native::value::{Data, Kind, Spot, Value};

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
    /// What was built, for these inputs.
    pub(crate) fn of(builder: Builder, inputs: Vec<Value>, outputs: Vec<Value>) -> Self {
        static IDS: AtomicU64 = AtomicU64::new(1);
        let lengths = builder.lengths().map(<[usize]>::to_vec);
        let Builder { steps, words, .. } = builder;
        Self { id: IDS.fetch_add(1, Ordering::Relaxed), steps, lengths, words, inputs, outputs }
    }

    /// Runs what depends on constants alone, once: its outputs as constants.
    pub(crate) fn folded(builder: Builder, outputs: Vec<Option<Value>>) -> Result<Vec<Option<Value>>, String> {
        let program = Self::of(builder, Vec::new(), Vec::new());
        let mut scratch = Scratch::default();
        program.lay_out(&mut scratch);
        program.run_in(&mut scratch, |_| (), |_| ()).map_err(str::to_owned)?;
        Ok(outputs.into_iter().map(|value| value.map(|value| settled(value, &scratch))).collect())
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
