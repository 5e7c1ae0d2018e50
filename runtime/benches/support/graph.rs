//! A graph in onnxruntime itself, whoever exported it: one thread, outputs allocated once for single rows.

use std::error::Error;
use std::hint::black_box;
use std::path::{Path, PathBuf};

use ort::environment::Environment;
use ort::memory::Allocator;
use ort::session::{HasSelectedOutputs, OutputSelector, RunOptions, Session, SessionInputValue};
use ort::value::{PrimitiveTensorElementType, Tensor, TensorElementType, TensorRef, ValueType};

/// Single rows that are timed together: so short a time that another process seldom breaks in.
pub(crate) const BLOCK: usize = 128;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A number as a graph takes it.
pub(crate) trait Number: PrimitiveTensorElementType + Copy + std::fmt::Debug + 'static {
    fn of(value: f64) -> Self;
}

impl Number for f64 {
    fn of(value: f64) -> Self {
        value
    }
}

impl Number for f32 {
    #[expect(clippy::cast_possible_truncation, reason = "what a stock graph is given")]
    fn of(value: f64) -> Self {
        value as f32
    }
}

/// A graph, its rows, and the memory that single calls reuse.
pub(crate) struct Graph<T: Number> {
    session: Session,
    single: [SessionInputValue<'static>; 1],
    options: RunOptions<HasSelectedOutputs>,
    row_shape: Vec<i64>,
    rows: Vec<T>,
    width: usize,
    next: usize,
}

impl<T: Number> Graph<T> {
    /// `wanted`: the outputs that an engine would ask for.
    pub(crate) fn open(
        environment: &Environment,
        path: &Path,
        wanted: &[(String, Vec<i64>)],
        rows: &[f64],
        shape: &[i64],
    ) -> Result<Self> {
        let session = Session::builder(environment)?
            .with_intra_threads(1)?
            .with_inter_threads(1)?
            .with_intra_op_spinning(false)?
            .with_deterministic_compute(true)?
            .commit_from_file(path)?;
        let allocator = Allocator::default();
        let mut selector = OutputSelector::no_default();
        for (name, shape) in wanted {
            let outlet = session.outputs().iter().find(|outlet| outlet.name() == *name).ok_or("no such output")?;
            let ValueType::Tensor { ty, .. } = outlet.dtype() else { return Err("no tensor".into()) };
            selector = selector.with(name);
            selector = match ty {
                TensorElementType::Float32 => {
                    selector.preallocate(name, Tensor::<f32>::new(&allocator, shape.clone())?)
                }
                _ => selector.preallocate(name, Tensor::<f64>::new(&allocator, shape.clone())?),
            };
        }
        let options = RunOptions::new()?.with_outputs(selector);
        let row_shape: Vec<i64> = std::iter::once(1).chain(shape.iter().copied()).collect();
        let single = [Tensor::<T>::new(&allocator, row_shape.clone())?.into()];
        let width = usize::try_from(shape.iter().product::<i64>())?;
        let rows = rows.iter().map(|&value| T::of(value)).collect();
        Ok(Self { session, single, options, row_shape, rows, width, next: 0 })
    }

    /// One row; the next call takes the next.
    pub(crate) fn one(&mut self) {
        let start = self.next * self.width;
        self.next = (self.next + 1) % (self.rows.len() / self.width);
        if let [SessionInputValue::Owned(value)] = &mut self.single
            && let Ok((_, input)) = value.try_extract_tensor_mut::<T>()
        {
            input.copy_from_slice(&self.rows[start..start + self.width]);
        }
        let done = self.session.run_with_options(self.single.as_slice(), &self.options);
        assert!(black_box(done).is_ok());
    }

    /// So many rows, each in a call of its own.
    pub(crate) fn block(&mut self) {
        for _ in 0..BLOCK {
            self.one();
        }
    }

    /// `count` rows in one call.
    pub(crate) fn batch(&mut self, count: usize) {
        let mut shape = self.row_shape.clone();
        shape[0] = i64::try_from(count).unwrap_or(0);
        let rows = &self.rows[..count * self.width];
        let Ok(input) = TensorRef::from_array_view((shape, rows)) else { return };
        let done = self.session.run([input.into()]);
        assert!(black_box(done).is_ok());
    }
}

/// The version folder in use.
pub(crate) fn version(model: &Path) -> Result<PathBuf> {
    let pointer: serde_json::Value = serde_json::from_slice(&std::fs::read(model.join("current.json"))?)?;
    Ok(model.join(pointer["version"].as_str().ok_or("current.json names no version")?))
}
