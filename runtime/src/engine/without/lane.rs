//! The lane that is not there.

use crate::artifact::array::Array;
use crate::artifact::manifest::Manifest;
use crate::artifact::tensor::TensorSpec;
use crate::engine::flat::Layout;
use crate::engine::without::library::Library;
use crate::engine::without::session::Failed;

/// No value of it exists.
pub(crate) enum Lane {}

impl Lane {
    pub(crate) fn open(library: &Library, _: &Manifest, _: Option<&Layout>, _: &[u8]) -> Result<Self, String> {
        match *library {}
    }

    pub(crate) fn run_one(&mut self, _: &Layout, _: &[f64], _: &mut [f64]) -> Result<(), Failed> {
        match *self {}
    }

    pub(crate) fn run_chunk(&mut self, _: &Layout, _: &[f64], _: &mut [f64]) -> Result<(), Failed> {
        match *self {}
    }

    pub(crate) fn run_arrays(&mut self, _: &[Array], _: &[TensorSpec]) -> Result<Vec<Array>, Failed> {
        match *self {}
    }
}
