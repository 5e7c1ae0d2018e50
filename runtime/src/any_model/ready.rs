//! A version that answers: what every call of a model has in common.

use std::sync::Arc;
use std::time::Duration;

use crate::any_model::answers::Answers;
use crate::any_model::inputs::{Wrong, check_row};
use crate::any_model::signature::Signature;
use crate::any_model::warnings::warnings;
use crate::artifact::array::{Array, Values};
use crate::artifact::place::Located;
use crate::artifact::tensor::{Axis, TensorSpec};
use crate::artifact::trust::admit::admit;
use crate::artifact::trust::settings::Trust;
use crate::engine::choose::{Loading, load_proven};
use crate::engine::loaded::Engine;
use crate::engine::place::Place;
use crate::error::Error;
use crate::service::meter::{self, Label};
use crate::service::source::Source;

/// A version that has been proven.
pub(crate) struct Ready {
    pub(crate) engine: Engine,
    pub(crate) signature: Arc<Signature>,
    pub(crate) label: Label,
}

impl Ready {
    pub(crate) fn load(
        located: &Located,
        place: &Place,
        lanes: usize,
        asked: Option<&str>,
        trust: &Trust,
    ) -> Result<Self, Error> {
        let admitted = admit(located, trust)?;
        let loading = Loading { place, folder: &located.folder, asked, lanes };
        let (engine, _) = load_proven(&loading, |manifest| admitted.holds(manifest))?;
        let signature = Arc::new(Signature::of(&engine.manifest, engine.version));
        let label = meter::label(engine.name());
        Ok(Self { engine, signature, label })
    }
}

/// A call, with its span and its metrics: every row that is answered counts.
pub(crate) fn observed<T>(ready: &Ready, rows: usize, call: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    let span = meter::run_span(&ready.signature.name, rows).entered();
    let timer = meter::start();
    let result = call();
    let version = ready.signature.version;
    meter::answered(&span, result.as_ref().map(|_| (Source::Model, Some(version))));
    meter::call(&ready.label, timer, [rows, 0], result.as_ref().err());
    result
}

pub(crate) fn check_one(ready: &Ready, row: &[f64]) -> Result<(), Error> {
    check_flat(ready)?;
    check_row(&ready.engine.manifest.inputs, row).map_err(|reason| Error::Input { place: "row".to_owned(), reason })
}

/// One flat row as the arrays that the model takes.
pub(crate) fn checked(ready: &Ready, row: &[f64]) -> Result<Vec<Array>, Error> {
    check_one(ready, row)?;
    Ok(gathered(ready, row))
}

pub(crate) fn check_flat(ready: &Ready) -> Result<(), Error> {
    if ready.engine.layout().is_some() {
        return Ok(());
    }
    let reason = "an input or output is of text or has a free axis: give it named tensors, not rows of numbers";
    Err(Error::Input { place: format!("model {}", ready.signature.name), reason: reason.to_owned() })
}

pub(crate) fn refused(ready: &Ready, (row, reason): Wrong) -> Error {
    let place = row.map_or_else(|| format!("model {}", ready.signature.name), |row| format!("row {row}"));
    Error::Input { place, reason }
}

/// Checked flat rows as the arrays that the model takes.
pub(crate) fn gathered(ready: &Ready, flat: &[f64]) -> Vec<Array> {
    let Some(layout) = ready.engine.layout() else { return Vec::new() };
    let (mut start, rows) = (0, flat.len() / layout.row_width);
    let arrays = layout.inputs.iter().map(|part| {
        let values = part.gather(flat, layout.row_width, start);
        start += part.width;
        Array { shape: part.shape_of(rows), values }
    });
    arrays.collect()
}

/// A flat answer as what the model answered; no warnings, which [`Model::run_one_into`](crate::Model) does not look for.
pub(crate) fn spread(ready: &Ready, flat: &[f64]) -> Answers {
    let mut start = 0;
    let arrays = ready.engine.layout().into_iter().flat_map(|layout| &layout.outputs).map(|part| {
        let values = part.gather(flat, flat.len().max(1), start);
        start += part.width;
        Array { shape: part.shape_of(1), values }
    });
    Answers::new(arrays.collect(), Vec::new(), Arc::clone(&ready.signature), ready.engine.kind())
}

/// The answer to checked inputs; with a deadline only to a single row.
pub(crate) fn answer(ready: &Ready, arrays: &[Array], within: Option<Duration>) -> Result<Answers, Error> {
    let signature = Arc::clone(&ready.signature);
    if arrays.first().is_none_or(|array| array.rows() == 0) {
        let empty = |tensor: &TensorSpec| {
            let lengths = tensor.shape.iter().map(|axis| match axis {
                Axis::Fixed(length) => *length,
                Axis::Free(_) => 0,
            });
            Array { shape: lengths.collect(), values: Values::empty(tensor.dtype) }
        };
        return Ok(Answers::new(
            signature.outputs.iter().map(empty).collect(),
            Vec::new(),
            signature,
            ready.engine.kind(),
        ));
    }
    let answered = match within {
        None => ready.engine.run_arrays(arrays)?,
        Some(within) => ready.engine.run_arrays_within(arrays, within)?,
    };
    Ok(Answers::new(answered, warnings(&ready.engine.manifest, arrays), signature, ready.engine.kind()))
}
