//! Where the nodes of trees that are walked over ranks stand.
//!
//! The two sides of a split stand next to each other, and with those of its sides in one line of the cache, as far as it
//! goes: a walk waits for memory half as often as it goes down.

use std::collections::{HashMap, VecDeque};

use crate::engine::native::trees::splits::{Side, Split};

/// Nodes of a line of the cache.
const LINE: usize = 8;
/// Sides of splits of such a line, two by two.
const PAIRS: usize = LINE / 2;

/// `rank <= its own` goes left, else one further. A leaf compares 0 and leads to itself: its rank may be any.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node {
    pub(crate) rank: u16,
    pub(crate) word: u16,
    pub(crate) left: u32,
}

const EMPTY: Node = Node { rank: 0, word: 0, left: 0 };

#[derive(Debug, Clone, Copy)]
pub(crate) struct Root {
    pub(crate) node: u32,
    pub(crate) depth: u32,
}

/// What leaves hold.
#[derive(Debug)]
pub(crate) enum Payloads {
    /// Few different numbers: the rank of a leaf says which.
    Few(Vec<f64>),
    /// One for each node.
    Many(Vec<f64>),
}

impl Payloads {
    #[inline]
    pub(crate) fn of(&self, nodes: &[Node], leaf: u32) -> f64 {
        match self {
            Self::Few(numbers) => numbers[usize::from(nodes[leaf as usize].rank)],
            Self::Many(numbers) => numbers[leaf as usize],
        }
    }
}

/// Trees laid out.
#[derive(Debug)]
pub(crate) struct Planted {
    pub(crate) nodes: Vec<Node>,
    pub(crate) payloads: Payloads,
    pub(crate) roots: Vec<Root>,
}

struct Planting<'a> {
    splits: &'a [Split],
    /// Of each leaf.
    payloads: &'a [f64],
    /// Which of the few different payloads a leaf has.
    few: Option<Vec<u16>>,
    seen: Vec<bool>,
    nodes: Vec<Node>,
    /// Of each node, where there are many.
    values: Vec<f64>,
    roots: Vec<Root>,
}

/// Lays trees out; `None` where they are not sound or too many. `compared` says which rank and word a split compares,
/// `leaf_word` which word is always 0.
pub(crate) fn plant(
    splits: &[Split],
    roots: &[Side],
    payloads: &[f64],
    leaf_word: u16,
    compared: impl Fn(&Split) -> Option<(u16, u16)>,
) -> Option<Planted> {
    let (few, different) = few_payloads(payloads).map_or((None, Vec::new()), |(few, different)| (Some(few), different));
    let mut planting = Planting {
        splits,
        payloads,
        few,
        seen: vec![false; splits.len()],
        nodes: Vec::new(),
        values: Vec::new(),
        roots: Vec::with_capacity(roots.len()),
    };
    for root in roots {
        planting.tree(*root, leaf_word, &compared)?;
    }
    let Planting { few, nodes, values, mut roots, .. } = planting;
    let payloads = |before: usize| match few {
        Some(_) => Payloads::Few(different),
        None => Payloads::Many([vec![0.0; before], values].concat()),
    };
    let (nodes, before) = on_a_line(&nodes)?;
    let further = u32::try_from(before).ok()?;
    for root in &mut roots {
        root.node += further;
    }
    Some(Planted { nodes, payloads: payloads(before), roots })
}

/// Of each leaf which of the different payloads it has, and those; `None` where they are more than a rank can say.
fn few_payloads(payloads: &[f64]) -> Option<(Vec<u16>, Vec<f64>)> {
    let (mut known, mut different) = (HashMap::new(), Vec::new());
    let mut few = Vec::with_capacity(payloads.len());
    for payload in payloads {
        let next = u16::try_from(different.len());
        let number = if let Some(number) = known.get(&payload.to_bits()) {
            *number
        } else {
            let number = next.ok()?;
            known.insert(payload.to_bits(), number);
            different.push(*payload);
            number
        };
        few.push(number);
    }
    Some((few, different))
}

/// The nodes where the first begins a line, and how many stand before it.
fn on_a_line(nodes: &[Node]) -> Option<(Vec<Node>, usize)> {
    let mut placed: Vec<Node> = Vec::with_capacity(nodes.len() + LINE);
    let bytes = LINE * size_of::<Node>();
    let before = (bytes - placed.as_ptr() as usize % bytes) % bytes / size_of::<Node>();
    let further = u32::try_from(before).ok()?;
    u32::try_from(nodes.len() + LINE).ok()?;
    placed.resize(before, EMPTY);
    placed.extend(nodes.iter().map(|node| Node { left: node.left + further, ..*node }));
    Some((placed, before))
}

