//! Rows by the names of their fields: collected into a batch, held against what the model accepts.

use crate::any_model::inputs::check_values;
use crate::any_model::signature::Signature;
use crate::artifact::array::{Array, Dtype, Values};
use crate::artifact::axes::Axes;
use crate::artifact::tensor::{TensorSpec, unknown_name};

/// Rows that are answered at a time.
const MOST_ROWS: usize = 1024;
/// Values that are held at a time, whatever number of rows that is.
const MOST_VALUES: usize = 1 << 20;

/// Where a field of a row belongs.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) name: String,
    /// Which input.
    tensor: usize,
    /// Which column of it; `None` for a field that is the whole row of its tensor.
    column: Option<usize>,
    pub(crate) dtype: Dtype,
    /// How many lists lie within each other: 0 for a single value.
    pub(crate) depth: usize,
}

/// What a field of the row that is being read holds so far.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) array: Array,
    pub(crate) seen: bool,
}

/// The fields of a model, the row that is being read, and those that wait for an answer.
#[derive(Debug)]
pub(crate) struct Rows<'a> {
    inputs: &'a [TensorSpec],
    pub(crate) fields: Vec<Field>,
    pub(crate) slots: Vec<Slot>,
    waiting: Vec<Array>,
    count: usize,
}

impl<'a> Rows<'a> {
    /// The error says why rows cannot name this model's inputs.
    pub(crate) fn new(signature: &'a Signature) -> Result<Self, String> {
        let mut fields: Vec<Field> = Vec::new();
        for (index, tensor) in signature.inputs.iter().enumerate() {
            let (dtype, depth) = (tensor.dtype, tensor.shape.len() - 1);
            if has_column_fields(tensor) {
                fields.extend(tensor.columns.iter().enumerate().map(|(place, column)| Field {
                    name: column.name.clone(),
                    tensor: index,
                    column: Some(place),
                    dtype,
                    depth: 0,
                }));
            } else {
                fields.push(Field { name: tensor.name.clone(), tensor: index, column: None, dtype, depth });
            }
        }
        for (index, field) in fields.iter().enumerate() {
            if fields[..index].iter().any(|before| before.name == field.name) {
                return Err(format!("two inputs are called '{}': only named tensors tell them apart", field.name));
            }
        }
        let empty = |dtype| Array { shape: Vec::new(), values: Values::empty(dtype) };
        Ok(Self {
            inputs: &signature.inputs,
            slots: fields.iter().map(|field| Slot { array: empty(field.dtype), seen: false }).collect(),
            fields,
            waiting: Vec::new(),
            count: 0,
        })
    }

    /// How many rows wait for an answer.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Where a field stands, or what to say of one that there is not.
    pub(crate) fn place_of(&self, name: &str) -> Result<usize, String> {
        self.fields.iter().position(|field| field.name == name).ok_or_else(|| {
            let known: Vec<_> = self.fields.iter().map(|field| field.name.as_str()).collect();
            unknown_name("field", name, &known)
        })
    }

    /// The reason why a field that may not be left out is not there.
    pub(crate) fn missing(field: &Field) -> String {
        format!("field '{}' is missing ({})", field.name, field.dtype)
    }

    /// Before a row is read.
    pub(crate) fn begin(&mut self) {
        for slot in &mut self.slots {
            slot.seen = false;
            slot.array.shape.clear();
            clear(&mut slot.array.values);
        }
    }

    /// The row as arrays of one row each, once all of its fields were read; the error names the column.
    pub(crate) fn finish(&mut self) -> Result<Vec<Array>, String> {
        let mut row: Vec<Array> = Vec::with_capacity(self.inputs.len());
        for (field, slot) in self.fields.iter().zip(&mut self.slots) {
            if !slot.seen {
                return Err(Self::missing(field));
            }
            let tensor = &self.inputs[field.tensor];
            let width = slot.array.values.len();
            check_values(tensor, &slot.array.values, field.column.unwrap_or(0), width).map_err(|(_, reason)| reason)?;
            if row.len() == field.tensor {
                let mut shape = vec![1];
                shape.append(&mut slot.array.shape);
                if has_column_fields(tensor) && tensor.shape.len() == 2 {
                    shape.push(tensor.columns.len());
                }
                row.push(Array { shape, values: Values::empty(tensor.dtype) });
            }
            row[field.tensor].values.append(&mut slot.array.values);
        }
        let mut axes = Axes::of_batch(1);
        for (tensor, array) in self.inputs.iter().zip(&row) {
            axes.bind(tensor, &array.shape).map_err(|reason| format!("field '{}': {reason}", tensor.name))?;
        }
        Ok(row)
    }

    /// Whether the rows that wait must be answered before this one is put behind them.
    pub(crate) fn is_full(&self, row: &[Array]) -> bool {
        let values: usize = self.waiting.iter().map(|array| array.values.len()).sum();
        // Rows whose free axes have other lengths make another batch.
        let differs = self.waiting.iter().zip(row).any(|(waiting, row)| waiting.shape.get(1..) != row.shape.get(1..));
        self.count > 0 && (differs || self.count >= MOST_ROWS || values >= MOST_VALUES)
    }

    pub(crate) fn add(&mut self, row: Vec<Array>) {
        if self.waiting.is_empty() {
            self.waiting = row;
        } else {
            for (waiting, row) in self.waiting.iter_mut().zip(row) {
                waiting.append(row);
            }
        }
        self.count += 1;
    }

    /// The rows that wait, as the model takes them.
    pub(crate) fn take(&mut self) -> Vec<Array> {
        self.count = 0;
        std::mem::take(&mut self.waiting)
    }
}

/// Whether rows name the columns of a tensor, rather than the tensor.
pub(crate) fn has_column_fields(tensor: &TensorSpec) -> bool {
    !tensor.columns.is_empty() && tensor.shape.len() <= 2
}

fn clear(values: &mut Values) {
    match values {
        Values::Float64(values) => values.clear(),
        Values::Float32(values) => values.clear(),
        Values::Int64(values) => values.clear(),
        Values::Text(values) => values.clear(),
    }
}
