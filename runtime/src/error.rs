//! The one error type: every variant names the file or the field, every variant has a stable code.

use std::path::PathBuf;

use thiserror::Error;

/// Everything that can go wrong. The text is one line that says where, what was expected and what to do.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or written.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// What was attempted, for instance `read`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A surface file is not one, or holds nothing usable.
    #[error("{}: {reason}", path.display())]
    Surface {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The history store cannot be opened, read or written.
    #[error("history store {}: {reason}", path.display())]
    History {
        /// The SQLite file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl Error {
    /// A short name of the kind of error that does not change between versions.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "io",
            Self::Surface { .. } => "surface",
            Self::History { .. } => "history",
        }
    }
}
