//! The native engine against onnxruntime on random graphs: the same bits, or within a stated bound, or refused.

mod compare;
mod damage;
mod limits;
mod onnxruntime;
mod random;
mod rows;
