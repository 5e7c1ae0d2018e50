//! Nodes that add up, and those that look along an axis.

use crate::engine::native::trial::maker::{Bound, Made, Maker};
use crate::engine::native::trial::onnx::Given;
use crate::engine::native::trial::values::{Taste, shape};
use crate::engine::native::value::Kind;

fn int(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(0)
}

/// Whole numbers, whose sums are exact, or any in a small range; with the bound of a sum of so many terms of such a size.
fn taste(maker: &mut Maker<'_>, kind: Kind) -> (Taste, f64) {
    if maker.source.chance(60) || !matches!(kind, Kind::Float32 | Kind::Float64) {
        return (Taste::Whole, 0.0);
    }
    (Taste::Plain, if kind == Kind::Float32 { 2.0_f64.powi(-23) } else { f64::EPSILON })
}

fn bound(epsilon: f64, terms: usize, size: f64) -> Bound {
    #[expect(clippy::cast_precision_loss, reason = "small")]
    let terms = terms.max(1) as f64;
    // Sums of exact numbers are the same in any order, but for which zero they are.
    if epsilon == 0.0 { ZEROS_ALIKE } else { Bound::Near { ulps: 2.0, absolute: epsilon * terms * size } }
}

const ZEROS_ALIKE: Bound = Bound::Near { ulps: 0.0, absolute: 0.0 };

fn numbers(maker: &mut Maker<'_>, kind: Kind, taste: Taste, most: usize) -> Made {
    let shape = shape(&mut maker.source, most);
    maker.fresh(kind, &shape, taste)
}

pub(crate) fn reduce(maker: &mut Maker<'_>) {
    let operator =
        maker.source.pick(&["ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceSumSquare"]);
    let kind = maker.number_kind();
    let extreme = matches!(operator, "ReduceMax" | "ReduceMin");
    let (taste, epsilon) = if extreme { (Taste::Any, 0.0) } else { taste(maker, kind) };
    let value = numbers(maker, kind, taste, 4);
    let rank = value.shape.len();
    let mut axes: Vec<usize> = (0..rank).filter(|_| maker.source.chance(50)).collect();
    if maker.source.chance(50) {
        axes.reverse();
    }
    let given: Vec<i64> =
        axes.iter().map(|&axis| if maker.source.chance(30) { int(axis) - int(rank) } else { int(axis) }).collect();
    let mut names = vec![value.name.clone()];
    let mut attributes = Vec::new();
    let since = if operator == "ReduceSum" { 13 } else { 18 };
    let mut idle = false;
    if maker.opset[0] >= since {
        if !axes.is_empty() || maker.source.chance(30) {
            names.push(maker.ints(&given).name);
        }
        if maker.source.chance(20) {
            idle = maker.source.chance(50);
            attributes.push(("noop_with_empty_axes", Given::Int(i64::from(idle))));
        }
    } else if !axes.is_empty() {
        attributes.push(("axes", Given::Ints(given)));
    }
    if axes.is_empty() && !idle {
        axes = (0..rank).collect();
    }
    let keep = maker.source.chance(50);
    if !keep || maker.source.chance(50) {
        attributes.push(("keepdims", Given::Int(i64::from(keep))));
    }
    let mut shape = value.shape.clone();
    for axis in (0..rank).rev().filter(|axis| axes.contains(axis)) {
        if keep {
            shape[axis] = 1
        } else {
            let _ = shape.remove(axis);
        }
    }
    let terms: usize = axes.iter().map(|&axis| value.shape[axis]).product();
    let bound = match operator {
        "ReduceProd" if epsilon > 0.0 => {
            Bound::Near { ulps: 2.0 * f64::from(u16::try_from(terms).unwrap_or(0)) + 2.0, absolute: 0.0 }
        }
        // Products of whole numbers outgrow what is exact.
        "ReduceProd" if kind == Kind::Float32 || kind == Kind::Float64 => {
            Bound::Near { ulps: 2.0 * f64::from(u16::try_from(terms).unwrap_or(0)), absolute: 0.0 }
        }
        "ReduceMax" | "ReduceMin" => ZEROS_ALIKE,
        _ => bound(epsilon, terms, 9.0),
    };
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    maker.node(operator, &names, &[(kind, shape, bound)], &attributes);
}

pub(crate) fn cumsum(maker: &mut Maker<'_>) {
    let kind = maker.number_kind();
    let mut value = numbers(maker, kind, Taste::Any, 3);
    if value.shape.is_empty() {
        value = maker.fresh(kind, &[4], Taste::Any);
    }
    let axis = maker.source.below(value.shape.len());
    let given = maker.source.pick(&[int(axis), int(axis) - int(value.shape.len())]);
    let data = crate::engine::native::value::Data::Int64([given].into());
    let axis_shape: &[usize] = if maker.source.chance(50) { &[] } else { &[1] };
    let axis = maker.constant(maker_axis_kind(given), axis_shape, &data);
    let mut attributes = Vec::new();
    for name in ["exclusive", "reverse"] {
        if maker.source.chance(40) {
            attributes.push((name, Given::Int(maker.source.between(0, 1))));
        }
    }
    maker.node("CumSum", &[&value.name, &axis.name], &[(kind, value.shape, Bound::Bits)], &attributes);
}

fn maker_axis_kind(given: i64) -> Kind {
    if given == 2 { Kind::Int32 } else { Kind::Int64 }
}

