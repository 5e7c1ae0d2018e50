//! Which operators of rows of columns become instructions; all others are given their inputs as tensors.

use std::collections::BTreeMap;

use crate::engine::native::columns::machine::{Binary, Machine, Term, Unary};
use crate::engine::native::read::Attribute;
use crate::engine::native::value::{Data, Spot, Value};

/// What a node reads: columns, or a constant.
#[derive(Debug, Clone)]
pub(crate) enum Operand {
    Columns(Vec<Term>),
    Constant(Value),
}

impl Operand {
    /// Columns, or a constant that is the same in all rows: of shape [], [k] or [1, k].
    fn terms(&self) -> Option<Vec<Term>> {
        match self {
            Self::Columns(terms) => Some(terms.clone()),
            Self::Constant(value) => {
                let Spot::Constant(Data::Float64(numbers)) = &value.spot else { return None };
                let one = value.shape.len() < 2 || (value.shape.len() == 2 && value.shape[0] == 1);
                (one && !numbers.is_empty())
                    .then(|| numbers.iter().map(|number| Term::Constant(number.to_bits())).collect())
            }
        }
    }

    fn ints(&self) -> Option<&[i64]> {
        if let Self::Constant(value) = self { value.ints() } else { None }
    }

    fn columns(&self) -> Option<&[Term]> {
        if let Self::Columns(terms) = self { Some(terms) } else { None }
    }
}

fn int(attributes: &BTreeMap<String, Attribute>, name: &str, default: i64) -> Option<i64> {
    match attributes.get(name) {
        None => Some(default),
        Some(Attribute::Int(value)) => Some(*value),
        Some(_) => None,
    }
}

/// The columns that an operator gives; `None` where it must be given tensors.
pub(crate) fn lower(
    machine: &mut Machine,
    operator: &str,
    attributes: &BTreeMap<String, Attribute>,
    operands: &[Operand],
) -> Option<Vec<Term>> {
    if let Some(kind) = unary(operator) {
        let [value] = operands else { return None };
        return Some(value.columns()?.iter().map(|term| machine.unary(kind, *term)).collect());
    }
    if let Some(kind) = binary(operator) {
        let [left, right] = operands else { return None };
        let (left, right) = (left.terms()?, right.terms()?);
        let width = left.len().max(right.len());
        if [left.len(), right.len()].iter().any(|&found| found != width && found != 1) {
            return None;
        }
        let at = |terms: &[Term], column: usize| terms[if terms.len() == 1 { 0 } else { column }];
        return Some((0..width).map(|column| machine.binary(kind, at(&left, column), at(&right, column))).collect());
    }
    let [first, ..] = operands else { return None };
    let terms = first.columns()?;
    let width = i64::try_from(terms.len()).ok()?;
    match (operator, operands) {
        ("Identity", [_]) => Some(terms.to_vec()),
        ("Gather", [_, Operand::Constant(indices)]) if [1, -1].contains(&int(attributes, "axis", 0)?) => {
            if indices.shape.len() != 1 {
                return None;
            }
            let place = |index: &i64| usize::try_from(if *index < 0 { index + width } else { *index }).ok();
            indices.ints()?.iter().map(|index| place(index).and_then(|place| terms.get(place).copied())).collect()
        }
        ("Concat", _) if [1, -1].contains(&int(attributes, "axis", 0)?) => {
            let all = operands.iter().map(|operand| operand.columns().map(<[Term]>::to_vec));
            Some(all.collect::<Option<Vec<_>>>()?.concat())
        }
        ("CumSum", [_, axis]) if matches!(axis.ints(), Some([1 | -1])) => {
            if int(attributes, "exclusive", 0)? != 0 || int(attributes, "reverse", 0)? != 0 {
                return None;
            }
            let mut total: Option<Term> = None;
            let sums = terms.iter().map(|term| {
                let sum = total.map_or(*term, |total| machine.binary(Binary::Add, total, *term));
                total = Some(sum);
                sum
            });
            Some(sums.collect())
        }
        _ => None,
    }
}

fn unary(operator: &str) -> Option<Unary> {
    Some(match operator {
        "Abs" => Unary::Abs,
        "Neg" => Unary::Neg,
        "Sign" => Unary::Sign,
        "Sqrt" => Unary::Sqrt,
        "Reciprocal" => Unary::Reciprocal,
        "Relu" => Unary::Relu,
        "Exp" => Unary::Exp,
        "Log" => Unary::Log,
        "Tanh" => Unary::Tanh,
        "Sigmoid" => Unary::Sigmoid,
        "Floor" => Unary::Floor,
        "Ceil" => Unary::Ceil,
        "Round" => Unary::Round,
        _ => return None,
    })
}

fn binary(operator: &str) -> Option<Binary> {
    Some(match operator {
        "Add" => Binary::Add,
        "Sub" => Binary::Sub,
        "Mul" => Binary::Mul,
        "Div" => Binary::Div,
        "Max" => Binary::Max,
        "Min" => Binary::Min,
        _ => return None,
    })
}
