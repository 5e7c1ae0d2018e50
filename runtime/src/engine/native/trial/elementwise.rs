//! Nodes that work number by number.

use crate::engine::native::trial::maker::{Bound, Made, Maker};
use crate::engine::native::trial::onnx::{Given, number_of};
use crate::engine::native::trial::values::Taste;
use crate::engine::native::value::Kind;

const fn near(ulps: f64, absolute: f64) -> Bound {
    Bound::Near { ulps, absolute }
}

/// The same numbers: which of 0 and -0 is the larger, onnxruntime decides by where they stand.
const ZEROS_ALIKE: Bound = near(0.0, 0.0);

/// How near functions beyond the basic operations come: onnxruntime's are approximations of their own.
fn function_bound(operator: &str, kind: Kind) -> Bound {
    match (operator, kind) {
        // onnxruntime's float32 approximations: the logistic function and tanh are cut off where they are nearly flat.
        ("Sigmoid" | "Tanh" | "Erf" | "Softplus", Kind::Float32) => near(8.0, 2.5e-7),
        (_, Kind::Float32) => near(4.0, 0.0),
        ("Sigmoid" | "Softplus", _) => near(8.0, 5e-16),
        _ => near(4.0, 0.0),
    }
}

pub(crate) fn unary(maker: &mut Maker<'_>) {
    let operator = maker.source.pick(&[
        "Abs",
        "Neg",
        "Sign",
        "Ceil",
        "Floor",
        "Round",
        "Sqrt",
        "Reciprocal",
        "Relu",
        "Exp",
        "Log",
        "Erf",
        "Sigmoid",
        "Softplus",
        "Tanh",
        "Identity",
    ]);
    let kind = match operator {
        "Abs" | "Neg" | "Sign" => maker.number_kind(),
        "Identity" => maker.any_kind(),
        _ => maker.float_kind(),
    };
    let value = maker.some(kind, 4);
    let bound = match operator {
        "Exp" | "Log" | "Erf" | "Sigmoid" | "Softplus" | "Tanh" => function_bound(operator, kind),
        "Relu" => ZEROS_ALIKE,
        _ => Bound::Bits,
    };
    maker.node(operator, &[&value.name], &[(kind, value.shape, bound)], &[]);
}

/// Not, IsNaN, IsInf.
pub(crate) fn truths(maker: &mut Maker<'_>) {
    match maker.source.below(3) {
        0 => {
            let value = maker.some(Kind::Bool, 4);
            maker.node("Not", &[&value.name], &[(Kind::Bool, value.shape, Bound::Bits)], &[]);
        }
        1 => {
            let kind = maker.float_kind();
            let value = maker.some(kind, 4);
            maker.node("IsNaN", &[&value.name], &[(Kind::Bool, value.shape, Bound::Bits)], &[]);
        }
        _ => {
            let kind = maker.float_kind();
            let value = maker.some(kind, 4);
            let mut attributes = Vec::new();
            for name in ["detect_negative", "detect_positive"] {
                if maker.source.chance(50) {
                    attributes.push((name, Given::Int(maker.source.between(0, 1))));
                }
            }
            maker.node("IsInf", &[&value.name], &[(Kind::Bool, value.shape, Bound::Bits)], &attributes);
        }
    }
}

/// A shape that fits another by broadcasting.
fn partner(maker: &mut Maker<'_>, shape: &[usize]) -> Vec<usize> {
    let mut other: Vec<usize> = shape.iter().map(|&l| if maker.source.chance(30) { 1 } else { l }).collect();
    if maker.source.chance(30) {
        other.drain(..maker.source.below(other.len() + 1));
    }
    if maker.source.chance(15) && other.len() < 5 {
        other.insert(0, maker.source.pick(&[1, 2, 3]));
    }
    other
}

fn together(shapes: &[&[usize]]) -> Vec<usize> {
    let rank = shapes.iter().map(|shape| shape.len()).max().unwrap_or(0);
    let at = |shape: &[usize], axis: usize| (axis + shape.len()).checked_sub(rank).map_or(1, |place| shape[place]);
    let axis = |axis| shapes.iter().map(|shape| at(shape, axis)).find(|&length| length != 1).unwrap_or(1);
    (0..rank).map(axis).collect()
}