pub(crate) fn matmul(maker: &mut Maker<'_>) {
    let kind = maker.float_kind();
    let (taste, epsilon) = taste(maker, kind);
    let mut length = || maker.source.pick(&[1, 2, 3, 4, 5, 8, 9, 17, 0]);
    let (height, depth, width) = (length(), length(), length());
    let front: Vec<usize> = (0..maker.source.below(3)).map(|_| 1 + maker.source.below(3)).collect();
    let mut side = |last: [usize; 2], vector: usize| {
        if maker.source.chance(15) {
            return (vec![vector], Vec::new());
        }
        let skip = maker.source.below(front.len() + 1);
        let own: Vec<usize> = front[skip..].iter().map(|&l| if maker.source.chance(30) { 1 } else { l }).collect();
        ([own.as_slice(), &last].concat(), own)
    };
    let ((left, left_front), (right, right_front)) = (side([height, depth], depth), side([depth, width], depth));
    let rank = left_front.len().max(right_front.len());
    let at = |own: &[usize], axis: usize| (axis + own.len()).checked_sub(rank).map_or(1, |place| own[place]);
    let mut shape: Vec<usize> = (0..rank).map(|axis| at(&left_front, axis).max(at(&right_front, axis))).collect();
    shape.extend((left.len() > 1).then_some(height));
    shape.extend((right.len() > 1).then_some(width));
    let (left, right) = (maker.fresh(kind, &left, taste), maker.fresh(kind, &right, taste));
    maker.node("MatMul", &[&left.name, &right.name], &[(kind, shape, bound(epsilon, depth, 9.0))], &[]);
}

pub(crate) fn gemm(maker: &mut Maker<'_>) {
    let kind = maker.float_kind();
    let (taste, epsilon) = taste(maker, kind);
    let mut length = || maker.source.pick(&[1, 2, 3, 4, 5, 8, 9, 17]);
    let (height, depth, width) = (length(), length(), length());
    let [turn_left, turn_right] = [maker.source.chance(40), maker.source.chance(40)];
    let left = maker.fresh(kind, &if turn_left { [depth, height] } else { [height, depth] }, taste);
    let right = maker.fresh(kind, &if turn_right { [width, depth] } else { [depth, width] }, taste);
    let mut names = vec![left.name, right.name];
    if maker.source.chance(60) {
        let shape: Vec<usize> = match maker.source.below(5) {
            0 => vec![],
            1 => vec![width],
            2 => vec![1, width],
            3 => vec![height, 1],
            _ => vec![height, width],
        };
        names.push(maker.fresh(kind, &shape, taste).name);
    }
    let mut attributes = Vec::new();
    for (name, turned) in [("transA", turn_left), ("transB", turn_right)] {
        if turned {
            attributes.push((name, Given::Int(1)));
        }
    }
    for name in ["alpha", "beta"] {
        if maker.source.chance(30) {
            attributes.push((name, Given::Float(maker.source.pick(&[1.0, 0.5, 2.0, 0.0, -1.0]))));
        }
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    maker.node("Gemm", &names, &[(kind, vec![height, width], bound(epsilon, depth + 1, 18.0))], &attributes);
}

pub(crate) fn softmax(maker: &mut Maker<'_>) {
    let kind = maker.float_kind();
    let taste = if maker.source.chance(70) { Taste::Plain } else { Taste::Any };
    let mut value = numbers(maker, kind, taste, 3);
    if value.shape.is_empty() {
        value = maker.fresh(kind, &[5], Taste::Plain);
    }
    let axis = maker.source.between(-int(value.shape.len()), int(value.shape.len()) - 1);
    let attributes = if maker.source.chance(60) { vec![("axis", Given::Int(axis))] } else { Vec::new() };
    let bound = Bound::Near { ulps: 8.0, absolute: 1e-30 };
    maker.node("Softmax", &[&value.name], &[(kind, value.shape, bound)], &attributes);
}

/// ArgMax, ArgMin.
pub(crate) fn extreme(maker: &mut Maker<'_>) {
    let kind = maker.number_kind();
    let taste = maker.source.pick(&[Taste::Any, Taste::Whole]);
    let mut value = numbers(maker, kind, taste, 4);
    if value.shape.is_empty() {
        value = maker.fresh(kind, &[5], taste);
    }
    let rank = value.shape.len();
    let axis = maker.source.below(rank);
    let given = maker.source.pick(&[int(axis), int(axis) - int(rank)]);
    let mut attributes = vec![("axis", Given::Int(given))];
    let keep = maker.source.chance(50);
    attributes.push(("keepdims", Given::Int(i64::from(keep))));
    if maker.source.chance(40) {
        attributes.push(("select_last_index", Given::Int(maker.source.between(0, 1))));
    }
    let mut shape = value.shape.clone();
    if keep {
        shape[axis] = 1
    } else {
        let _ = shape.remove(axis);
    }
    let operator = maker.source.pick(&["ArgMax", "ArgMin"]);
    maker.node(operator, &[&value.name], &[(Kind::Int64, shape, Bound::Bits)], &attributes);
}

pub(crate) fn top_k(maker: &mut Maker<'_>) {
    let kind = maker.number_kind();
    let taste = maker.source.pick(&[Taste::Any, Taste::Whole]);
    let mut value = numbers(maker, kind, taste, 3);
    if value.shape.is_empty() {
        value = maker.fresh(kind, &[6], taste);
    }
    let rank = value.shape.len();
    let axis = maker.source.below(rank);
    let count = maker.source.below(value.shape[axis] + 1);
    let mut attributes = vec![("axis", Given::Int(maker.source.pick(&[int(axis), int(axis) - int(rank)])))];
    if maker.source.chance(50) {
        attributes.push(("largest", Given::Int(maker.source.between(0, 1))));
    }
    let mut shape = value.shape.clone();
    shape[axis] = count;
    let count = maker.ints(&[int(count)]);
    let outputs = [(kind, shape.clone(), Bound::Bits), (Kind::Int64, shape, Bound::Bits)];
    maker.node("TopK", &[&value.name, &count.name], &outputs, &attributes);
}
