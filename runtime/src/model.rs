//! A loaded model: an artifact whose every promise was checked, and lanes of onnxruntime sessions that run it.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use ort::logging::LogLevel;
use ort::memory::Allocator;
use ort::session::builder::SessionBuilder;
use ort::session::{HasSelectedOutputs, OutputSelector, RunOptions, Session, SessionInputValue};
use ort::value::{Tensor as OrtTensor, TensorElementType, TensorRef, ValueType};

use crate::error::Error;
use crate::graph;
use crate::library::Library;
use crate::manifest::{Artifact, Golden, Manifest, Tensor, Version};

/// Rows that go through onnxruntime at a time.
const CHUNK: usize = 1024;
/// How long a caller with a deadline sleeps between two looks for a free lane.
const POLL: Duration = Duration::from_micros(20);
/// Golden cases that are also answered one by one.
const MOST_SINGLE_CASES: usize = 64;

/// What a caller of a model needs to know of its tensors.
#[derive(Debug, Clone, PartialEq)]
struct Signature {
    input: String,
    /// `[1, ...]`: the shape of one row with its batch axis.
    row_shape: Vec<i64>,
    row_width: usize,
    outputs: Vec<Output>,
    answer_width: usize,
}

#[derive(Debug, Clone, PartialEq)]
struct Output {
    name: String,
    row_shape: Vec<i64>,
    width: usize,
}

impl Signature {
    fn of(manifest: &Manifest) -> Self {
        let with_batch = |tensor: &Tensor| {
            std::iter::once(1)
                .chain(tensor.row_shape().into_iter().map(|length| i64::try_from(length).unwrap_or(0)))
                .collect()
        };
        let outputs: Vec<_> = manifest
            .outputs
            .iter()
            .map(|tensor| Output {
                name: tensor.name.clone(),
                row_shape: with_batch(tensor),
                width: tensor.row_width(),
            })
            .collect();
        let first = manifest.inputs.first();
        Self {
            input: first.map(|tensor| tensor.name.clone()).unwrap_or_default(),
            row_shape: first.map(with_batch).unwrap_or_default(),
            row_width: first.map_or(0, Tensor::row_width),
            answer_width: outputs.iter().map(|output| output.width).sum(),
            outputs,
        }
    }
}

/// One session and the memory that a call with one row reuses. The answer to a row is the concatenation of all outputs.
struct Lane {
    session: Session,
    single_input: [SessionInputValue<'static>; 1],
    single_options: RunOptions<HasSelectedOutputs>,
}

impl Lane {
    fn open(library: &Library, manifest: &Manifest, signature: &Signature, graph: &[u8]) -> Result<Self, String> {
        let session = open_session(library, manifest.threads(), graph)?;
        check_tensors("inputs", &manifest.inputs, session.inputs().iter().map(|o| (o.name(), o.dtype())))?;
        check_tensors("outputs", &manifest.outputs, session.outputs().iter().map(|o| (o.name(), o.dtype())))?;
        let allocator = Allocator::default();
        let mut selector = OutputSelector::default();
        for output in &signature.outputs {
            let tensor = OrtTensor::<f64>::new(&allocator, output.row_shape.clone()).map_err(|error| said(&error))?;
            selector = selector.preallocate(output.name.as_str(), tensor);
        }
        let input = OrtTensor::<f64>::new(&allocator, signature.row_shape.clone()).map_err(|error| said(&error))?;
        let single_options = RunOptions::new().map_err(|error| said(&error))?.with_outputs(selector);
        Ok(Self { session, single_input: [input.into()], single_options })
    }

    /// Answers one row without allocating.
    fn run_one(&mut self, row: &[f64], answer: &mut [f64]) -> ort::Result<()> {
        if let [SessionInputValue::Owned(value)] = &mut self.single_input {
            value.try_extract_tensor_mut::<f64>()?.1.copy_from_slice(row);
        }
        let outputs = self.session.run_with_options(self.single_input.as_slice(), &self.single_options)?;
        let mut rest = answer;
        for value in outputs.values() {
            let (_, numbers) = value.try_extract_tensor::<f64>()?;
            let (head, tail) = rest.split_at_mut_checked(numbers.len()).ok_or_else(wrong_size)?;
            head.copy_from_slice(numbers);
            rest = tail;
        }
        Ok(())
    }

