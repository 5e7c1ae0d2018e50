//! A plan in the making: slots are given out, and given back when nobody reads them any more.

use std::collections::BTreeMap;

use crate::engine::native::columns::machine::{Machine, Term};
use crate::engine::native::operators::schema::Opsets;
use crate::engine::native::read::{Attribute, Kept, numbers_in};
use crate::engine::native::scratch::{Element, Scratch, Sink, Source};
use crate::engine::native::value::{Kind, Spot, Value};

/// One step of a plan: reads slots and constants, writes slots.
pub(crate) type Step = Box<dyn Fn(&mut Scratch) + Send + Sync>;

/// Numbers in all slots of a plan together: some 512 MiB.
const MOST_PLACES: usize = 1 << 26;
/// Numbers that a call reads, multiplies and writes: some ten seconds.
const MOST_WORK: usize = 1 << 34;

/// Slots of one type: the length of each, and those that are free.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    pub(crate) lengths: Vec<usize>,
    /// Their sum.
    total: usize,
    free: Vec<usize>,
}

impl Slots {
    /// The free slot that fits best, or a new one.
    fn take(&mut self, len: usize) -> usize {
        let fits = |&place: &usize| self.lengths[self.free[place]].abs_diff(len);
        if let Some(place) = (0..self.free.len()).min_by_key(fits) {
            let slot = self.free.swap_remove(place);
            self.total += len.saturating_sub(self.lengths[slot]);
            self.lengths[slot] = self.lengths[slot].max(len);
            return slot;
        }
        self.total += len;
        self.lengths.push(len);
        self.lengths.len() - 1
    }
}

/// Steps and slots so far.
#[derive(Default)]
pub(crate) struct Builder {
    pub(crate) steps: Vec<Step>,
    slots: [Slots; 5],
    /// The working memory that a step asks for at most.
    pub(crate) words: usize,
    /// What a call works through.
    pub(crate) work: usize,
    /// Numbers in all values together, and so at least as many as any table of places holds.
    made: usize,
}

const fn pool(kind: Kind) -> usize {
    match kind {
        Kind::Float64 => 0,
        Kind::Float32 => 1,
        Kind::Int64 | Kind::Int32 => 2,
        Kind::Bool => 3,
        Kind::Text => 4,
    }
}

impl Builder {
    /// A place for a new value.
    pub(crate) fn room(&mut self, kind: Kind, shape: Vec<usize>) -> Result<(Value, Sink), String> {
        let len = numbers_in(&shape).ok_or_else(|| format!("a tensor of shape {shape:?} is too large"))?;
        self.charge(len)?;
        self.made += len;
        let slot = self.slots[pool(kind)].take(len);
        if self.places() > MOST_PLACES || self.made > MOST_PLACES {
            return Err("needs more memory than is given to a plan".to_owned());
        }
        Ok((Value { kind, shape, spot: Spot::Slot { slot, start: 0 } }, Sink { slot, len }))
    }

    /// So many numbers are read, multiplied or written in a call. A plan that would take too long is refused.
    pub(crate) fn charge(&mut self, work: usize) -> Result<(), String> {
        self.work = self.work.saturating_add(work);
        if self.work > MOST_WORK { Err("takes too long".to_owned()) } else { Ok(()) }
    }

    fn places(&self) -> usize {
        self.words + self.slots.iter().map(|slots| slots.total).sum::<usize>()
    }

    /// Nobody reads the slot of this value any more.
    pub(crate) fn release(&mut self, kind: Kind, slot: usize) {
        self.slots[pool(kind)].free.push(slot);
    }

    pub(crate) fn push(&mut self, step: impl Fn(&mut Scratch) + Send + Sync + 'static) {
        self.steps.push(Box::new(step));
    }

    /// A step needs so many places of working memory.
    pub(crate) fn more_words(&mut self, count: usize) {
        self.words = self.words.max(count);
    }

    /// The lengths of the slots of each type.
    pub(crate) fn lengths(&self) -> [&[usize]; 5] {
        self.slots.each_ref().map(|slots| slots.lengths.as_slice())
    }

    /// A step that makes a new value of others of whatever type.
    pub(crate) fn step<T: Element>(
        &mut self,
        kind: Kind,
        shape: Vec<usize>,
        write: impl Fn(&mut [T], &Scratch) + Send + Sync + 'static,
    ) -> Result<Value, String> {
        let (value, sink) = self.room(kind, shape)?;
        self.push(move |scratch| sink.write(scratch, &write));
        Ok(value)
    }

    /// As [`step`](Self::step), where the step can fail in a call.
    pub(crate) fn try_step<T: Element>(
        &mut self,
        kind: Kind,
        shape: Vec<usize>,
        write: impl Fn(&mut [T], &Scratch) -> Result<(), &'static str> + Send + Sync + 'static,
    ) -> Result<Value, String> {
        let (value, sink) = self.room(kind, shape)?;
        self.push(move |scratch| sink.try_write(scratch, &write));
        Ok(value)
    }
}

