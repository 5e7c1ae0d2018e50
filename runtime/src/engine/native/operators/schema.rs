//! What each operator may be given: inputs, outputs, types and attributes, no more than onnxruntime takes. A graph that
//! asks for more is refused before anything is planned: an attribute that is not looked at would be a wrong answer.

use crate::engine::native::value::{Kind, Value};

/// The versions of ai.onnx and ai.onnx.ml that a graph is written for.
pub(crate) type Opsets = [i64; 2];

/// One operator.
struct Schema {
    name: &'static str,
    /// Fewest and most inputs, and most outputs.
    counts: (usize, usize, usize),
    /// The types of each input, the last for all further ones: s float32, d float64, i int64, k int32, b bool, t text;
    /// `=` that of the first input, `x` any.
    kinds: &'static [&'static str],
    /// Their names; from an operator set on after `@`, before one after `<`.
    attributes: &'static [&'static str],
}

const MANY: usize = usize::MAX;

const fn schema(
    name: &'static str,
    counts: (usize, usize, usize),
    kinds: &'static [&'static str],
    attributes: &'static [&'static str],
) -> Schema {
    Schema { name, counts, kinds, attributes }
}

/// Those of `TreeEnsemble` and its elders.
const TREES: &[&str] = &[
    "aggregate_function",
    "leaf_targetids",
    "leaf_weights",
    "n_targets",
    "nodes_falseleafs",
    "nodes_falsenodeids",
    "nodes_featureids",
    "nodes_hitrates",
    "nodes_missing_value_tracks_true",
    "nodes_modes",
    "nodes_splits",
    "nodes_trueleafs",
    "nodes_truenodeids",
    "post_transform",
    "tree_roots",
];
const OLD_TREES: &[&str] = &[
    "aggregate_function",
    "base_values",
    "base_values_as_tensor@3",
    "n_targets",
    "nodes_falsenodeids",
    "nodes_featureids",
    "nodes_hitrates",
    "nodes_hitrates_as_tensor@3",
    "nodes_missing_value_tracks_true",
    "nodes_modes",
    "nodes_nodeids",
    "nodes_treeids",
    "nodes_truenodeids",
    "nodes_values",
    "nodes_values_as_tensor@3",
    "post_transform",
    "target_ids",
    "target_nodeids",
    "target_treeids",
    "target_weights",
    "target_weights_as_tensor@3",
];
const ENCODER: &[&str] = &[
    "default_float",
    "default_int64",
    "default_string",
    "default_tensor@4",
    "keys_floats",
    "keys_int64s",
    "keys_strings",
    "keys_tensor@4",
    "values_floats",
    "values_int64s",
    "values_strings",
    "values_tensor@4",
];
const ARG: &[&str] = &["axis", "keepdims", "select_last_index"];
const REDUCE: &[&str] = &["axes<18", "keepdims", "noop_with_empty_axes@18"];
const RECURRENT: &[&str] =
    &["activation_alpha", "activation_beta", "activations", "direction", "hidden_size", "layout@14"];

