//! The sentiment model: it has no typed face yet, and is served as a [`Model`](crate::Model).

pub(crate) mod keys;
