//! Sessions of onnxruntime: opened as the manifest says, and held against it.

use ort::logging::LogLevel;
use ort::session::Session;
use ort::session::builder::SessionBuilder;
use ort::value::{TensorElementType, ValueType};

use crate::artifact::array::Dtype;
use crate::artifact::tensor::{Axis, TensorSpec};
use crate::engine::library::Library;

pub(crate) fn wrong_size() -> ort::Error {
    ort::Error::new("an output has another size than the manifest says")
}

pub(crate) fn said(error: &ort::Error) -> String {
    // One line: onnxruntime's messages can be several.
    error.message().split_whitespace().collect::<Vec<_>>().join(" ")
}

pub(crate) fn open_session(library: &Library, threads: usize, graph: &[u8]) -> Result<Session, String> {
    let configure = || {
        Session::builder(&library.environment)?
            .with_intra_threads(threads)
            .map_err(plain)?
            .with_inter_threads(1)
            .map_err(plain)?
            .with_parallel_execution(false)
            .map_err(plain)?
            .with_intra_op_spinning(false)
            .map_err(plain)?
            .with_inter_op_spinning(false)
            .map_err(plain)?
            .with_deterministic_compute(true)
            .map_err(plain)?
            .with_log_level(LogLevel::Error)
            .map_err(plain)?
            .commit_from_memory(graph)
    };
    configure().map_err(|error: ort::Error| format!("onnxruntime cannot load it: {}", said(&error)))
}

/// The error without the builder that it hands back.
#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn plain(error: ort::Error<SessionBuilder>) -> ort::Error {
    ort::Error::new(error.message())
}

fn element_type(dtype: Dtype) -> TensorElementType {
    match dtype {
        Dtype::Float64 => TensorElementType::Float64,
        Dtype::Float32 => TensorElementType::Float32,
        Dtype::Int64 => TensorElementType::Int64,
        Dtype::Text => TensorElementType::String,
    }
}

/// Holds the tensors that the session reports against those of the manifest: names, order, type and shape.
pub(crate) fn check_tensors<'a>(
    side: &str,
    expected: &[TensorSpec],
    found: impl ExactSizeIterator<Item = (&'a str, &'a ValueType)>,
) -> Result<(), String> {
    if found.len() != expected.len() {
        return Err(format!("field '{side}': the manifest lists {}, the graph has {}", expected.len(), found.len()));
    }
    for (tensor, (name, kind)) in expected.iter().zip(found) {
        let fits = match kind {
            ValueType::Tensor { ty, shape, .. } if *ty == element_type(tensor.dtype) => {
                let rest = tensor.shape.get(1..).unwrap_or_default();
                shape.len() == rest.len() + 1
                    && shape[0] == -1
                    && rest.iter().zip(&shape[1..]).all(|(axis, &given)| match axis {
                        Axis::Fixed(length) => {
                            given == -1 || usize::try_from(given).is_ok_and(|given| given == *length)
                        }
                        Axis::Free(_) => given == -1,
                    })
            }
            _ => false,
        };
        if name != tensor.name || !fits {
            return Err(format!(
                "field '{side}': the graph's {name:?} is {kind}, the manifest says {:?}, {}, {}",
                tensor.name,
                tensor.dtype,
                tensor.shape_text()
            ));
        }
    }
    Ok(())
}