/// All of them, in order.
const SCHEMAS: &[Schema] = &[
    schema("Abs", (1, 1, 1), &["sdi"], &[]),
    schema("Add", (2, 2, 1), &["sdi", "="], &[]),
    schema("And", (2, 2, 1), &["b"], &[]),
    schema("ArgMax", (1, 1, 1), &["sdi"], ARG),
    schema("ArgMin", (1, 1, 1), &["sdi"], ARG),
    schema("Cast", (1, 1, 1), &["x"], &["to", "saturate@19"]),
    schema("Ceil", (1, 1, 1), &["sd"], &[]),
    schema("Clip", (1, 3, 1), &["sdi", "="], &[]),
    schema("Concat", (1, MANY, 1), &["x", "="], &["axis"]),
    schema(
        "Constant",
        (0, 0, 1),
        &[],
        &["value", "value_float", "value_floats", "value_int", "value_ints", "value_string", "value_strings"],
    ),
    schema("ConstantOfShape", (1, 1, 1), &["i"], &["value"]),
    schema("CumSum", (2, 2, 1), &["sdi", "ik"], &["exclusive", "reverse"]),
    schema("Div", (2, 2, 1), &["sdi", "="], &[]),
    schema("Equal", (2, 2, 1), &["sdikbt", "="], &[]),
    schema("Erf", (1, 1, 1), &["s"], &[]),
    schema("Exp", (1, 1, 1), &["sd"], &[]),
    schema("Expand", (2, 2, 1), &["x", "i"], &[]),
    schema("Flatten", (1, 1, 1), &["x"], &["axis"]),
    schema("Floor", (1, 1, 1), &["sd"], &[]),
    schema(
        "GRU",
        (3, 6, 2),
        &["s", "s", "s", "s", "k", "s"],
        &[
            "activation_alpha",
            "activation_beta",
            "activations",
            "direction",
            "hidden_size",
            "layout@14",
            "linear_before_reset",
        ],
    ),
    schema("Gather", (2, 2, 1), &["x", "ik"], &["axis"]),
    schema("GatherElements", (2, 2, 1), &["x", "ik"], &["axis"]),
    schema("GatherND", (2, 2, 1), &["x", "i"], &["batch_dims"]),
    schema("Gemm", (2, 3, 1), &["sd", "="], &["alpha", "beta", "transA", "transB"]),
    schema("Greater", (2, 2, 1), &["sdi", "="], &[]),
    schema("GreaterOrEqual", (2, 2, 1), &["sdi", "="], &[]),
    schema("Identity", (1, 1, 1), &["x"], &[]),
    schema("IsInf", (1, 1, 1), &["sd"], &["detect_negative", "detect_positive"]),
    schema("IsNaN", (1, 1, 1), &["sd"], &[]),
    schema(
        "LSTM",
        (3, 7, 3),
        &["s", "s", "s", "s", "k", "s"],
        &[
            "activation_alpha",
            "activation_beta",
            "activations",
            "direction",
            "hidden_size",
            "input_forget",
            "layout@14",
        ],
    ),
    schema("Less", (2, 2, 1), &["sdi", "="], &[]),
    schema("LessOrEqual", (2, 2, 1), &["sdi", "="], &[]),
    schema("Log", (1, 1, 1), &["sd"], &[]),
    schema("MatMul", (2, 2, 1), &["sd", "="], &[]),
    schema("Max", (1, MANY, 1), &["sdi", "="], &[]),
    schema("Mean", (1, MANY, 1), &["s", "="], &[]),
    schema("Min", (1, MANY, 1), &["sdi", "="], &[]),
    schema("Mul", (2, 2, 1), &["sdi", "="], &[]),
    schema("Neg", (1, 1, 1), &["sdi"], &[]),
    schema("Not", (1, 1, 1), &["b"], &[]),
    schema("Or", (2, 2, 1), &["b"], &[]),
    schema("Pad", (2, 4, 1), &["sdikb", "i", "=", "ik"], &["mode"]),
    schema("Pow", (2, 2, 1), &["sd", "="], &[]),
    schema("RNN", (3, 6, 2), &["s", "s", "s", "s", "k", "s"], RECURRENT),
    schema("Reciprocal", (1, 1, 1), &["sd"], &[]),
    schema("ReduceMax", (1, 2, 1), &["sdi", "i"], REDUCE),
    schema("ReduceMean", (1, 2, 1), &["sd", "i"], REDUCE),
    schema("ReduceMin", (1, 2, 1), &["sdi", "i"], REDUCE),
    schema("ReduceProd", (1, 2, 1), &["sdi", "i"], REDUCE),
    schema("ReduceSum", (1, 2, 1), &["sdi", "i"], &["keepdims", "noop_with_empty_axes"]),
    schema("ReduceSumSquare", (1, 2, 1), &["sdi", "i"], REDUCE),
    schema("Relu", (1, 1, 1), &["sd"], &[]),
    schema("Reshape", (2, 2, 1), &["x", "i"], &["allowzero@14"]),
    schema("Round", (1, 1, 1), &["sd"], &[]),
    schema("Shape", (1, 1, 1), &["x"], &["end@15", "start@15"]),
    schema("Sigmoid", (1, 1, 1), &["sd"], &[]),
    schema("Sign", (1, 1, 1), &["sdi"], &[]),
    schema("Size", (1, 1, 1), &["x"], &[]),
    schema("Slice", (3, 5, 1), &["x", "ik"], &[]),
    schema("Softmax", (1, 1, 1), &["sd"], &["axis"]),
    schema("Softplus", (1, 1, 1), &["s"], &[]),
    schema("Split", (1, 2, MANY), &["x", "i"], &["axis", "num_outputs@18"]),
    schema("Sqrt", (1, 1, 1), &["sd"], &[]),
    schema("Squeeze", (1, 2, 1), &["x", "i"], &[]),
    schema("Sub", (2, 2, 1), &["sdi", "="], &[]),
    schema("Sum", (1, MANY, 1), &["sd", "="], &[]),
    schema("Tanh", (1, 1, 1), &["sd"], &[]),
    schema("Tile", (2, 2, 1), &["x", "i"], &[]),
    schema("TopK", (2, 2, 2), &["sdi", "i"], &["axis", "largest", "sorted"]),
    schema("Transpose", (1, 1, 1), &["x"], &["perm"]),
    schema("Unsqueeze", (2, 2, 1), &["x", "i"], &[]),
    schema("Where", (3, 3, 1), &["b", "sdikt", "sdikt"], &[]),
    schema("Xor", (2, 2, 1), &["b"], &[]),
    schema("ai.onnx.ml.LabelEncoder", (1, 1, 1), &["sdit"], ENCODER),
    schema("ai.onnx.ml.TreeEnsemble", (1, 1, 1), &["sd"], TREES),
    schema("ai.onnx.ml.TreeEnsembleRegressor", (1, 1, 1), &["sd"], OLD_TREES),
];

