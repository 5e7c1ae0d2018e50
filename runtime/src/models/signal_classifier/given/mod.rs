//! A signal as others write it: read strictly, and asked whether its Greeks fit together.

pub(crate) mod raw_signal;
pub(crate) mod units;
