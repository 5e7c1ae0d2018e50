//! Loops with the widest registers that the processor has. A loop gives the same bits in any of them: the compiler turns
//! operations of neighbours into one, but neither joins a product with a sum nor changes an order.

/// Computes what is written, compiled for this processor; functions that it calls must be inlined always.
#[cfg(feature = "wide")]
macro_rules! widest {
    ($work:expr) => {
        fearless_simd::dispatch!(fearless_simd::Level::new(), _simd => $work)
    };
}

/// Without the feature `wide`: as the whole program is compiled.
#[cfg(not(feature = "wide"))]
macro_rules! widest {
    ($work:expr) => {
        $work
    };
}

pub(crate) use widest;
