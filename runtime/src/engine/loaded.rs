//! A loaded model: an artifact whose every promise was checked, and the engine that runs it.

use std::time::Duration;

use crate::artifact::array::Array;
use crate::artifact::axes::Axes;
use crate::artifact::golden::bind_all;
use crate::artifact::manifest::Manifest;
use crate::artifact::read::Artifact;
use crate::artifact::version::Version;
use crate::engine::choice::EngineKind;
use crate::engine::flat::Layout;
use crate::engine::lanes::Lanes;
use crate::engine::library::Library;
use crate::engine::native::run::Native;
use crate::engine::session::said;
use crate::error::Error;

/// Rows that go through onnxruntime at a time.
const CHUNK: usize = 1024;

/// One version of one model, ready for many threads.
pub(crate) struct Engine {
    pub(crate) version: Version,
    pub(crate) manifest: Manifest,
    /// Why this engine and not the other.
    pub(crate) why: String,
    layout: Option<Layout>,
    backend: Backend,
}

enum Backend {
    Native(Box<Native>),
    Onnxruntime(Lanes),
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Engine")
            .field("name", &self.name())
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// This crate's own engine. The caller must [`prove`](crate::engine::replay::prove) it before it gives an answer away.
    ///
    /// The error says what it does not know.
    pub(crate) fn native(artifact: &Artifact) -> Result<Self, String> {
        let layout = Layout::of(&artifact.manifest.inputs, &artifact.manifest.outputs);
        let native = Native::open(&artifact.graph, &artifact.manifest, layout.as_ref())?;
        Ok(Self::of(artifact, layout, Backend::Native(Box::new(native))))
    }

    /// Sessions of onnxruntime on the very bytes that were hashed; to be proven likewise.
    pub(crate) fn onnxruntime(artifact: &Artifact, library: &Library, lanes: usize) -> Result<Self, String> {
        let layout = Layout::of(&artifact.manifest.inputs, &artifact.manifest.outputs);
        let lanes = Lanes::open(library, artifact, layout.as_ref(), lanes)?;
        Ok(Self::of(artifact, layout, Backend::Onnxruntime(lanes)))
    }

    fn of(artifact: &Artifact, layout: Option<Layout>, backend: Backend) -> Self {
        let (version, manifest) = (artifact.version, artifact.manifest.clone());
        Self { version, manifest, why: String::new(), layout, backend }
    }

    /// With the reason why it was chosen.
    pub(crate) fn because(self, why: String) -> Self {
        Self { why, ..self }
    }

    /// Which engine answers.
    pub(crate) fn kind(&self) -> EngineKind {
        match self.backend {
            Backend::Native(_) => EngineKind::Native,
            Backend::Onnxruntime(_) => EngineKind::Onnxruntime,
        }
    }

    /// The operators of its graph; none for onnxruntime.
    pub(crate) fn operators(&self) -> Vec<&str> {
        match &self.backend {
            Backend::Native(native) => native.operators(),
            Backend::Onnxruntime(_) => Vec::new(),
        }
    }

    /// The splits of its trees that look at the flat row itself: column and threshold; none for onnxruntime.
    pub(crate) fn splits(&self) -> Vec<(usize, f64)> {
        match &self.backend {
            Backend::Native(native) => native.splits(),
            Backend::Onnxruntime(_) => Vec::new(),
        }
    }

    /// The model's name.
    pub(crate) fn name(&self) -> &str {
        &self.manifest.model
    }

    /// How flat rows are laid out; `None` for a model with texts or a free axis.
    pub(crate) fn layout(&self) -> Option<&Layout> {
        self.layout.as_ref()
    }

    fn flat(&self) -> Result<&Layout, Error> {
        self.layout.as_ref().ok_or_else(|| Error::Input {
            place: format!("model {}", self.name()),
            reason: "takes texts or has a free axis: give it named tensors, not rows of numbers".to_owned(),
        })
    }

    /// Answers one row; no heap allocation.
    pub(crate) fn run_one(&self, row: &[f64], answer: &mut [f64]) -> Result<(), Error> {
        let layout = self.flat()?;
        check_length("row", layout.row_width, row.len())?;
        check_length("answer", layout.answer_width, answer.len())?;
        match &self.backend {
            Backend::Native(native) => native.run_one(layout, row, answer).map_err(|reason| self.wrong(&reason)),
            Backend::Onnxruntime(lanes) => {
                lanes.lane().run_one(layout, row, answer).map_err(|error| self.wrong(&said(&error)))
            }
        }
    }