impl Planting<'_> {
    fn tree(&mut self, root: Side, leaf_word: u16, compared: &impl Fn(&Split) -> Option<(u16, u16)>) -> Option<()> {
        let start = self.room(2)?;
        let mut deepest = 0;
        // Nodes that have a place, and whose sides have none yet: each begins a line.
        let mut heads = vec![(root, start, 0)];
        let mut free = PAIRS - 1;
        while let Some(head) = heads.pop() {
            let wanted = self.pairs_below(head.0)?;
            if wanted > free {
                self.room(2 * free)?;
                free = PAIRS;
            }
            let mut room = wanted;
            let mut near = VecDeque::from([head]);
            while let Some((side, place, depth)) = near.pop_front() {
                deepest = deepest.max(depth);
                let node = match side {
                    Side::Leaf(leaf) => {
                        let payload = *self.payloads.get(leaf)?;
                        let rank = if let Some(few) = &self.few {
                            *few.get(leaf)?
                        } else {
                            self.values[place as usize] = payload;
                            0
                        };
                        Node { rank, word: leaf_word, left: place }
                    }
                    Side::Split(_) if room == 0 => {
                        heads.push((side, place, depth));
                        continue;
                    }
                    Side::Split(number) => {
                        let split = self.splits.get(number)?;
                        if std::mem::replace(self.seen.get_mut(number)?, true) {
                            return None;
                        }
                        (room, free) = (room - 1, free - 1);
                        let left = self.room(2)?;
                        near.extend([(split.left, left, depth + 1), (split.right, left + 1, depth + 1)]);
                        let (rank, word) = compared(split)?;
                        Node { rank, word, left }
                    }
                };
                self.nodes[place as usize] = node;
            }
        }
        // The next tree begins a line.
        self.room(2 * free)?;
        self.roots.push(Root { node: start, depth: deepest });
        Some(())
    }

    /// How many pairs of sides, of a line at most, stand below a side.
    fn pairs_below(&self, side: Side) -> Option<usize> {
        let (mut pairs, mut near) = (0, VecDeque::from([side]));
        while let (Some(side), true) = (near.pop_front(), pairs < PAIRS) {
            if let Side::Split(number) = side {
                let split = self.splits.get(number)?;
                near.extend([split.left, split.right]);
                pairs += 1;
            }
        }
        Some(pairs)
    }

    fn room(&mut self, count: usize) -> Option<u32> {
        let start = u32::try_from(self.nodes.len()).ok()?;
        u32::try_from(self.nodes.len() + count).ok()?;
        self.nodes.extend(std::iter::repeat_n(EMPTY, count));
        if self.few.is_none() {
            self.values.extend(std::iter::repeat_n(0.0, count));
        }
        Some(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree of so many leaves that splits column 0 at 0, 1, 2, ..., in the middle or, askew, at the end.
    fn tree(splits: &mut Vec<Split>, leaves: std::ops::Range<usize>, askew: bool) -> Side {
        if leaves.len() == 1 {
            return Side::Leaf(leaves.start);
        }
        let middle =
            if askew && leaves.len() < 40 { leaves.end - 1 } else { usize::midpoint(leaves.start, leaves.end) };
        let threshold = f64::from(u32::try_from(middle).unwrap()) - 0.5;
        let number = splits.len();
        let (start, end) = (Side::Leaf(0), Side::Leaf(0));
        splits.push(Split { feature: 0, threshold, left: start, right: end, nan_left: false });
        splits[number].left = tree(splits, leaves.start..middle, askew);
        splits[number].right = tree(splits, middle..leaves.end, askew);
        Side::Split(number)
    }

    fn found(planted: &Planted, root: usize, rank: u16) -> f64 {
        let mut at = planted.roots[root].node;
        for _ in 0..planted.roots[root].depth {
            let node = planted.nodes[at as usize];
            at = node.left + u32::from([rank, 0][usize::from(node.word)] > node.rank);
        }
        payload_of_a_leaf(planted, at)
    }

    fn payload_of_a_leaf(planted: &Planted, at: u32) -> f64 {
        assert_eq!(planted.nodes[at as usize].left, at);
        planted.payloads.of(&planted.nodes, at)
    }

    #[test]
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "numbers of leaves"
    )]
    fn every_leaf_is_found_with_few_payloads_and_with_many() {
        for (leaves, different) in [(1, 1), (2, 2), (9, 3), (300, 300), (40_000, 65_536), (60_000, 70_000)] {
            let mut splits = Vec::new();
            let roots = [false, true].map(|askew| tree(&mut splits, 0..leaves, askew));
            let payloads: Vec<f64> = (0..different.max(leaves)).map(|leaf| (leaf % different) as f64).collect();
            let rank = |split: &Split| Some(((split.threshold - 0.5) as u16, 0));
            let planted = plant(&splits, &roots, &payloads, 1, rank).unwrap();
            assert_eq!(matches!(planted.payloads, Payloads::Many(_)), different > 65_536);
            for root in [0, 1] {
                let start = &raw const planted.nodes[planted.roots[root].node as usize];
                assert_eq!(start as usize % 64, 0);
                for leaf in (0..leaves).step_by(1 + leaves / 500) {
                    assert_eq!(
                        found(&planted, root, u16::try_from(leaf).unwrap()),
                        payloads[leaf],
                        "{leaf} of {leaves}"
                    );
                }
            }
        }
    }
}
