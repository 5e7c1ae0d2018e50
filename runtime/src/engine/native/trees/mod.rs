//! Tree ensembles: read strictly, laid out for the cache, summed in the original's order.

pub(crate) mod ensemble;
pub(crate) mod forest;
pub(crate) mod layout;
pub(crate) mod lower;
pub(crate) mod masks;
pub(crate) mod plant;
pub(crate) mod ranked;
pub(crate) mod ranks;
pub(crate) mod splits;
pub(crate) mod twins;
pub(crate) mod walk;
