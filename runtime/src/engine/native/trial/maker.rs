//! A random graph in the making: what it is given, what its nodes make, and how near two engines must come for each value.

use std::collections::HashSet;

use crate::engine::native::trial::onnx::{Bytes, Given, node, port, tensor};
use crate::engine::native::trial::source::Source;
use crate::engine::native::trial::values::{Taste, shape, values};
use crate::engine::native::value::{Data, Kind};

/// How near two engines must come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Bound {
    /// The same bits; any NaN is NaN.
    Bits,
    /// So many units in the last place, and so much besides.
    Near { ulps: f64, absolute: f64 },
    /// So much of the largest number of the answer, or of 1.
    Share(f64),
}

/// A value of the graph.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) shape: Vec<usize>,
    pub(crate) bound: Bound,
    /// The operator that makes it.
    pub(crate) by: &'static str,
}

/// An input with what is given for it.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) shape: Vec<usize>,
    pub(crate) data: Data,
}

/// A finished graph.
#[derive(Debug, Clone)]
pub(crate) struct Graph {
    pub(crate) bytes: Vec<u8>,
    pub(crate) operators: Vec<&'static str>,
    pub(crate) opset: [u32; 2],
    pub(crate) inputs: Vec<Input>,
    pub(crate) outputs: Vec<Made>,
}

pub(crate) struct Maker<'a> {
    pub(crate) source: Source<'a>,
    pub(crate) opset: [u32; 2],
    nodes: Vec<Vec<u8>>,
    operators: Vec<&'static str>,
    constants: Vec<Vec<u8>>,
    inputs: Vec<Input>,
    /// What later nodes may read.
    pub(crate) pool: Vec<Made>,
    /// The node that makes each of them.
    makers: Vec<usize>,
    read: HashSet<String>,
    names: usize,
    free: bool,
}

impl<'a> Maker<'a> {
    pub(crate) fn new(mut source: Source<'a>) -> Self {
        let opset = [source.pick(&[21, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 21]), source.pick(&[5, 5, 3, 4])];
        let (nodes, operators, constants, inputs, pool) = (vec![], vec![], vec![], vec![], vec![]);
        Self {
            source,
            opset,
            nodes,
            operators,
            constants,
            inputs,
            pool,
            makers: vec![],
            read: HashSet::new(),
            names: 0,
            free: false,
        }
    }

    /// Written for these operator sets.
    #[cfg_attr(fuzzing, expect(dead_code, reason = "of tests"))]
    pub(crate) fn of_opset(self, opset: [u32; 2]) -> Self {
        Self { opset, ..self }
    }

    /// All axes of inputs and outputs are free.
    #[cfg_attr(fuzzing, expect(dead_code, reason = "of tests"))]
    pub(crate) fn with_free_axes(self) -> Self {
        Self { free: true, ..self }
    }

    fn name(&mut self) -> String {
        self.names += 1;
        format!("v{}", self.names)
    }

    /// A constant.
    pub(crate) fn constant(&mut self, kind: Kind, shape: &[usize], data: &Data) -> Made {
        let (name, raw) = (self.name(), self.source.chance(50));
        self.constants.push(tensor(&name, kind, shape, data, raw));
        Made { name, kind, shape: shape.to_vec(), bound: Bound::Bits, by: "" }
    }

    pub(crate) fn ints(&mut self, numbers: &[i64]) -> Made {
        self.constant(Kind::Int64, &[numbers.len()], &Data::Int64(numbers.into()))
    }

    /// An input.
    pub(crate) fn input(&mut self, kind: Kind, shape: &[usize], data: Data) -> Made {
        let name = self.name();
        self.inputs.push(Input { name: name.clone(), kind, shape: shape.to_vec(), data });
        Made { name, kind, shape: shape.to_vec(), bound: Bound::Bits, by: "" }
    }

    /// A new input or, less often, a constant.
    pub(crate) fn fresh(&mut self, kind: Kind, shape: &[usize], taste: Taste) -> Made {
        let data = values(&mut self.source, kind, shape.iter().product(), taste);
        if self.source.chance(25) { self.constant(kind, shape, &data) } else { self.input(kind, shape, data) }
    }