/// Two (or more) values of one type that fit each other.
fn pair(maker: &mut Maker<'_>, kind: Kind) -> [Made; 2] {
    let first = maker.some(kind, 4);
    let shape = partner(maker, &first.shape);
    let same: Vec<Made> =
        maker.pool.iter().filter(|m| m.kind == kind && m.bound == Bound::Bits && m.shape == shape).cloned().collect();
    let second = if !same.is_empty() && maker.source.chance(60) {
        same[maker.source.below(same.len())].clone()
    } else {
        maker.fresh(kind, &shape, Taste::Any)
    };
    if maker.source.chance(50) { [first, second] } else { [second, first] }
}

pub(crate) fn binary(maker: &mut Maker<'_>) {
    let operator = maker.source.pick(&[
        "Add",
        "Sub",
        "Mul",
        "Div",
        "Max",
        "Min",
        "Equal",
        "Greater",
        "GreaterOrEqual",
        "Less",
        "LessOrEqual",
        "And",
        "Or",
        "Xor",
        "Pow",
    ]);
    let kind = match operator {
        "And" | "Or" | "Xor" => Kind::Bool,
        "Equal" => maker.any_kind(),
        "Pow" => maker.float_kind(),
        _ => maker.number_kind(),
    };
    let [left, mut right] = pair(maker, kind);
    if operator == "Div" && matches!(kind, Kind::Int64 | Kind::Int32) {
        // onnxruntime ends the process where a whole number is divided by 0.
        let data = crate::engine::native::value::Data::Int64(
            (0..right.shape.iter().product::<usize>())
                .map(|_| maker.source.pick(&[1, 2, -3, 7, i64::from(i32::MAX)]))
                .collect(),
        );
        right = maker.input(kind, &right.shape, data);
    }
    let truth =
        matches!(operator, "Equal" | "Greater" | "GreaterOrEqual" | "Less" | "LessOrEqual" | "And" | "Or" | "Xor");
    let bound = match operator {
        "Pow" => near(4.0, 0.0),
        "Max" | "Min" if kind != Kind::Int64 => ZEROS_ALIKE,
        _ => Bound::Bits,
    };
    let shape = together(&[&left.shape, &right.shape]);
    maker.node(operator, &[&left.name, &right.name], &[(if truth { Kind::Bool } else { kind }, shape, bound)], &[]);
}

/// Sum, Mean, Max, Min of one, two or three.
pub(crate) fn several(maker: &mut Maker<'_>) {
    let operator = maker.source.pick(&["Sum", "Mean", "Max", "Min"]);
    let kind = if matches!(operator, "Sum" | "Mean") { maker.float_kind() } else { maker.number_kind() };
    let [first, second] = pair(maker, kind);
    let third_shape = partner(maker, &second.shape);
    let third = maker.fresh(kind, &third_shape, Taste::Any);
    let all = [first, second, third];
    let count = 1 + maker.source.below(3);
    let names: Vec<&str> = all.iter().take(count).map(|made| made.name.as_str()).collect();
    let shapes: Vec<&[usize]> = all.iter().take(count).map(|made| made.shape.as_slice()).collect();
    let shape = together(&shapes);
    let alike = matches!(operator, "Max" | "Min") && kind != Kind::Int64;
    maker.node(operator, &names, &[(kind, shape, if alike { ZEROS_ALIKE } else { Bound::Bits })], &[]);
}

pub(crate) fn choose(maker: &mut Maker<'_>) {
    let kind = maker.any_kind();
    let [left, right] = pair(maker, kind);
    let shape = together(&[&left.shape, &right.shape]);
    let condition = partner(maker, &shape);
    let condition = maker.fresh(Kind::Bool, &condition, Taste::Any);
    let shape = together(&[&condition.shape, &left.shape, &right.shape]);
    maker.node("Where", &[&condition.name, &left.name, &right.name], &[(kind, shape, Bound::Bits)], &[]);
}

pub(crate) fn clip(maker: &mut Maker<'_>) {
    let kind = maker.number_kind();
    let value = maker.some(kind, 4);
    let low = if maker.source.chance(70) { maker.fresh(kind, &[], Taste::Any).name } else { String::new() };
    let high = if maker.source.chance(70) { maker.fresh(kind, &[], Taste::Any).name } else { String::new() };
    maker.node("Clip", &[&value.name, &low, &high], &[(kind, value.shape, Bound::Bits)], &[]);
}

pub(crate) fn cast(maker: &mut Maker<'_>) {
    let from = maker.any_kind();
    let value = maker.some(from, 4);
    let to = maker.any_kind();
    maker.node("Cast", &[&value.name], &[(to, value.shape, Bound::Bits)], &[("to", Given::Int(number_of(to)))]);
}
