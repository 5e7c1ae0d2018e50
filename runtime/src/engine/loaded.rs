//! A loaded model: an artifact whose every promise was checked, and lanes of onnxruntime sessions that run it.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use crate::artifact::array::Array;
use crate::artifact::axes::Axes;
use crate::artifact::golden::{Golden, bind_all};
use crate::artifact::manifest::Manifest;
use crate::artifact::read::Artifact;
use crate::artifact::version::Version;
use crate::engine::flat::Layout;
use crate::engine::lane::Lane;
use crate::engine::library::Library;
use crate::engine::session::{Failed, said};
use crate::error::Error;

/// Rows that go through onnxruntime at a time.
const CHUNK: usize = 1024;
/// How long a caller with a deadline sleeps between two looks for a free lane.
const POLL: Duration = Duration::from_micros(20);

/// One version of one model on the loaded onnxruntime, ready for many threads.
pub(crate) struct Engine {
    pub(crate) version: Version,
    pub(crate) manifest: Manifest,
    layout: Option<Layout>,
    lanes: Vec<Mutex<Lane>>,
    next: AtomicUsize,
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

/// What a model is loaded with.
pub(crate) struct Loading<'a> {
    pub(crate) library: &'a Library,
    /// The version folder.
    pub(crate) folder: &'a Path,
    /// The model that it must hold; `None` for whichever it is.
    pub(crate) asked: Option<&'a str>,
    pub(crate) lanes: usize,
}

impl Engine {
    /// Loads a version folder: reads and hashes, checks the contract, opens the sessions on the very bytes hashed.
    ///
    /// The caller must [`prove`](crate::engine::replay::prove) it before it gives an answer away.
    pub(crate) fn load(
        loading: &Loading<'_>,
        contract: impl FnOnce(&Manifest) -> Result<(), String>,
    ) -> Result<(Self, Golden), Error> {
        let artifact = Artifact::checked(loading.folder, loading.asked, contract)?;
        let refuse = |reason: String| Error::Artifact { path: artifact.folder.join("model.onnx"), reason };
        let layout = Layout::of(&artifact.manifest.inputs, &artifact.manifest.outputs);
        let lanes = (0..loading.lanes.max(1))
            .map(|_| Lane::open(loading.library, &artifact.manifest, layout.as_ref(), &artifact.graph).map(Mutex::new))
            .collect::<Result<Vec<_>, _>>()
            .map_err(refuse)?;
        let Artifact { version, manifest, golden, .. } = artifact;
        Ok((Self { version, manifest, layout, lanes, next: AtomicUsize::new(0) }, golden))
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
        self.lane().run_one(layout, row, answer).map_err(|error| self.failed(&error))
    }

    /// As [`run_one`](Self::run_one), if a lane becomes free in time. The run itself takes microseconds.
    pub(crate) fn run_one_within(&self, row: &[f64], answer: &mut [f64], within: Duration) -> Result<(), Error> {
        let layout = self.flat()?;
        check_length("row", layout.row_width, row.len())?;
        check_length("answer", layout.answer_width, answer.len())?;
        self.lane_within(within)?.run_one(layout, row, answer).map_err(|error| self.failed(&error))
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
            self.lane().run_chunk(layout, rows, answers).map_err(|error| self.failed(&error))?;
        }
        Ok(())
    }

    /// Answers arrays whose type and shape were checked, in the manifest's order; at least one row.
    pub(crate) fn run_arrays(&self, inputs: &[Array]) -> Result<Vec<Array>, Error> {
        let rows = inputs.first().map_or(0, Array::rows);
        if rows <= CHUNK {
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
        self.run_on(self.lane_within(within)?, inputs)
    }

    fn run_some(&self, inputs: &[Array]) -> Result<Vec<Array>, Error> {
        self.run_on(self.lane(), inputs)
    }

    fn run_on(&self, mut lane: MutexGuard<'_, Lane>, inputs: &[Array]) -> Result<Vec<Array>, Error> {
        let Manifest { inputs: expected, outputs, .. } = &self.manifest;
        let answers = lane.run_arrays(inputs, outputs).map_err(|error| self.failed(&error))?;
        drop(lane);
        let mut axes = Axes::of_batch(inputs.first().map_or(0, Array::rows));
        bind_all(&mut axes, expected, inputs, |name| format!("input '{name}'"))
            .and_then(|()| bind_all(&mut axes, outputs, &answers, |name| format!("output '{name}'")))
            .map_err(|reason| self.wrong(&reason))?;
        Ok(answers)
    }

    fn wrong(&self, reason: &str) -> Error {
        Error::Run { model: self.name().to_owned(), reason: reason.to_owned() }
    }

    fn failed(&self, error: &Failed) -> Error {
        self.wrong(&said(error))
    }

    /// A free lane, or the first to become free. A lane whose holder panicked is as good as before: each call writes
    /// all of its input.
    fn lane(&self) -> MutexGuard<'_, Lane> {
        self.free_lane().unwrap_or_else(|| {
            let index = self.next.load(Ordering::Relaxed) % self.lanes.len();
            self.lanes[index].lock().unwrap_or_else(PoisonError::into_inner)
        })
    }

    /// A lane, if one becomes free in time.
    fn lane_within(&self, within: Duration) -> Result<MutexGuard<'_, Lane>, Error> {
        let start = Instant::now();
        loop {
            if let Some(lane) = self.free_lane() {
                return Ok(lane);
            }
            if start.elapsed() >= within {
                return Err(Error::Deadline { model: self.name().to_owned(), within });
            }
            std::thread::sleep(POLL.min(within));
        }
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