    /// One that is there, of this type and exact, or a new one of any shape.
    pub(crate) fn some(&mut self, kind: Kind, most_axes: usize) -> Made {
        let fits = |made: &&Made| made.kind == kind && made.bound == Bound::Bits && made.shape.len() <= most_axes;
        let there: Vec<Made> = self.pool.iter().filter(fits).cloned().collect();
        if !there.is_empty() && self.source.chance(70) {
            return there[self.source.below(there.len())].clone();
        }
        let shape = shape(&mut self.source, most_axes);
        self.fresh(kind, &shape, Taste::Any)
    }

    /// One that is there, of whatever type and bound, or a new one: for operators that only move values.
    pub(crate) fn anything(&mut self, most_axes: usize) -> Made {
        let fits = |made: &&Made| made.shape.len() <= most_axes;
        let there: Vec<Made> = self.pool.iter().filter(fits).cloned().collect();
        if !there.is_empty() && self.source.chance(70) {
            return there[self.source.below(there.len())].clone();
        }
        let kind = self.any_kind();
        self.some(kind, most_axes)
    }

    pub(crate) fn any_kind(&mut self) -> Kind {
        self.source.pick(&[
            Kind::Float64,
            Kind::Float32,
            Kind::Float32,
            Kind::Float64,
            Kind::Int64,
            Kind::Int32,
            Kind::Bool,
            Kind::Text,
        ])
    }

    pub(crate) fn number_kind(&mut self) -> Kind {
        self.source.pick(&[Kind::Float64, Kind::Float32, Kind::Int64, Kind::Float64, Kind::Float32, Kind::Int32])
    }

    pub(crate) fn float_kind(&mut self) -> Kind {
        self.source.pick(&[Kind::Float64, Kind::Float32])
    }

    /// Adds a node that makes values of these types and shapes, to be read by others.
    pub(crate) fn node(
        &mut self,
        operator: &'static str,
        inputs: &[&str],
        outputs: &[(Kind, Vec<usize>, Bound)],
        attributes: &[(&str, Given)],
    ) {
        let names: Vec<String> = outputs.iter().map(|_| self.name()).collect();
        self.nodes.push(node(operator, inputs, &names, attributes));
        self.operators.push(operator);
        self.read.extend(inputs.iter().map(|name| (*name).to_owned()));
        for (name, (kind, shape, bound)) in names.into_iter().zip(outputs) {
            self.makers.push(self.nodes.len());
            self.pool.push(Made { name, kind: *kind, shape: shape.clone(), bound: *bound, by: operator });
        }
    }

    /// The file: all or some of what the nodes make is an output, the last always.
    pub(crate) fn finish(mut self) -> Graph {
        // Of what nobody reads one of each node is an output: onnxruntime runs every node.
        let mut outputs: Vec<Made> = Vec::new();
        for (node, made) in self.pool.clone().into_iter().enumerate().map(|(place, made)| (self.makers[place], made)) {
            let needed = (0..self.pool.len()).any(|other| {
                self.makers[other] == node
                    && (self.read.contains(&self.pool[other].name)
                        || outputs.iter().any(|o| o.name == self.pool[other].name))
            });
            if !needed || self.source.chance(60) {
                outputs.push(made);
            }
        }
        let mut graph = Bytes::default();
        for node in &self.nodes {
            graph.part(1, node);
        }
        graph.part(2, b"g");
        for constant in &self.constants {
            graph.part(5, constant);
        }
        for input in &self.inputs {
            let axes: Vec<_> =
                input.shape.iter().map(|&l| (!self.free && !self.source.chance(30)).then_some(l)).collect();
            graph.part(11, &port(&input.name, input.kind, &axes));
        }
        for made in &outputs {
            let axes: Vec<_> =
                made.shape.iter().map(|&l| (!self.free && self.source.chance(50)).then_some(l)).collect();
            graph.part(12, &port(&made.name, made.kind, &axes));
        }
        let mut model = Bytes::default();
        model.int(1, 10).part(7, &graph.0);
        for (domain, version) in ["", "ai.onnx.ml"].into_iter().zip(self.opset) {
            model.part(8, &Bytes::default().part(1, domain.as_bytes()).int(2, version.into()).0.clone());
        }
        Graph { bytes: model.0, operators: self.operators, opset: self.opset, inputs: self.inputs, outputs }
    }
}
