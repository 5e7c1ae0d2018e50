//! The error of a call that cannot be made.

/// No value of it exists.
pub(crate) enum Failed {}

pub(crate) fn said(error: &Failed) -> String {
    match *error {}
}
