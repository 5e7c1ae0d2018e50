//! The memory of a call: slots of each type, reused from call to call. Constants stand in the plan.

use std::sync::Arc;

use crate::engine::native::value::{Data, Kind, Spot, Value};

/// Slots by type, and what went wrong in a call.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) float64: Vec<Vec<f64>>,
    pub(crate) float32: Vec<Vec<f32>>,
    pub(crate) int64: Vec<Vec<i64>>,
    pub(crate) bool: Vec<Vec<bool>>,
    pub(crate) text: Vec<Vec<String>>,
    /// Working memory of a step.
    pub(crate) words: Vec<u32>,
    /// The first thing that only shows in a call, for instance an index that is out of range.
    pub(crate) fault: Option<&'static str>,
    /// The plan that it was laid out for.
    pub(crate) owner: u64,
}

impl Scratch {
    pub(crate) fn fail(&mut self, reason: &'static str) {
        self.fault.get_or_insert(reason);
    }
}

/// A type that slots hold.
pub(crate) trait Element: Clone + Default + PartialEq + Send + Sync + std::fmt::Debug + 'static {
    const KIND: Kind;

    fn slots(scratch: &Scratch) -> &[Vec<Self>];
    fn slots_mut(scratch: &mut Scratch) -> &mut Vec<Vec<Self>>;
    fn read(data: &Data) -> Option<&Arc<[Self]>>;
    fn data(values: Vec<Self>) -> Data;

    /// The same, where -0 becomes 0.
    fn plain_zero(&self) -> Self {
        self.clone()
    }
}

macro_rules! element {
    ($type:ty, $kind:ident, $slots:ident $(, $zero:literal)?) => {
        impl Element for $type {
            const KIND: Kind = Kind::$kind;

            fn slots(scratch: &Scratch) -> &[Vec<Self>] {
                &scratch.$slots
            }

            fn slots_mut(scratch: &mut Scratch) -> &mut Vec<Vec<Self>> {
                &mut scratch.$slots
            }

            fn read(data: &Data) -> Option<&Arc<[Self]>> {
                if let Data::$kind(values) = data { Some(values) } else { None }
            }

            fn data(values: Vec<Self>) -> Data {
                Data::$kind(values.into())
            }
            $(
                fn plain_zero(&self) -> Self {
                    *self + $zero
                }
            )?
        }
    };
}

element!(f64, Float64, float64, 0.0);
element!(f32, Float32, float32, 0.0);
element!(i64, Int64, int64);
element!(bool, Bool, bool);
element!(String, Text, text);

/// Where a step reads.
#[derive(Debug, Clone)]
pub(crate) enum Source<T> {
    Constant(Arc<[T]>),
    Slot { slot: usize, start: usize, end: usize },
}

impl<T: Element> Source<T> {
    /// `None` where the value is of another type.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        let fits = value.kind == T::KIND || (value.kind == Kind::Int32 && T::KIND == Kind::Int64);
        match &value.spot {
            Spot::Constant(data) => T::read(data).map(|values| Self::Constant(Arc::clone(values))),
            Spot::Slot { slot, start } if fits => {
                Some(Self::Slot { slot: *slot, start: *start, end: start + value.len() })
            }
            Spot::Slot { .. } => None,
        }
    }

    pub(crate) fn get<'a>(&'a self, scratch: &'a Scratch) -> &'a [T] {
        match self {
            Self::Constant(values) => values,
            Self::Slot { slot, start, end } => &T::slots(scratch)[*slot][*start..*end],
        }
    }
}

/// Where a step writes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sink {
    pub(crate) slot: usize,
    pub(crate) len: usize,
}

impl Sink {
    /// Writes: the slot is taken out for the time, so that every other one can be read.
    pub(crate) fn write<T: Element>(self, scratch: &mut Scratch, write: impl FnOnce(&mut [T], &Scratch)) {
        let mut values = std::mem::take(&mut T::slots_mut(scratch)[self.slot]);
        write(&mut values[..self.len], scratch);
        T::slots_mut(scratch)[self.slot] = values;
    }

    /// As [`write`](Self::write), where the step can fail.
    pub(crate) fn try_write<T: Element>(
        self,
        scratch: &mut Scratch,
        write: impl FnOnce(&mut [T], &Scratch) -> Result<(), &'static str>,
    ) {
        let mut values = std::mem::take(&mut T::slots_mut(scratch)[self.slot]);
        let done = write(&mut values[..self.len], scratch);
        T::slots_mut(scratch)[self.slot] = values;
        if let Err(reason) = done {
            scratch.fail(reason);
        }
    }
}
