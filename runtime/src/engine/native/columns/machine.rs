//! Instructions over columns: each makes one column of all rows of a block. The same instruction is written once, and what
//! nobody asks for is not computed.

use std::collections::HashMap;

use crate::engine::native::operators::number::{Float, Number};
use crate::engine::native::registers::widest;
use crate::engine::native::scratch::{Scratch, Source};

/// Of two numbers; the same functions as in `operators`, so that every bit is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Max,
    Min,
}

impl Binary {
    #[inline(always)]
    fn of(self, left: f64, right: f64) -> f64 {
        match self {
            Self::Add => left + right,
            Self::Sub => left - right,
            Self::Mul => left * right,
            Self::Div => left / right,
            Self::Max => left.greater(right),
            Self::Min => left.lesser(right),
        }
    }
}

/// Of one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Unary {
    Abs,
    Neg,
    Sign,
    Sqrt,
    Reciprocal,
    Relu,
    Exp,
    Log,
    Tanh,
    Sigmoid,
    Floor,
    Ceil,
    Round,
}

impl Unary {
    #[inline(always)]
    fn of(self, value: f64) -> f64 {
        match self {
            Self::Abs => value.abs(),
            Self::Neg => -value,
            Self::Sign => Number::sign(value),
            Self::Sqrt => value.sqrt(),
            Self::Reciprocal => 1.0 / value,
            Self::Relu => {
                if value < 0.0 {
                    0.0
                } else {
                    value
                }
            }
            Self::Exp => Float::exp(value),
            Self::Log => Float::ln(value),
            Self::Tanh => Float::tanh(value),
            Self::Sigmoid => value.sigmoid(),
            Self::Floor => value.floor(),
            Self::Ceil => value.ceil(),
            Self::Round => Float::round(value),
        }
    }
}

/// A column: that of a register, or one number in all rows (its bits, so that it can be compared).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Term {
    Constant(u64),
    Register(u32),
}

/// What makes a register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Instruction {
    /// A column of an input.
    Load {
        input: u32,
        column: u32,
    },
    Fill(u64),
    Unary(Unary, u32),
    Binary(Binary, Term, Term),
}

/// All instructions so far.
#[derive(Debug, Default)]
pub(crate) struct Machine {
    instructions: Vec<Instruction>,
    known: HashMap<Instruction, u32>,
    inputs: Vec<(Source<f64>, usize)>,
}

impl Machine {
    /// The columns of an input of rows of `width` numbers.
    pub(crate) fn input(&mut self, source: Source<f64>, width: usize) -> Vec<Term> {
        let input = narrow(self.inputs.len());
        self.inputs.push((source, width));
        (0..width).map(|column| self.term(Instruction::Load { input, column: narrow(column) })).collect()
    }

    fn term(&mut self, instruction: Instruction) -> Term {
        Term::Register(*self.known.entry(instruction).or_insert_with(|| {
            self.instructions.push(instruction);
            narrow(self.instructions.len() - 1)
        }))
    }

    pub(crate) fn unary(&mut self, kind: Unary, value: Term) -> Term {
        match value {
            Term::Constant(bits) => Term::Constant(kind.of(f64::from_bits(bits)).to_bits()),
            Term::Register(register) => self.term(Instruction::Unary(kind, register)),
        }
    }

    pub(crate) fn binary(&mut self, kind: Binary, left: Term, right: Term) -> Term {
        match (left, right) {
            (Term::Constant(left), Term::Constant(right)) => {
                Term::Constant(kind.of(f64::from_bits(left), f64::from_bits(right)).to_bits())
            }
            _ => self.term(Instruction::Binary(kind, left, right)),
        }
    }

    /// Whether so many instructions are more than a plan should hold.
    pub(crate) fn is_long(&self) -> bool {
        self.instructions.len() > 1 << 16
    }

    /// The instructions that make these columns, in order, and where each column stands.
    pub(crate) fn compiled(&self, wanted: &[Term]) -> Compiled {
        let mut needed = vec![false; self.instructions.len()];
        let mark = |needed: &mut Vec<bool>, term: &Term| {
            if let Term::Register(register) = term {
                needed[*register as usize] = true;
            }
        };
        for term in wanted {
            mark(&mut needed, term);
        }
        for (number, instruction) in self.instructions.iter().enumerate().rev() {
            if needed[number] {
                match instruction {
                    Instruction::Load { .. } | Instruction::Fill(_) => {}
                    Instruction::Unary(_, register) => needed[*register as usize] = true,
                    Instruction::Binary(_, left, right) => {
                        mark(&mut needed, left);
                        mark(&mut needed, right);
                    }
                }
            }
        }
        let mut places = vec![0_u32; self.instructions.len()];
        let mut instructions = Vec::new();
        for (number, instruction) in self.instructions.iter().enumerate().filter(|(number, _)| needed[*number]) {
            let moved = |term: &Term| match term {
                Term::Register(register) => Term::Register(places[*register as usize]),
                constant @ Term::Constant(_) => *constant,
            };
            let instruction = match instruction {
                Instruction::Unary(kind, register) => Instruction::Unary(*kind, places[*register as usize]),
                Instruction::Binary(kind, left, right) => Instruction::Binary(*kind, moved(left), moved(right)),
                same => *same,
            };
            places[number] = narrow(instructions.len());
            instructions.push(instruction);
        }
        let mut found = Vec::with_capacity(wanted.len());
        for term in wanted {
            found.push(match term {
                Term::Register(register) => places[*register as usize],
                Term::Constant(bits) => {
                    instructions.push(Instruction::Fill(*bits));
                    narrow(instructions.len() - 1)
                }
            });
        }
        Compiled { instructions, inputs: self.inputs.clone(), places: found }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "no plan has so many columns")]