/// What an operator is given: its inputs and attributes, and the plan that it adds to.
pub(crate) struct Call<'a> {
    pub(crate) operator: &'a str,
    pub(crate) inputs: &'a [Option<Value>],
    pub(crate) attributes: &'a BTreeMap<String, Attribute>,
    pub(crate) opsets: Opsets,
    pub(crate) kept: &'a Kept,
    /// The first input where it is columns and no tensor; only trees are given them.
    pub(crate) columns: Option<(&'a Machine, &'a [Term])>,
    /// Which outputs are read.
    pub(crate) wanted: &'a [bool],
    pub(crate) builder: &'a mut Builder,
}

/// What lowering an operator gives: a value for each output that is wanted.
pub(crate) type Lowered = Result<Vec<Option<Value>>, String>;

/// One output.
#[expect(clippy::unnecessary_wraps, reason = "what lowering gives")]
pub(crate) fn one(value: Value) -> Lowered {
    Ok(vec![Some(value)])
}

impl Call<'_> {
    pub(crate) fn optional(&self, index: usize) -> Option<&Value> {
        self.inputs.get(index).and_then(Option::as_ref)
    }

    pub(crate) fn input(&self, index: usize) -> Result<&Value, String> {
        self.optional(index).ok_or_else(|| format!("needs input {index}"))
    }

    pub(crate) fn source<T: Element>(&self, index: usize) -> Result<Source<T>, String> {
        let value = self.input(index)?;
        Source::of(value).ok_or_else(|| self.unknown_type(value.kind))
    }

    #[expect(clippy::unused_self, reason = "reads as the others")]
    pub(crate) fn unknown_type(&self, kind: Kind) -> String {
        format!("is not known for {}", kind.name())
    }

    /// Whole numbers of an input that must be known when the plan is made.
    pub(crate) fn ints(&self, index: usize) -> Result<&[i64], String> {
        self.input(index)?.ints().ok_or_else(|| format!("input {index} must be a constant of int64"))
    }

    pub(crate) fn int(&self, name: &str, default: i64) -> Result<i64, String> {
        match self.attributes.get(name) {
            None => Ok(default),
            Some(Attribute::Int(value)) => Ok(*value),
            Some(_) => Err(format!("attribute '{name}' must be a whole number")),
        }
    }

    pub(crate) fn float(&self, name: &str, default: f32) -> Result<f32, String> {
        match self.attributes.get(name) {
            None => Ok(default),
            Some(Attribute::Float(value)) => Ok(*value),
            Some(_) => Err(format!("attribute '{name}' must be a number")),
        }
    }

    pub(crate) fn text(&self, name: &str, default: &'static str) -> Result<&str, String> {
        match self.attributes.get(name) {
            None => Ok(default),
            Some(Attribute::Text(value)) => Ok(value),
            Some(_) => Err(format!("attribute '{name}' must be a text")),
        }
    }

    pub(crate) fn ints_attribute(&self, name: &str) -> Result<Option<&[i64]>, String> {
        match self.attributes.get(name) {
            None => Ok(None),
            Some(Attribute::Ints(values)) => Ok(Some(values)),
            Some(_) => Err(format!("attribute '{name}' must be a list of whole numbers")),
        }
    }

    pub(crate) fn floats_attribute(&self, name: &str) -> Result<Option<&[f32]>, String> {
        match self.attributes.get(name) {
            None => Ok(None),
            Some(Attribute::Floats(values)) => Ok(Some(values)),
            Some(_) => Err(format!("attribute '{name}' must be a list of numbers")),
        }
    }

    pub(crate) fn texts_attribute(&self, name: &str) -> Result<Option<&[String]>, String> {
        match self.attributes.get(name) {
            None => Ok(None),
            Some(Attribute::Texts(values)) => Ok(Some(values)),
            Some(_) => Err(format!("attribute '{name}' must be a list of texts")),
        }
    }

    pub(crate) fn tensor_attribute(&self, name: &str) -> Result<Option<&Value>, String> {
        match self.attributes.get(name) {
            None => Ok(None),
            Some(Attribute::Tensor(value)) => Ok(Some(value)),
            Some(_) => Err(format!("attribute '{name}' must be a tensor")),
        }
    }

    /// Refuses attributes that are not looked at.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), String> {
        match self.attributes.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => Err(format!("attribute '{name}' is not known")),
            None => Ok(()),
        }
    }
}

/// An axis counted from the front; negative ones count from the back.
pub(crate) fn axis_of(axis: i64, rank: usize) -> Result<usize, String> {
    let count = i64::try_from(rank).unwrap_or(0);
    let found = if axis < 0 { axis + count } else { axis };
    usize::try_from(found).ok().filter(|&axis| axis < rank).ok_or_else(|| format!("axis {axis} of {rank} axes"))
}
