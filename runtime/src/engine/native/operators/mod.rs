//! The operators that the engine knows, each lowered to steps. Whatever is not here goes to onnxruntime, by name.

pub(crate) mod arithmetic;
pub(crate) mod encode;
pub(crate) mod index;
pub(crate) mod moves;
pub(crate) mod number;
pub(crate) mod products;
pub(crate) mod reduce;
pub(crate) mod running;
pub(crate) mod schema;
pub(crate) mod shapes;
pub(crate) mod spread;
pub(crate) mod unary;
pub(crate) mod wide;

use crate::engine::native::build::{Call, Lowered};
use crate::engine::native::trees;

/// An operator's name, that of ai.onnx.ml with its domain, and how it becomes steps.
type Entry = (&'static str, fn(&mut Call<'_>) -> Lowered);

/// All of them, in order.
pub(crate) const KNOWN: &[Entry] = &[
    ("Abs", unary::lower),
    ("Add", arithmetic::lower),
    ("And", arithmetic::logical),
    ("ArgMax", running::arg),
    ("ArgMin", running::arg),
    ("Cast", unary::cast),
    ("Ceil", unary::lower),
    ("Clip", arithmetic::clip),
    ("Concat", moves::concat),
    ("Constant", shapes::constant),
    ("ConstantOfShape", shapes::constant_of_shape),
    ("CumSum", running::cumsum),
    ("Div", arithmetic::lower),
    ("Equal", arithmetic::equal),
    ("Erf", unary::lower),
    ("Exp", unary::lower),
    ("Expand", shapes::expand),
    ("Flatten", shapes::flatten),
    ("Floor", unary::lower),
    ("GRU", products::recurrent::gru),
    ("Gather", index::gather),
    ("GatherElements", index::gather_elements),
    ("GatherND", index::gather_nd),
    ("Gemm", products::matmul::gemm),
    ("Greater", arithmetic::compare),
    ("GreaterOrEqual", arithmetic::compare),
    ("Identity", shapes::identity),
    ("IsInf", unary::is_inf),
    ("IsNaN", unary::is_nan),
    ("LSTM", products::recurrent::lstm),
    ("Less", arithmetic::compare),
    ("LessOrEqual", arithmetic::compare),
    ("Log", unary::lower),
    ("MatMul", products::matmul::matmul),
    ("Max", arithmetic::lower),
    ("Mean", arithmetic::lower),
    ("Min", arithmetic::lower),
    ("Mul", arithmetic::lower),
    ("Neg", unary::lower),
    ("Not", unary::not),
    ("Or", arithmetic::logical),
    ("Pad", moves::pad),
    ("Pow", arithmetic::pow),
    ("RNN", products::recurrent::rnn),
    ("Reciprocal", unary::lower),
    ("ReduceMax", reduce::lower),
    ("ReduceMean", reduce::lower),
    ("ReduceMin", reduce::lower),
    ("ReduceProd", reduce::lower),
    ("ReduceSum", reduce::lower),
    ("ReduceSumSquare", reduce::lower),
    ("Relu", unary::lower),
    ("Reshape", shapes::reshape),
    ("Round", unary::lower),
    ("Shape", shapes::shape),
    ("Sigmoid", unary::lower),
    ("Sign", unary::lower),
    ("Size", shapes::size),
    ("Slice", moves::slice),
    ("Softmax", running::softmax),
    ("Softplus", unary::lower),
    ("Split", moves::split),
    ("Sqrt", unary::lower),
    ("Squeeze", shapes::squeeze),
    ("Sub", arithmetic::lower),
    ("Sum", arithmetic::lower),
    ("Tanh", unary::lower),
    ("Tile", shapes::tile),
    ("TopK", running::top_k),
    ("Transpose", moves::transpose),
    ("Unsqueeze", shapes::unsqueeze),
    ("Where", arithmetic::choose),
    ("Xor", arithmetic::logical),
    ("ai.onnx.ml.LabelEncoder", encode::label_encoder),
    ("ai.onnx.ml.TreeEnsemble", trees::lower::tree_ensemble),
    ("ai.onnx.ml.TreeEnsembleRegressor", trees::lower::tree_ensemble_regressor),
];

/// Adds an operator's steps to the plan.
pub(crate) fn lower(mut call: Call<'_>) -> Lowered {
    let found = KNOWN.binary_search_by_key(&call.operator, |(name, _)| name);
    schema::check_kinds(call.operator, call.inputs, call.opsets)?;
    let (_, lower) = found.ok().and_then(|place| KNOWN.get(place)).ok_or("is not known here")?;
    lower(&mut call)
}

/// Does the same for values of whatever type.
macro_rules! each_kind {
    ($kind:expr, $type:ident => $body:expr) => {
        match $kind {
            $crate::engine::native::value::Kind::Float64 => {
                type $type = f64;
                $body
            }
            $crate::engine::native::value::Kind::Float32 => {
                type $type = f32;
                $body
            }
            $crate::engine::native::value::Kind::Int64 | $crate::engine::native::value::Kind::Int32 => {
                type $type = i64;
                $body
            }
            $crate::engine::native::value::Kind::Bool => {
                type $type = bool;
                $body
            }
            $crate::engine::native::value::Kind::Text => {
                type $type = String;
                $body
            }
        }
    };
}

/// Does the same for numbers of whatever type; texts, truths and int32 are refused.
macro_rules! each_number {
    ($call:expr, $kind:expr, $type:ident => $body:expr) => {
        match $kind {
            $crate::engine::native::value::Kind::Float64 => {
                type $type = f64;
                $body
            }
            $crate::engine::native::value::Kind::Float32 => {
                type $type = f32;
                $body
            }
            $crate::engine::native::value::Kind::Int64 => {
                type $type = i64;
                $body
            }
            other => Err($call.unknown_type(other)),
        }
    };
}

/// Does the same for both floating-point types; others are refused.
macro_rules! each_float {
    ($call:expr, $kind:expr, $type:ident => $body:expr) => {
        match $kind {
            $crate::engine::native::value::Kind::Float64 => {
                type $type = f64;
                $body
            }
            $crate::engine::native::value::Kind::Float32 => {
                type $type = f32;
                $body
            }
            other => Err($call.unknown_type(other)),
        }
    };
}

pub(crate) use {each_float, each_kind, each_number};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operators_are_in_order_and_allowed() {
        assert!(KNOWN.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for (name, _) in KNOWN {
            let (domain, plain) = name.strip_prefix("ai.onnx.ml.").map_or(("", *name), |rest| ("ai.onnx.ml", rest));
            let allowed = crate::artifact::operators::ALLOWED.iter().find(|(found, _)| *found == domain).unwrap();
            assert!(allowed.1.contains(&plain), "{name}");
        }
    }
}
