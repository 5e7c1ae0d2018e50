//! A lane: one session and the memory that a call with one row reuses.

use ort::memory::Allocator;
use ort::session::{HasSelectedOutputs, OutputSelector, RunOptions, Session, SessionInputValue};
use ort::value::{DynValue, PrimitiveTensorElementType, Tensor as OrtTensor, TensorRef};

use crate::artifact::array::{Array, Dtype, Values};
use crate::artifact::manifest::Manifest;
use crate::artifact::tensor::TensorSpec;
use crate::engine::flat::{Layout, Part};
use crate::engine::library::Library;
use crate::engine::session::{check_tensors, open_session, said, wrong_size};

pub(crate) struct Lane {
    session: Session,
    single: Option<Single>,
}

/// Inputs and outputs of one row, allocated once.
struct Single {
    inputs: Vec<SessionInputValue<'static>>,
    options: RunOptions<HasSelectedOutputs>,
}

impl Single {
    fn new(layout: &Layout) -> ort::Result<Self> {
        let allocator = Allocator::default();
        let mut selector = OutputSelector::default();
        for part in &layout.outputs {
            selector = selector.preallocate(part.name.as_str(), single(&allocator, part)?);
        }
        let inputs = layout.inputs.iter().map(|part| single(&allocator, part).map(SessionInputValue::from));
        Ok(Self { inputs: inputs.collect::<ort::Result<_>>()?, options: RunOptions::new()?.with_outputs(selector) })
    }
}

fn single(allocator: &Allocator, part: &Part) -> ort::Result<DynValue> {
    Ok(match part.dtype {
        Dtype::Float32 => OrtTensor::<f32>::new(allocator, part.shape.clone())?.into_dyn(),
        Dtype::Int64 => OrtTensor::<i64>::new(allocator, part.shape.clone())?.into_dyn(),
        Dtype::Float64 | Dtype::Text => OrtTensor::<f64>::new(allocator, part.shape.clone())?.into_dyn(),
    })
}

impl Lane {
    pub(crate) fn open(
        library: &Library,
        manifest: &Manifest,
        layout: Option<&Layout>,
        graph: &[u8],
    ) -> Result<Self, String> {
        let session = open_session(library, manifest.threads(), graph)?;
        check_tensors("inputs", &manifest.inputs, session.inputs().iter().map(|o| (o.name(), o.dtype())))?;
        check_tensors("outputs", &manifest.outputs, session.outputs().iter().map(|o| (o.name(), o.dtype())))?;
        let single = layout.map(Single::new).transpose().map_err(|error| said(&error))?;
        Ok(Self { session, single })
    }

    /// Answers one flat row without allocating.
    pub(crate) fn run_one(&mut self, layout: &Layout, row: &[f64], answer: &mut [f64]) -> ort::Result<()> {
        let single = self.single.as_mut().ok_or_else(wrong_size)?;
        let mut rest = row;
        for (input, part) in single.inputs.iter_mut().zip(&layout.inputs) {
            let (numbers, tail) = rest.split_at_checked(part.width).ok_or_else(wrong_size)?;
            if let SessionInputValue::Owned(value) = input {
                write(value, part.dtype, numbers)?;
            }
            rest = tail;
        }
        let outputs = self.session.run_with_options(single.inputs.as_slice(), &single.options)?;
        let mut rest = answer;
        for (value, part) in outputs.values().zip(&layout.outputs) {
            let (head, tail) = rest.split_at_mut_checked(part.width).ok_or_else(wrong_size)?;
            match part.dtype {
                Dtype::Float32 => widen(&value, head, |number: f32| number.into())?,
                Dtype::Int64 => widen(&value, head, whole)?,
                Dtype::Float64 | Dtype::Text => {
                    let (_, numbers) = value.try_extract_tensor::<f64>()?;
                    if numbers.len() != head.len() {
                        return Err(wrong_size());
                    }
                    head.copy_from_slice(numbers);
                }
            }
            rest = tail;
        }
        Ok(())
    }

    /// Answers some flat rows; `answers` holds one answer after the other.
    pub(crate) fn run_chunk(&mut self, layout: &Layout, rows: &[f64], answers: &mut [f64]) -> ort::Result<()> {
        let count = rows.len() / layout.row_width;
        let mut gathered = Vec::new();
        if !layout.is_plain() {
            let mut start = 0;
            for part in &layout.inputs {
                gathered.push(part.gather(rows, layout.row_width, start));
                start += part.width;
            }
        }
        let mut inputs = Vec::with_capacity(layout.inputs.len());
        for (index, part) in layout.inputs.iter().enumerate() {
            let mut shape = part.shape.clone();
            shape[0] = i64::try_from(count).unwrap_or(0);
            inputs.push(match gathered.get(index) {
                None => TensorRef::from_array_view((shape, rows))?.into(),
                Some(values) => input(shape, values)?,
            });
        }
        let outputs = self.session.run(inputs.as_slice())?;
        let mut start = 0;
        for (value, part) in outputs.values().zip(&layout.outputs) {
            let place = Place { answers: &mut *answers, answer_width: layout.answer_width, start, width: part.width };
            match part.dtype {
                Dtype::Float32 => place.scatter(&value, |number: f32| number.into())?,
                Dtype::Int64 => place.scatter(&value, whole)?,
                Dtype::Float64 | Dtype::Text => place.scatter(&value, |number: f64| number)?,
            }
            start += part.width;
        }
        Ok(())
    }

