//! LSTM, GRU and RNN, in every direction, with activations, lengths and first states.

use crate::engine::native::trial::maker::{Bound, Maker};
use crate::engine::native::trial::onnx::Given;
use crate::engine::native::trial::values::Taste;
use crate::engine::native::value::{Data, Kind};

pub(crate) fn recurrent(maker: &mut Maker<'_>) {
    let operator = maker.source.pick(&["LSTM", "GRU", "RNN"]);
    let (gates, per_way) = match operator {
        "LSTM" => (4, 3),
        "GRU" => (3, 2),
        _ => (1, 1),
    };
    let kind = if maker.source.chance(92) { Kind::Float32 } else { Kind::Float64 };
    let mut length = |most: usize| 1 + maker.source.below(most);
    let (steps, batch, input, units) = (length(6), length(4), length(5), length(9));
    let direction = maker.source.pick(&["forward", "reverse", "bidirectional"]);
    let ways = if direction == "bidirectional" { 2 } else { 1 };
    let wide = gates * units;
    let first = maker.fresh(kind, &[steps, batch, input], Taste::Plain);
    // As large as those of trained networks; then what one engine rounds otherwise does not grow from step to step.
    let weight = |maker: &mut Maker<'_>, shape: &[usize]| {
        let numbers = (0..shape.iter().product()).map(|_| maker.source.share() - 0.5);
        let data = match kind {
            Kind::Float32 => Data::Float32(numbers.map(|number| number as f32).collect()),
            _ => Data::Float64(numbers.collect()),
        };
        maker.constant(kind, shape, &data).name
    };
    let mut names = vec![first.name, weight(maker, &[ways, wide, input]), weight(maker, &[ways, wide, units])];
    names.push(if maker.source.chance(70) { weight(maker, &[ways, 2 * wide]) } else { String::new() });
    names.push(if maker.source.chance(40) {
        let most = i64::try_from(steps).unwrap_or(1);
        // onnxruntime's GRU and RNN do not take a length of 0 everywhere: LSTM alone is given one.
        let least = i64::from(operator != "LSTM");
        let lengths = Data::Int64((0..batch).map(|_| maker.source.between(least, most)).collect());
        if maker.source.chance(50) {
            maker.constant(Kind::Int32, &[batch], &lengths).name
        } else {
            maker.input(Kind::Int32, &[batch], lengths).name
        }
    } else {
        String::new()
    });
    for _ in 0..if operator == "LSTM" { 2 } else { 1 } {
        names.push(if maker.source.chance(40) {
            maker.fresh(kind, &[ways, batch, units], Taste::Plain).name
        } else {
            String::new()
        });
    }
    let mut bound = Bound::Share(1e-6);
    let mut attributes = vec![
        ("hidden_size", Given::Int(i64::try_from(units).unwrap_or(0))),
        ("direction", Given::Text(direction.to_owned())),
    ];
    if maker.source.chance(40) {
        let names: Vec<String> = (0..per_way * ways)
            .map(|gate| {
                let bounded: &[&str] = &["Sigmoid", "Tanh", "Softsign", "HardSigmoid", "ScaledTanh"];
                let endless: &[&str] = &["Relu", "LeakyRelu", "Affine", "Tanh"];
                // What multiplies the state has ends: else numbers grow until engines overflow one step apart.
                maker.source.pick(if gate % per_way == 0 && per_way > 1 { bounded } else { endless }).to_owned()
            })
            .collect();
        // A gate without an upper end lets rounding grow from step to step, one that has none at all the more.
        let endless = names.iter().any(|name| matches!(name.as_str(), "Affine" | "LeakyRelu"));
        bound = Bound::Share(if endless { 1e-3 } else { 1e-5 });
        // Mostly all that they take, in their order; else too few, which is refused.
        let taken: [fn(&str) -> Option<f32>; 2] = [
            |name| match name {
                "Affine" | "ScaledTanh" => Some(1.0),
                "HardSigmoid" => Some(0.25),
                "LeakyRelu" => Some(0.2),
                _ => None,
            },
            |name| match name {
                "Affine" => Some(0.0),
                "ScaledTanh" => Some(1.0),
                "HardSigmoid" => Some(0.5),
                _ => None,
            },
        ];
        if maker.source.chance(80) {
            for (attribute, taken) in ["activation_alpha", "activation_beta"].into_iter().zip(taken) {
                let numbers: Vec<f32> = names.iter().filter_map(|name| taken(name)).collect();
                if !numbers.is_empty() {
                    attributes.push((attribute, Given::Floats(numbers)));
                }
            }
        }
        attributes.push(("activations", Given::Texts(names)));
    }
    if operator == "GRU" && maker.source.chance(60) {
        attributes.push(("linear_before_reset", Given::Int(maker.source.between(0, 1))));
    }
    let every = (kind, vec![steps, ways, batch, units], bound);
    let last = (kind, vec![ways, batch, units], bound);
    let outputs = if operator == "LSTM" { vec![every, last.clone(), last] } else { vec![every, last] };
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    maker.node(operator, &names, &outputs, &attributes);
}
