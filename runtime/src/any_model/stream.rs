//! What a reader of rows needs besides them.

use crate::any_model::model::Model;
use crate::any_model::rows::Rows;
use crate::any_model::signature::Signature;
use crate::artifact::array::Array;
use crate::error::Error;

/// The longest row that is read, in bytes.
pub(crate) const LONGEST_ROW: usize = 16 << 20;

/// The model, the file, and who is told how far it is.
pub(crate) struct Stream<'a> {
    pub(crate) model: &'a Model,
    /// Of the version that answers all of the file.
    pub(crate) signature: &'a Signature,
    /// Of the file, for messages.
    pub(crate) name: &'a str,
    pub(crate) progress: &'a mut dyn FnMut(u64),
}

impl Stream<'_> {
    pub(crate) fn refuse(&self, row: Option<u64>, reason: &str) -> Error {
        let place = row.map_or_else(|| self.name.to_owned(), |row| format!("{}: row {row}", self.name));
        Error::Input { place, reason: reason.to_owned() }
    }

    pub(crate) fn cannot_write(&self, source: std::io::Error) -> Error {
        Error::Io { what: "write", path: self.name.into(), source }
    }

    /// The answers to the rows that wait.
    pub(crate) fn answer(&self, rows: &mut Rows<'_>) -> Result<Vec<Array>, Error> {
        let inputs = self.signature.inputs.iter().map(|tensor| tensor.name.as_str());
        Ok(self.model.run_named(inputs.zip(rows.take()))?.arrays)
    }

    pub(crate) fn tell(&mut self, rows: u64) {
        (self.progress)(rows);
    }
}