    /// Answers arrays of any type and shape that the graph takes, in the manifest's order.
    pub(crate) fn run_arrays(&mut self, arrays: &[Array], outputs: &[TensorSpec]) -> ort::Result<Vec<Array>> {
        let mut inputs = Vec::with_capacity(arrays.len());
        for array in arrays {
            let shape = array.shape.iter().map(|&length| i64::try_from(length).unwrap_or(0)).collect();
            inputs.push(input(shape, &array.values)?);
        }
        let found = self.session.run(inputs.as_slice())?;
        found.values().zip(outputs).map(|(value, tensor)| output(&value, tensor.dtype)).collect()
    }
}

fn input(shape: Vec<i64>, values: &Values) -> ort::Result<SessionInputValue<'_>> {
    Ok(match values {
        Values::Float64(values) => TensorRef::from_array_view((shape, values.as_slice()))?.into(),
        Values::Float32(values) => TensorRef::from_array_view((shape, values.as_slice()))?.into(),
        Values::Int64(values) => TensorRef::from_array_view((shape, values.as_slice()))?.into(),
        Values::Text(values) => OrtTensor::from_string_array((shape, values.as_slice()))?.into(),
    })
}

fn output(value: &DynValue, dtype: Dtype) -> ort::Result<Array> {
    fn numbers<T: PrimitiveTensorElementType + Clone>(value: &DynValue) -> ort::Result<(Vec<i64>, Vec<T>)> {
        let (shape, numbers) = value.try_extract_tensor::<T>()?;
        Ok((shape.to_vec(), numbers.to_vec()))
    }
    let (shape, values) = match dtype {
        Dtype::Float64 => numbers(value).map(|(shape, values)| (shape, Values::Float64(values)))?,
        Dtype::Float32 => numbers(value).map(|(shape, values)| (shape, Values::Float32(values)))?,
        Dtype::Int64 => numbers(value).map(|(shape, values)| (shape, Values::Int64(values)))?,
        Dtype::Text => {
            let (shape, texts) = value.try_extract_strings()?;
            (shape.to_vec(), Values::Text(texts))
        }
    };
    let shape = shape.into_iter().map(|length| usize::try_from(length).map_err(|_| wrong_size()));
    Ok(Array { shape: shape.collect::<ort::Result<_>>()?, values })
}

#[expect(clippy::cast_possible_truncation, reason = "the caller has checked that the numbers fit")]
fn write(value: &mut DynValue, dtype: Dtype, numbers: &[f64]) -> ort::Result<()> {
    match dtype {
        Dtype::Float32 => {
            let (_, places) = value.try_extract_tensor_mut::<f32>()?;
            places.iter_mut().zip(numbers).for_each(|(place, number)| *place = *number as f32);
        }
        Dtype::Int64 => {
            let (_, places) = value.try_extract_tensor_mut::<i64>()?;
            places.iter_mut().zip(numbers).for_each(|(place, number)| *place = *number as i64);
        }
        Dtype::Float64 | Dtype::Text => value.try_extract_tensor_mut::<f64>()?.1.copy_from_slice(numbers),
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "said where flat answers are given")]
fn whole(number: i64) -> f64 {
    number as f64
}

fn widen<T>(value: &DynValue, places: &mut [f64], wider: impl Fn(T) -> f64) -> ort::Result<()>
where
    T: PrimitiveTensorElementType + Copy,
{
    let (_, numbers) = value.try_extract_tensor::<T>()?;
    if numbers.len() != places.len() {
        return Err(wrong_size());
    }
    places.iter_mut().zip(numbers).for_each(|(place, number)| *place = wider(*number));
    Ok(())
}

/// Where the numbers of one output stand in flat answers.
struct Place<'a> {
    answers: &'a mut [f64],
    answer_width: usize,
    start: usize,
    width: usize,
}

impl Place<'_> {
    fn scatter<T>(self, value: &DynValue, wider: impl Fn(T) -> f64) -> ort::Result<()>
    where
        T: PrimitiveTensorElementType + Copy,
    {
        let (_, numbers) = value.try_extract_tensor::<T>()?;
        if numbers.len() * self.answer_width != self.answers.len() * self.width {
            return Err(wrong_size());
        }
        let places = self.answers.chunks_exact_mut(self.answer_width);
        for (answer, part) in places.zip(numbers.chunks_exact(self.width)) {
            let places = &mut answer[self.start..self.start + self.width];
            places.iter_mut().zip(part).for_each(|(place, number)| *place = wider(*number));
        }
        Ok(())
    }
}