fn narrow(count: usize) -> u32 {
    count as u32
}

/// Instructions ready to run.
#[derive(Debug)]
pub(crate) struct Compiled {
    instructions: Vec<Instruction>,
    inputs: Vec<(Source<f64>, usize)>,
    /// The register of each column that was asked for.
    pub(crate) places: Vec<u32>,
}

impl Compiled {
    /// How many registers it writes.
    pub(crate) fn registers(&self) -> usize {
        self.instructions.len()
    }

    /// Writes all registers, each with so many rows.
    pub(crate) fn run(&self, rows: usize, registers: &mut [f64], scratch: &Scratch) {
        if rows == 1 {
            return self.run_one(registers, scratch);
        }
        for (number, instruction) in self.instructions.iter().enumerate() {
            let (done, rest) = registers.split_at_mut(number * rows);
            let out = &mut rest[..rows];
            let column = |register: u32| &done[register as usize * rows..(register as usize + 1) * rows];
            match *instruction {
                Instruction::Load { input, column } => {
                    let (source, width) = &self.inputs[input as usize];
                    let values = source.get(scratch).chunks_exact(*width);
                    out.iter_mut().zip(values).for_each(|(out, row)| *out = row[column as usize]);
                }
                Instruction::Fill(bits) => out.fill(f64::from_bits(bits)),
                Instruction::Unary(kind, value) => widest!(unary(kind, column(value), out)),
                Instruction::Binary(kind, left, right) => {
                    let both = [left, right].map(|term| match term {
                        Term::Register(register) => Ok(column(register)),
                        Term::Constant(bits) => Err(f64::from_bits(bits)),
                    });
                    widest!(binary(kind, both, out));
                }
            }
        }
    }

    fn run_one(&self, registers: &mut [f64], scratch: &Scratch) {
        for (number, instruction) in self.instructions.iter().enumerate() {
            let value = |term: Term| match term {
                Term::Register(register) => registers[register as usize],
                Term::Constant(bits) => f64::from_bits(bits),
            };
            registers[number] = match *instruction {
                Instruction::Load { input, column } => self.inputs[input as usize].0.get(scratch)[column as usize],
                Instruction::Fill(bits) => f64::from_bits(bits),
                Instruction::Unary(kind, register) => kind.of(registers[register as usize]),
                Instruction::Binary(kind, left, right) => kind.of(value(left), value(right)),
            };
        }
    }
}

/// A loop of its own for each kind, which the compiler can make wide.
#[inline(always)]
fn unary(kind: Unary, values: &[f64], out: &mut [f64]) {
    macro_rules! each {
        ($($kind:ident)*) => {
            match kind {
                $(Unary::$kind => {
                    for (out, value) in out.iter_mut().zip(values) {
                        *out = Unary::$kind.of(*value);
                    }
                })*
                Unary::Log => {
                    out.copy_from_slice(values);
                    f64::ln_all(out);
                }
            }
        };
    }
    each!(Abs Neg Sign Sqrt Reciprocal Relu Exp Tanh Sigmoid Floor Ceil Round);
}

#[inline(always)]
fn binary(kind: Binary, both: [Result<&[f64], f64>; 2], out: &mut [f64]) {
    macro_rules! each {
        ($($kind:ident)*) => {
            match kind {
                $(Binary::$kind => pairs(both, out, |left, right| Binary::$kind.of(left, right)),)*
            }
        };
    }
    each!(Add Sub Mul Div Max Min);
}

#[inline(always)]
fn pairs(both: [Result<&[f64], f64>; 2], out: &mut [f64], compute: impl Fn(f64, f64) -> f64) {
    match both {
        [Ok(left), Ok(right)] => {
            for (out, (left, right)) in out.iter_mut().zip(left.iter().zip(right)) {
                *out = compute(*left, *right);
            }
        }
        [Ok(left), Err(right)] => {
            for (out, left) in out.iter_mut().zip(left) {
                *out = compute(*left, right);
            }
        }
        [Err(left), Ok(right)] => {
            for (out, right) in out.iter_mut().zip(right) {
                *out = compute(left, *right);
            }
        }
        [Err(left), Err(right)] => out.fill(compute(left, right)),
    }
}