    /// Answers some rows; `answers` holds one answer after the other.
    fn run_chunk(&mut self, signature: &Signature, rows: &[f64], answers: &mut [f64]) -> ort::Result<()> {
        let count = rows.len() / signature.row_width;
        let mut shape = signature.row_shape.clone();
        shape[0] = i64::try_from(count).unwrap_or(0);
        let outputs = self.session.run([TensorRef::from_array_view((shape, rows))?.into()])?;
        let mut start = 0;
        for (value, output) in outputs.values().zip(&signature.outputs) {
            let (_, numbers) = value.try_extract_tensor::<f64>()?;
            if numbers.len() != count * output.width {
                return Err(wrong_size());
            }
            let places = answers.chunks_exact_mut(signature.answer_width);
            for (answer, part) in places.zip(numbers.chunks_exact(output.width)) {
                answer[start..start + output.width].copy_from_slice(part);
            }
            start += output.width;
        }
        Ok(())
    }
}

fn wrong_size() -> ort::Error {
    ort::Error::new("an output has another size than the manifest says")
}

fn said(error: &ort::Error) -> String {
    // One line: onnxruntime's messages can be several.
    error.message().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn open_session(library: &Library, threads: usize, graph: &[u8]) -> Result<Session, String> {
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

/// Holds the tensors that the session reports against those of the manifest: names, order, type and shape.
fn check_tensors<'a>(
    side: &str,
    expected: &[Tensor],
    found: impl ExactSizeIterator<Item = (&'a str, &'a ValueType)>,
) -> Result<(), String> {
    if found.len() != expected.len() {
        return Err(format!("field '{side}': the manifest lists {}, the graph has {}", expected.len(), found.len()));
    }
    for (tensor, (name, kind)) in expected.iter().zip(found) {
        let fits = match kind {
            ValueType::Tensor { ty: TensorElementType::Float64, shape, .. } => {
                let rest = tensor.row_shape();
                shape.len() == rest.len() + 1
                    && shape[0] == -1
                    && rest.iter().zip(&shape[1..]).all(|(&length, &given)| {
                        given == -1 || usize::try_from(given).is_ok_and(|given| given == length)
                    })
            }
            _ => false,
        };
        if name != tensor.name || !fits {
            return Err(format!(
                "field '{side}': the graph's {name:?} is {kind}, the manifest says {:?}, float64, batch x {:?}",
                tensor.name,
                tensor.row_shape()
            ));
        }
    }
    Ok(())
}

/// One version of one model, proven on the loaded onnxruntime, ready for many threads.
pub(crate) struct Model {
    name: &'static str,
    pub(crate) version: Version,
    pub(crate) manifest: Manifest,
    signature: Signature,
    lanes: Vec<Mutex<Lane>>,
    next: AtomicUsize,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Model")
            .field("name", &self.name)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// What replaying the golden cases showed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Replay {
    pub(crate) cases: usize,
    pub(crate) largest_difference: f64,
}

impl Model {
    /// Loads a version folder: reads and hashes, checks the contract, opens the sessions on the very bytes hashed.
    ///
    /// The caller must [`replay`](Self::replay) before it gives an answer away.
    pub(crate) fn load(
        library: &Library,
        folder: &Path,
        name: &'static str,
        lanes: usize,
        contract: impl FnOnce(&Manifest) -> Result<(), String>,
    ) -> Result<(Self, Golden), Error> {
        let artifact = Artifact::read(folder, name)?;
        let refuse = |file: &str, reason: String| Error::Artifact { path: artifact.folder.join(file), reason };
        contract(&artifact.manifest).map_err(|reason| refuse("manifest.json", reason))?;
        graph::audit(&artifact.graph, artifact.manifest.opset()).map_err(|reason| refuse("model.onnx", reason))?;
        let signature = Signature::of(&artifact.manifest);
        let lanes = (0..lanes.max(1))
            .map(|_| Lane::open(library, &artifact.manifest, &signature, &artifact.graph).map(Mutex::new))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|reason| refuse("model.onnx", reason))?;
        let Artifact { version, manifest, golden, .. } = artifact;
        Ok((Self { name, version, manifest, signature, lanes, next: AtomicUsize::new(0) }, golden))
    }

    /// Loads a version folder and proves it on this onnxruntime.
    pub(crate) fn load_proven(
        library: &Library,
        folder: &Path,
        name: &'static str,
        lanes: usize,
        contract: impl FnOnce(&Manifest) -> Result<(), String>,
    ) -> Result<(Self, Replay), Error> {
        let (model, golden) = Self::load(library, folder, name, lanes, contract)?;
        let replay = model.replay(&golden).map_err(|error| match error {
            Error::Parity { reason, .. } => Error::Parity { path: folder.to_path_buf(), reason },
            other => other,
        })?;
        tracing::debug!(model = name, version = %model.version, cases = replay.cases, "model proven");
        Ok((model, replay))
    }

    /// Answers the golden cases, in a batch and one by one, and holds them against the original's answers.
    ///
    /// Both ways are tried because onnxruntime computes them differently: matrix products of one row round otherwise
    /// than those of many.
    pub(crate) fn replay(&self, golden: &Golden) -> Result<Replay, Error> {
        let rows = golden.inputs.get(&self.signature.input).map(|nested| nested.values.as_slice()).unwrap_or_default();
        let width = self.signature.answer_width;
        let cases = rows.len() / self.signature.row_width;
        let mut answers = vec![0.0; cases * width];
        self.run(rows, &mut answers)?;
        let mut largest_difference = self.compare(golden, &answers, "in a batch")?;
        let singly = rows.chunks_exact(self.signature.row_width).zip(answers.chunks_exact_mut(width));
        for (row, answer) in singly.take(MOST_SINGLE_CASES) {
            self.run_one(row, answer)?;
        }
        largest_difference = largest_difference.max(self.compare(golden, &answers, "alone")?);
        Ok(Replay { cases, largest_difference })
    }

    /// The largest difference to the original's answers, or the first that the manifest does not allow.
    fn compare(&self, golden: &Golden, answers: &[f64], how: &str) -> Result<f64, Error> {
        let mut largest = 0.0_f64;
        let mut start = 0;
        for output in &self.signature.outputs {
            let expected = golden.outputs.get(&output.name).map(|nested| nested.values.as_slice()).unwrap_or_default();
            for (index, &expected) in expected.iter().enumerate() {
                let (case, column) = (index / output.width, index % output.width);
                let found = answers[case * self.signature.answer_width + start + column];
                if !self.manifest.parity.holds(found, expected) {
                    let name = &output.name;
                    let reason =
                        format!("golden case {case} {how}: {name} is {found}, the original answered {expected}");
                    return Err(Error::Parity { path: Path::new(self.name).to_path_buf(), reason });
                }
                // NaN with NaN is in parity and no difference.
                largest = largest.max((found - expected).abs());
            }
            start += output.width;
        }
        Ok(largest)
    }

    /// Numbers in a row.
    pub(crate) fn row_width(&self) -> usize {
        self.signature.row_width
    }

    /// Numbers in an answer.
    pub(crate) fn answer_width(&self) -> usize {
        self.signature.answer_width
    }

    /// Answers one row; no heap allocation.
    pub(crate) fn run_one(&self, row: &[f64], answer: &mut [f64]) -> Result<(), Error> {
        check_length("row", self.signature.row_width, row.len())?;
        check_length("answer", self.signature.answer_width, answer.len())?;
        self.lane().run_one(row, answer).map_err(|error| self.failed(&error))
    }

    /// As [`run_one`](Self::run_one), if a lane becomes free in time. The run itself takes microseconds.
    pub(crate) fn run_one_within(&self, row: &[f64], answer: &mut [f64], within: Duration) -> Result<(), Error> {
        check_length("row", self.signature.row_width, row.len())?;
        check_length("answer", self.signature.answer_width, answer.len())?;
        let start = Instant::now();
        loop {
            if let Some(mut lane) = self.free_lane() {
                return lane.run_one(row, answer).map_err(|error| self.failed(&error));
            }
            if start.elapsed() >= within {
                return Err(Error::Deadline { model: self.name, within });
            }
            std::thread::sleep(POLL.min(within));
        }
    }

    /// Answers any number of rows, in order.
    pub(crate) fn run(&self, rows: &[f64], answers: &mut [f64]) -> Result<(), Error> {
        let count = rows.len() / self.signature.row_width;
        check_length("rows", count * self.signature.row_width, rows.len())?;
        check_length("answers", count * self.signature.answer_width, answers.len())?;
        let row_chunks = rows.chunks(CHUNK * self.signature.row_width);
        let answer_chunks = answers.chunks_mut(CHUNK * self.signature.answer_width);
        for (rows, answers) in row_chunks.zip(answer_chunks) {
            self.lane().run_chunk(&self.signature, rows, answers).map_err(|error| self.failed(&error))?;
        }
        Ok(())
    }

    fn failed(&self, error: &ort::Error) -> Error {
        Error::Run { model: self.name, reason: said(error) }
    }

    /// A free lane, or the first to become free. A lane whose holder panicked is as good as before: each call writes
    /// all of its input.
    fn lane(&self) -> MutexGuard<'_, Lane> {
        self.free_lane().unwrap_or_else(|| {
            let index = self.next.load(Ordering::Relaxed) % self.lanes.len();
            self.lanes[index].lock().unwrap_or_else(PoisonError::into_inner)
        })
    }

    fn free_lane(&self) -> Option<MutexGuard<'_, Lane>> {
        let start = self.next.fetch_add(1, Ordering::Relaxed);
        let count = self.lanes.len();
        (0..count).find_map(|offset| match self.lanes[start.wrapping_add(offset) % count].try_lock() {
            Ok(lane) => Some(lane),
            Err(TryLockError::Poisoned(lane)) => Some(lane.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        })
    }
}

fn check_length(field: &'static str, expected: usize, found: usize) -> Result<(), Error> {
    if expected == found { Ok(()) } else { Err(Error::Length { field, expected, found }) }
}
