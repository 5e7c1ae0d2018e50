//! Broadcasting: how the numbers of several inputs meet, as runs of one length.

/// The most runs that are written down; beyond, a plan would be larger than its memory.
const MOST_RUNS: usize = 1 << 22;

/// Where each run starts in each input, how long all of them are, and whether an input moves within a run (1) or not (0).
#[derive(Debug, Clone)]
pub(crate) struct Spread<const K: usize> {
    pub(crate) shape: Vec<usize>,
    pub(crate) starts: Vec<[u32; K]>,
    pub(crate) run: usize,
    pub(crate) strides: [usize; K],
}

impl<const K: usize> Spread<K> {
    /// An error where the shapes do not fit each other.
    pub(crate) fn of(shapes: [&[usize]; K]) -> Result<Self, String> {
        let shape = broadcast(&shapes)?;
        let strides = shapes.map(|from| strides_in(from, &shape));
        let (lengths, strides) = joined(&shape, &strides);
        let (run, inner) = match (lengths.last(), strides.last()) {
            (Some(run), Some(inner)) => (*run, *inner),
            _ => (1, [0; K]),
        };
        let outer = lengths.len().saturating_sub(1);
        let count: usize = lengths[..outer].iter().product();
        if count > MOST_RUNS {
            return Err("broadcasts in too many runs".to_owned());
        }
        let mut starts = vec![[0_u32; K]];
        for (length, stride) in lengths[..outer].iter().zip(&strides) {
            let mut next = Vec::with_capacity(starts.len() * length);
            for start in &starts {
                for index in 0..*length {
                    let mut moved = *start;
                    for (place, stride) in moved.iter_mut().zip(stride) {
                        *place += u32::try_from(index * stride).map_err(|_| "is too large")?;
                    }
                    next.push(moved);
                }
            }
            starts = next;
        }
        Ok(Self { shape, starts, run, strides: inner })
    }

    /// The part of an input that belongs to a run.
    #[inline(always)]
    pub(crate) fn part<'a, T>(&self, values: &'a [T], start: [u32; K], input: usize) -> &'a [T] {
        let start = start[input] as usize;
        let len = if self.strides[input] == 0 { 1 } else { self.run };
        &values[start..start + len]
    }
}

/// The shape that several shapes have together.
pub(crate) fn broadcast(shapes: &[&[usize]]) -> Result<Vec<usize>, String> {
    let rank = shapes.iter().map(|shape| shape.len()).max().unwrap_or(0);
    let mut whole = vec![1_usize; rank];
    for shape in shapes {
        for (place, &length) in whole[rank - shape.len()..].iter_mut().zip(*shape) {
            if *place == 1 {
                *place = length;
            } else if length != 1 && length != *place {
                return Err(format!("shapes {shapes:?} do not fit each other"));
            }
        }
    }
    Ok(whole)
}

/// How far one step along each axis of `whole` moves in an array of shape `from`.
pub(crate) fn strides_in(from: &[usize], whole: &[usize]) -> Vec<usize> {
    let mut strides = vec![0; whole.len()];
    let mut step = 1;
    for (place, &length) in strides.iter_mut().rev().zip(from.iter().rev()) {
        *place = if length == 1 { 0 } else { step };
        step *= length;
    }
    strides
}

/// Axes that can be walked as one, joined.
fn joined<const K: usize>(shape: &[usize], strides: &[Vec<usize>; K]) -> (Vec<usize>, Vec<[usize; K]>) {
    let mut lengths: Vec<usize> = Vec::new();
    let mut steps: Vec<[usize; K]> = Vec::new();
    for axis in (0..shape.len()).rev().filter(|&axis| shape[axis] != 1) {
        let step = std::array::from_fn(|input| strides[input][axis]);
        if let (Some(length), Some(inner)) = (lengths.last_mut(), steps.last())
            && (0..K).all(|input| inner[input] * *length == step[input])
        {
            *length *= shape[axis];
            continue;
        }
        lengths.push(shape[axis]);
        steps.push(step);
    }
    lengths.reverse();
    steps.reverse();
    (lengths, steps)
}
