//! Tree ensembles: read strictly, laid out for the cache, summed in the original's order.

pub(crate) mod forest;
pub(crate) mod lower;
pub(crate) mod splits;
pub(crate) mod walk;