fn schema_of(operator: &str) -> Result<&'static Schema, String> {
    let found = SCHEMAS.binary_search_by_key(&operator, |schema| schema.name).ok();
    found.and_then(|place| SCHEMAS.get(place)).ok_or_else(|| "is not known here".to_owned())
}

/// What can be told without types: how many inputs and outputs, which attributes.
pub(crate) fn check<'a>(
    operator: &str,
    inputs: &[String],
    outputs: &[String],
    attributes: impl IntoIterator<Item = &'a String>,
    opsets: Opsets,
) -> Result<(), String> {
    let schema = schema_of(operator)?;
    let (fewest, most, results) = schema.counts;
    if !(fewest..=most).contains(&inputs.len()) || inputs.iter().take(fewest).any(String::is_empty) {
        return Err(format!("takes no {} inputs", inputs.len()));
    }
    if outputs.is_empty() || outputs.len() > results {
        return Err(format!("gives no {} outputs", outputs.len()));
    }
    let version = opsets[usize::from(operator.starts_with("ai.onnx.ml."))];
    if (operator == "ai.onnx.ml.TreeEnsemble") != (version == 5) && operator.starts_with("ai.onnx.ml.TreeEnsemble") {
        return Err(format!("is not of operator set ai.onnx.ml {version}"));
    }
    let axes_apart = operator.starts_with("Reduce") && operator != "ReduceSum" && version < 18;
    if axes_apart && inputs.len() > 1 {
        return Err(format!("takes its axes as an attribute in operator set {version}"));
    }
    for name in attributes {
        let known = schema.attributes.iter().any(|entry| {
            let (word, range) = entry.split_at(entry.find(['@', '<']).unwrap_or(entry.len()));
            let fits = match (range.chars().next(), range.get(1..).and_then(|number| number.parse::<i64>().ok())) {
                (Some('@'), Some(first)) => version >= first,
                (Some('<'), Some(end)) => version < end,
                _ => true,
            };
            word == name && fits
        });
        if !known {
            return Err(format!("attribute '{name}' is not known in operator set {version}"));
        }
    }
    Ok(())
}

const fn letter(kind: Kind) -> char {
    match kind {
        Kind::Float32 => 's',
        Kind::Float64 => 'd',
        Kind::Int64 => 'i',
        Kind::Int32 => 'k',
        Kind::Bool => 'b',
        Kind::Text => 't',
    }
}

/// Holds the types of the inputs that are given against those that are known.
pub(crate) fn check_kinds(operator: &str, inputs: &[Option<Value>], opsets: Opsets) -> Result<(), String> {
    let schema = schema_of(operator)?;
    let first = inputs.first().and_then(Option::as_ref).map(|value| value.kind);
    for (place, value) in inputs.iter().enumerate() {
        let Some(value) = value else { continue };
        let known = schema.kinds.get(place).or(schema.kinds.last()).copied().unwrap_or("");
        let fits = match known {
            "x" => true,
            "=" => first == Some(value.kind),
            letters => letters.contains(letter(value.kind)),
        };
        if !fits || (operator == "Equal" && value.kind == Kind::Text && opsets[0] < 19) {
            return Err(format!("input {place} of {} is not known", value.kind.name()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::native::operators::KNOWN;

    #[test]
    fn every_operator_has_one_in_order() {
        let names: Vec<&str> = SCHEMAS.iter().map(|schema| schema.name).collect();
        assert_eq!(names, KNOWN.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    }

    #[test]
    fn an_attribute_that_is_not_looked_at_is_refused() {
        let (given, made) = (["a".to_owned(), "b".to_owned()], ["c".to_owned()]);
        let check =
            |operator, attribute: &str, opset| check(operator, &given, &made, [&attribute.to_owned()], [opset, 3]);
        assert!(check("Gather", "axis", 13).is_ok());
        assert!(check("Gather", "axjs", 13).unwrap_err().contains("'axjs'"));
        assert!(check("Reshape", "allowzero", 13).is_err() && check("Reshape", "allowzero", 14).is_ok());
        assert!(check("ReduceMax", "axes", 18).is_err());
    }
}
