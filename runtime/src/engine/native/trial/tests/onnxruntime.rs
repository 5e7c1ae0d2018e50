//! The other engine: a session as a lane opens it.

use std::path::Path;
use std::sync::Arc;

use ort::session::SessionInputValue;
use ort::value::{DynValue, PrimitiveTensorElementType, Tensor, TensorElementType};

use crate::engine::library::Library;
use crate::engine::native::trial::engines::Answer;
use crate::engine::native::trial::maker::{Graph, Input};
use crate::engine::native::value::{Data, Kind};
use crate::engine::session::{open_session, said};

pub(super) fn library() -> Arc<Library> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    Library::open(None, &root).expect("these tests need libonnxruntime: run `make`, or set ORT_DYLIB_PATH")
}

/// onnxruntime's answers, or why it gives none.
pub(super) fn onnxruntime(library: &Library, graph: &Graph) -> Result<Vec<Answer>, String> {
    let mut session = open_session(library, 1, &graph.bytes)?;
    let inputs = graph.inputs.iter().map(input).collect::<ort::Result<Vec<_>>>().map_err(|error| said(&error))?;
    let outputs = session.run(inputs.as_slice()).map_err(|error| format!("run: {}", said(&error)))?;
    outputs.values().map(|value| output(&value)).collect::<ort::Result<_>>().map_err(|error| said(&error))
}

fn input(input: &Input) -> ort::Result<SessionInputValue<'static>> {
    fn typed<T: PrimitiveTensorElementType + std::fmt::Debug + Clone + 'static>(
        shape: Vec<i64>,
        values: Vec<T>,
    ) -> ort::Result<SessionInputValue<'static>> {
        Ok(Tensor::from_array((shape, values))?.into_dyn().into())
    }
    let shape: Vec<i64> = input.shape.iter().map(|&length| i64::try_from(length).unwrap_or(0)).collect();
    match &input.data {
        Data::Float64(values) => typed(shape, values.to_vec()),
        Data::Float32(values) => typed(shape, values.to_vec()),
        Data::Int64(values) if input.kind == Kind::Int32 => {
            typed(shape, values.iter().map(|&value| i32::try_from(value).unwrap()).collect())
        }
        Data::Int64(values) => typed(shape, values.to_vec()),
        Data::Bool(values) => typed(shape, values.to_vec()),
        Data::Text(values) => Ok(Tensor::from_string_array((shape, &values[..]))?.into_dyn().into()),
    }
}

fn output(value: &DynValue) -> ort::Result<Answer> {
    fn numbers<T: PrimitiveTensorElementType + Clone>(value: &DynValue) -> ort::Result<(Vec<i64>, Vec<T>)> {
        let (shape, numbers) = value.try_extract_tensor::<T>()?;
        Ok((shape.to_vec(), numbers.to_vec()))
    }
    let kind = value.dtype().tensor_type();
    let (kind, shape, data) = match kind {
        Some(TensorElementType::Float64) => {
            numbers::<f64>(value).map(|(shape, values)| (Kind::Float64, shape, Data::Float64(values.into())))?
        }
        Some(TensorElementType::Float32) => {
            numbers::<f32>(value).map(|(shape, values)| (Kind::Float32, shape, Data::Float32(values.into())))?
        }
        Some(TensorElementType::Int64) => {
            numbers::<i64>(value).map(|(shape, values)| (Kind::Int64, shape, Data::Int64(values.into())))?
        }
        Some(TensorElementType::Int32) => numbers::<i32>(value)
            .map(|(shape, values)| (Kind::Int32, shape, Data::Int64(values.into_iter().map(i64::from).collect())))?,
        Some(TensorElementType::Bool) => {
            numbers::<bool>(value).map(|(shape, values)| (Kind::Bool, shape, Data::Bool(values.into())))?
        }
        Some(TensorElementType::String) => {
            let (shape, texts) = value.try_extract_strings()?;
            (Kind::Text, shape.to_vec(), Data::Text(texts.into()))
        }
        other => return Err(ort::Error::new(format!("an output of type {other:?}"))),
    };
    Ok(Answer { kind, shape: shape.into_iter().map(|length| usize::try_from(length).unwrap()).collect(), data })
}
