//! Trees that part the rows in the same way, each for targets of its own: one walk finds the leaves of all.
//!
//! A leaf of `TreeEnsemble` adds to one target, so the trees of a classifier stand in the file once for each class.

use std::collections::HashMap;

use crate::engine::native::trees::ensemble::Ensemble;
use crate::engine::native::trees::splits::{Side, Split};

/// What tells two trees apart, from the root, left before right; and their leaves in that order.
struct Shape {
    key: Vec<u64>,
    leaves: Vec<usize>,
}

impl Shape {
    /// `None` for a tree that is not sound.
    fn of(splits: &[Split], root: Side, seen: &mut [bool]) -> Option<Self> {
        const LEAF: u64 = 1;
        let (mut key, mut leaves, mut rest) = (Vec::new(), Vec::new(), vec![root]);
        while let Some(side) = rest.pop() {
            match side {
                Side::Leaf(leaf) => {
                    key.push(LEAF);
                    leaves.push(leaf);
                }
                Side::Split(number) => {
                    let split = splits.get(number)?;
                    if std::mem::replace(seen.get_mut(number)?, true) {
                        return None;
                    }
                    key.push(u64::try_from(split.feature).ok()? << 2 | u64::from(split.nan_left) << 1);
                    key.push(split.threshold.to_bits());
                    rest.extend([split.right, split.left]);
                }
            }
        }
        Some(Self { key, leaves })
    }
}

/// Trees that are walked as one: where the first begins, and the leaves of each.
struct Group {
    root: Side,
    leaves: Vec<Vec<usize>>,
}

/// Brings twins together. Each target is added up from the same trees in the same order as before.
pub(crate) fn merge(ensemble: &mut Ensemble) {
    if let Some((splits, roots, leaves)) = merged(ensemble) {
        (ensemble.splits, ensemble.roots, ensemble.leaves) = (splits, roots, leaves);
    }
}

type Parts = (Vec<Split>, Vec<Side>, Vec<Vec<(usize, f64)>>);

/// `None` where there are no twins, or something is not sound: that is said where trees are laid out.
fn merged(ensemble: &Ensemble) -> Option<Parts> {
    let mut groups: Vec<Group> = Vec::new();
    let mut known: HashMap<Vec<u64>, Vec<usize>> = HashMap::new();
    // The last group that adds to a target: the next tree with it must come later.
    let mut last: Vec<Option<usize>> = vec![None; ensemble.targets];
    let mut seen = vec![false; ensemble.splits.len()];
    for root in &ensemble.roots {
        let Shape { key, leaves } = Shape::of(&ensemble.splits, *root, &mut seen)?;
        let mut latest = None;
        let mut own = vec![false; ensemble.targets];
        for &leaf in &leaves {
            for &(target, _) in ensemble.leaves.get(leaf)? {
                latest = latest.max(*last.get(target)?);
                own[target] = true;
            }
        }
        let same = known.entry(key).or_default();
        let place = same.iter().copied().find(|&place| Some(place) > latest);
        let place = place.unwrap_or_else(|| {
            groups.push(Group { root: *root, leaves: Vec::new() });
            same.push(groups.len() - 1);
            groups.len() - 1
        });
        groups[place].leaves.push(leaves);
        last.iter_mut().zip(own).filter(|(_, own)| *own).for_each(|(last, _)| *last = Some(place));
    }
    if groups.len() == ensemble.roots.len() {
        return None;
    }
    let mut parts = (Vec::new(), Vec::with_capacity(groups.len()), Vec::new());
    let mut numbers = HashMap::new();
    for group in &groups {
        let mut place = 0;
        let mut leaf = || {
            let own: Vec<usize> = group.leaves.iter().map(|leaves| leaves[place]).collect();
            place += 1;
            *numbers.entry(own).or_insert_with_key(|own| {
                parts.2.push(own.iter().flat_map(|&leaf| ensemble.leaves[leaf].iter().copied()).collect());
                parts.2.len() - 1
            })
        };
        let root = copied(&ensemble.splits, group.root, &mut parts.0, &mut leaf);
        parts.1.push(root);
    }
    Some(parts)
}