    /// As [`run_one`](Self::run_one), if a lane becomes free in time; native has none to wait for. The run itself takes
    /// microseconds.
    pub(crate) fn run_one_within(&self, row: &[f64], answer: &mut [f64], within: Duration) -> Result<(), Error> {
        let layout = self.flat()?;
        check_length("row", layout.row_width, row.len())?;
        check_length("answer", layout.answer_width, answer.len())?;
        let Backend::Onnxruntime(lanes) = &self.backend else { return self.run_one(row, answer) };
        let mut lane = lanes.lane_within(within).ok_or_else(|| self.late(within))?;
        lane.run_one(layout, row, answer).map_err(|error| self.wrong(&said(&error)))
    }

    /// Answers any number of rows, in order.
    pub(crate) fn run(&self, rows: &[f64], answers: &mut [f64]) -> Result<(), Error> {
        let layout = self.flat()?;
        let count = rows.len() / layout.row_width;
        check_length("rows", count * layout.row_width, rows.len())?;
        check_length("answers", count * layout.answer_width, answers.len())?;
        let row_chunks = rows.chunks(CHUNK * layout.row_width);
        let answer_chunks = answers.chunks_mut(CHUNK * layout.answer_width);
        for (rows, answers) in row_chunks.zip(answer_chunks) {
            match &self.backend {
                Backend::Native(native) => {
                    native.run_chunk(layout, rows, answers).map_err(|reason| self.wrong(&reason))
                }
                Backend::Onnxruntime(lanes) => {
                    lanes.lane().run_chunk(layout, rows, answers).map_err(|error| self.wrong(&said(&error)))
                }
            }?;
        }
        Ok(())
    }

    /// Answers arrays whose type and shape were checked, in the manifest's order; at least one row.
    pub(crate) fn run_arrays(&self, inputs: &[Array]) -> Result<Vec<Array>, Error> {
        let rows = inputs.first().map_or(0, Array::rows);
        if rows <= CHUNK || self.kind() == EngineKind::Native {
            return self.run_some(inputs);
        }
        let mut whole: Option<Vec<Array>> = None;
        for start in (0..rows).step_by(CHUNK) {
            let end = rows.min(start + CHUNK);
            let part: Vec<_> = inputs.iter().map(|array| array.part(start..end)).collect();
            let answers = self.run_some(&part)?;
            match &mut whole {
                None => whole = Some(answers),
                Some(whole) => {
                    if !whole.iter_mut().zip(answers).all(|(whole, part)| whole.append(part)) {
                        return Err(self.wrong("an output's free axis has another length for other rows"));
                    }
                }
            }
        }
        Ok(whole.unwrap_or_default())
    }

    /// As [`run_arrays`](Self::run_arrays) for no more rows than go through at a time, if a lane becomes free in time.
    pub(crate) fn run_arrays_within(&self, inputs: &[Array], within: Duration) -> Result<Vec<Array>, Error> {
        let Backend::Onnxruntime(lanes) = &self.backend else { return self.run_some(inputs) };
        let mut lane = lanes.lane_within(within).ok_or_else(|| self.late(within))?;
        let answers = lane.run_arrays(inputs, &self.manifest.outputs).map_err(|error| said(&error));
        drop(lane);
        self.bound(inputs, answers)
    }

    fn run_some(&self, inputs: &[Array]) -> Result<Vec<Array>, Error> {
        let outputs = &self.manifest.outputs;
        let answers = match &self.backend {
            Backend::Native(native) => native.run_arrays(inputs, outputs),
            Backend::Onnxruntime(lanes) => lanes.lane().run_arrays(inputs, outputs).map_err(|error| said(&error)),
        };
        self.bound(inputs, answers)
    }

    /// Answers whose shapes are those of the manifest.
    fn bound(&self, inputs: &[Array], answers: Result<Vec<Array>, String>) -> Result<Vec<Array>, Error> {
        let answers = answers.map_err(|reason| self.wrong(&reason))?;
        let Manifest { inputs: expected, outputs, .. } = &self.manifest;
        let mut axes = Axes::of_batch(inputs.first().map_or(0, Array::rows));
        bind_all(&mut axes, expected, inputs, |name| format!("input '{name}'"))
            .and_then(|()| bind_all(&mut axes, outputs, &answers, |name| format!("output '{name}'")))
            .map_err(|reason| self.wrong(&reason))?;
        Ok(answers)
    }

    fn wrong(&self, reason: &str) -> Error {
        Error::Run { model: self.name().to_owned(), reason: reason.to_owned() }
    }

    fn late(&self, within: Duration) -> Error {
        Error::Deadline { model: self.name().to_owned(), within }
    }
}

fn check_length(field: &'static str, expected: usize, found: usize) -> Result<(), Error> {
    if expected == found { Ok(()) } else { Err(Error::Length { field, expected, found }) }
}
