//! The native engine against onnxruntime on random graphs: the same bits, or within a stated bound, or refused. And alone,
//! against bits that are kept.

#[cfg(feature = "ort")]
mod compare;
#[cfg(feature = "ort")]
mod damage;
mod kept;
mod limits;
#[cfg(feature = "ort")]
mod onnxruntime;
#[cfg(feature = "ort")]
mod random;
mod rows;
