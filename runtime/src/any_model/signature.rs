//! What a model takes and gives.

use std::fmt;

use crate::artifact::array::Dtype;
use crate::artifact::manifest::{Manifest, Task};
use crate::artifact::tensor::{Column, TensorSpec};
use crate::artifact::version::Version;

/// What a model is called, takes and gives. [`Display`](fmt::Display) shows it as lines for people.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Signature {
    /// The model's name.
    pub name: String,
    /// Its version.
    pub version: Version,
    /// What it is for.
    pub task: Task,
    /// What it takes, in order.
    pub inputs: Vec<TensorSpec>,
    /// What it gives, in order.
    pub outputs: Vec<TensorSpec>,
}

impl Signature {
    pub(crate) fn of(manifest: &Manifest, version: Version) -> Self {
        Self {
            name: manifest.model.clone(),
            version,
            task: manifest.task,
            inputs: manifest.inputs.clone(),
            outputs: manifest.outputs.clone(),
        }
    }

    /// How many numbers a flat row holds: the values of all inputs one after the other. `None` where there is no such
    /// row, because an input or output is of text or has a free axis.
    #[must_use]
    pub fn row_width(&self) -> Option<usize> {
        self.flat_width(&self.inputs)
    }

    /// How many numbers [`Model::run_one_into`](crate::Model::run_one_into) writes; `None` as for
    /// [`Signature::row_width`].
    #[must_use]
    pub fn answer_width(&self) -> Option<usize> {
        self.flat_width(&self.outputs)
    }

    fn flat_width(&self, side: &[TensorSpec]) -> Option<usize> {
        let flat = |tensor: &TensorSpec| tensor.dtype != Dtype::Text && tensor.fixed_row_width().is_some();
        let all = self.inputs.iter().chain(&self.outputs).all(flat);
        all.then(|| side.iter().filter_map(TensorSpec::fixed_row_width).sum())
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{} {}, a {}", self.name, self.version, self.task)?;
        for (side, tensors) in [("takes", &self.inputs), ("gives", &self.outputs)] {
            writeln!(formatter, "{side}")?;
            for tensor in tensors {
                writeln!(formatter, "  {}: {}, {}", tensor.name, tensor.dtype, tensor.shape_text())?;
                for column in &tensor.columns {
                    writeln!(formatter, "    {}{}", column.name, facts(column))?;
                }
            }
        }
        Ok(())
    }
}

/// `: 0 to 120 years, whole, may be missing`, as far as it is known.
fn facts(column: &Column) -> String {
    let mut facts = Vec::new();
    let unit = column.unit.as_deref().map(|unit| format!(" {unit}")).unwrap_or_default();
    match (column.minimum, column.maximum) {
        (Some(minimum), Some(maximum)) => facts.push(format!("{} to {}{unit}", short(minimum), short(maximum))),
        (Some(minimum), None) => facts.push(format!("at least {}{unit}", short(minimum))),
        (None, Some(maximum)) => facts.push(format!("at most {}{unit}", short(maximum))),
        (None, None) => facts.extend(column.unit.clone()),
    }
    if let (Some(low), Some(high)) = (column.trained_minimum, column.trained_maximum) {
        facts.push(format!("{} to {} in training", short(low), short(high)));
    }
    if column.integer {
        facts.push("whole".to_owned());
    }
    if column.missing {
        facts.push("may be missing".to_owned());
    }
    if !column.meaning.is_empty() {
        facts.push(column.meaning.clone());
    }
    if facts.is_empty() { String::new() } else { format!(": {}", facts.join(", ")) }
}

/// A number as a person writes it: 1e30 and not its thirty digits.
fn short(number: f64) -> String {
    let plain = number == 0.0 || (1e-4..1e15).contains(&number.abs());
    if plain { number.to_string() } else { format!("{number:e}") }
}