/// The splits of a sound tree, in the order of [`Shape`], with other leaves.
fn copied(splits: &[Split], root: Side, into: &mut Vec<Split>, leaf: &mut impl FnMut() -> usize) -> Side {
    // What is copied, and the split and the side that lead to it.
    let mut rest: Vec<(Side, Option<(usize, bool)>)> = vec![(root, None)];
    let mut start = Side::Leaf(0);
    while let Some((side, from)) = rest.pop() {
        let here = match side {
            Side::Leaf(_) => Side::Leaf(leaf()),
            Side::Split(number) => {
                let place = into.len();
                into.push(splits[number]);
                rest.extend([(splits[number].right, Some((place, false))), (splits[number].left, Some((place, true)))]);
                Side::Split(place)
            }
        };
        match from {
            None => start = here,
            Some((split, true)) => into[split].left = here,
            Some((split, false)) => into[split].right = here,
        }
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::native::trees::ensemble::Aggregate;

    fn split(feature: usize, threshold: f64, left: Side, right: Side) -> Split {
        Split { feature, threshold, left, right, nan_left: false }
    }

    fn ensemble(thresholds: &[f64], targets: &[usize]) -> Ensemble {
        let count = thresholds.len();
        Ensemble {
            splits: (0..count).map(|i| split(0, thresholds[i], Side::Leaf(2 * i), Side::Leaf(2 * i + 1))).collect(),
            roots: (0..count).map(Side::Split).collect(),
            leaves: (0..2 * count)
                .map(|leaf| vec![(targets[leaf / 2], f64::from(u32::try_from(leaf).unwrap()))])
                .collect(),
            targets: 3,
            base: Vec::new(),
            aggregate: Aggregate::Sum,
        }
    }

    /// What each tree adds to each target at a number, in order.
    fn added(ensemble: &Ensemble, number: f64) -> Vec<Vec<f64>> {
        let mut sums = vec![Vec::new(); ensemble.targets];
        for root in &ensemble.roots {
            let mut side = *root;
            while let Side::Split(place) = side {
                let split = &ensemble.splits[place];
                side = if number <= split.threshold { split.left } else { split.right };
            }
            let Side::Leaf(leaf) = side else { unreachable!() };
            ensemble.leaves[leaf].iter().for_each(|(target, weight)| sums[*target].push(*weight));
        }
        sums
    }

    #[test]
    fn twins_are_one_tree_and_each_target_is_added_up_as_before() {
        for (thresholds, targets, trees) in [
            (vec![1.0, 1.0, 2.0, 2.0], vec![0, 1, 0, 1], 2),
            (vec![1.0, 2.0, 1.0, 2.0], vec![0, 0, 1, 1], 2),
            // The twin of the first would come before what stands between.
            (vec![1.0, 2.0, 1.0], vec![0, 1, 1], 3),
            (vec![1.0, 1.0, 1.0, 1.0], vec![0, 0, 1, 1], 2),
            (vec![1.0, 1.0, 1.0], vec![0, 1, 2], 1),
            (vec![1.0, -1.0, 0.0, -0.0], vec![0, 1, 2, 1], 4),
        ] {
            let before = ensemble(&thresholds, &targets);
            let mut after = ensemble(&thresholds, &targets);
            merge(&mut after);
            assert_eq!(after.roots.len(), trees, "{thresholds:?} {targets:?}");
            for number in [-2.0, -0.5, 0.5, 1.5, 3.0] {
                assert_eq!(added(&before, number), added(&after, number), "{thresholds:?} {targets:?} {number}");
            }
        }
    }

    #[test]
    fn a_tree_that_bites_its_tail_is_left_to_be_refused() {
        let mut tail = ensemble(&[1.0, 1.0], &[0, 1]);
        tail.splits[1].left = Side::Split(1);
        merge(&mut tail);
        assert_eq!(tail.roots.len(), 2);
        tail.splits[1].left = Side::Leaf(99);
        merge(&mut tail);
        assert_eq!(tail.roots.len(), 2);
    }
}
