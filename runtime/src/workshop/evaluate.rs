//! Raw rows through a model, for proof of parity.

use std::path::Path;

use crate::any_model::json::{Nested, object};
use crate::artifact::array::Array;
use crate::artifact::axes::Axes;
use crate::artifact::golden::{bind_all, parse_inputs};
use crate::artifact::place::version_folder;
use crate::engine::choose::{Loading, load_unproven};
use crate::engine::flat::Layout;
use crate::engine::loaded::Engine;
use crate::engine::place::Place;
use crate::error::Error;
use crate::io::files::{GOLDEN_LIMIT, read_limited};
use crate::models::registry::check_contract;

/// Puts raw rows through a model with the very session code that serves, and without validation: for proof of parity.
#[derive(Debug)]
pub struct Evaluator {
    engine: Engine,
}

impl Evaluator {
    /// Opens a version folder: integrity and contract are checked, the golden cases are not.
    ///
    /// # Errors
    /// The artifact is refused, or there is no usable onnxruntime.
    pub fn open(path: &Path, place: &Place) -> Result<Self, Error> {
        let folder = version_folder(path)?;
        let loading = Loading { place, folder: &folder, asked: None, lanes: 1 };
        let engine = load_unproven(&loading, check_contract)?;
        Ok(Self { engine })
    }

    /// Whether it takes rows of numbers: no texts, no free axis.
    #[must_use]
    pub fn is_flat(&self) -> bool {
        self.engine.layout().is_some()
    }

    /// Numbers in a row: the input tensors flattened, one after the other; 0 where it takes no rows of numbers.
    #[must_use]
    pub fn row_width(&self) -> usize {
        self.engine.layout().map_or(0, |layout: &Layout| layout.row_width)
    }

    /// Numbers in an answer: the output tensors flattened, one after the other.
    #[must_use]
    pub fn answer_width(&self) -> usize {
        self.engine.layout().map_or(0, |layout: &Layout| layout.answer_width)
    }

    /// Answers whole rows into `answers`. float32 and int64 are cast on the way in and widened on the way out.
    ///
    /// # Errors
    /// [`Error::Length`] when the lengths do not fit, [`Error::Run`] when onnxruntime fails, [`Error::Input`] when the
    /// model takes texts or has a free axis.
    pub fn evaluate(&self, rows: &[f64], answers: &mut [f64]) -> Result<(), Error> {
        self.engine.run(rows, answers)
    }

    /// Answers a file of the form of a golden case's inputs, `{"<tensor>": nested list}`, of any type and with free axes;
    /// gives the outputs in the same form.
    ///
    /// # Errors
    /// The file is not of that form, or onnxruntime fails.
    pub fn evaluate_json(&self, path: &Path) -> Result<String, Error> {
        let place = path.display().to_string();
        let refuse = |reason| Error::Rows { place: place.clone(), reason };
        let inputs = &self.engine.manifest.inputs;
        let arrays = parse_inputs(&read_limited(path, GOLDEN_LIMIT)?, inputs).map_err(refuse)?;
        let mut axes = Axes::of_batch(arrays.first().map_or(0, Array::rows));
        bind_all(&mut axes, inputs, &arrays, |name| format!("field '{name}'")).map_err(refuse)?;
        if arrays.first().is_none_or(|array| array.rows() == 0) {
            return Err(refuse("holds no row".to_owned()));
        }
        let answers = self.engine.run_arrays(&arrays)?;
        let names = self.engine.manifest.outputs.iter().map(|tensor| tensor.name.as_str());
        object(names.zip(answers.iter().map(Nested::of))).map_err(refuse)
    }
}
