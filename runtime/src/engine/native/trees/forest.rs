//! Trees as an array of nodes: the two sides of a split stand next to each other, a leaf leads to itself.

use crate::engine::native::trees::splits::{Side, Split};

/// Sixteen bytes: what is compared, with which column, and where the left side stands; the right one stands behind it.
///
/// A leaf compares a column that is always minus infinity with its payload, and so leads to itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node {
    pub(crate) threshold: f64,
    pub(crate) left: u32,
    pub(crate) feature: u16,
    pub(crate) nan_left: bool,
}

/// Where a tree begins, and how many steps lead to each of its leaves at most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Root {
    pub(crate) node: u32,
    pub(crate) depth: u32,
}

/// All trees, in the order in which their leaves are summed.
#[derive(Debug)]
pub(crate) struct Forest {
    pub(crate) nodes: Vec<Node>,
    pub(crate) roots: Vec<Root>,
    /// Columns of a row; the next one is the leaves'.
    pub(crate) width: usize,
    /// Whether a split sends NaN to its left.
    pub(crate) asks_nan: bool,
}

impl Forest {
    /// Lays trees out. `payloads` stand in the leaves' thresholds.
    pub(crate) fn of(splits: &[Split], roots: &[Side], payloads: &[f64], width: usize) -> Result<Self, String> {
        let column = u16::try_from(width).map_err(|_| "has too many columns")?;
        if payloads.iter().any(|payload| payload.is_nan()) {
            return Err("a leaf is NaN".to_owned());
        }
        let mut forest = Self { nodes: Vec::new(), roots: Vec::new(), width, asks_nan: false };
        let mut seen = vec![false; splits.len()];
        for root in roots {
            forest.tree(splits, *root, payloads, column, &mut seen)?;
        }
        Ok(forest)
    }

    fn tree(
        &mut self,
        splits: &[Split],
        root: Side,
        payloads: &[f64],
        column: u16,
        seen: &mut [bool],
    ) -> Result<(), String> {
        let start = self.place()?;
        let mut depth = 0;
        // The sides of one level, in order, and where each stands: both sides of a split are placed together.
        let mut level = vec![(root, start)];
        self.nodes.push(Node { threshold: 0.0, left: 0, feature: column, nan_left: false });
        while !level.is_empty() {
            let mut below = Vec::with_capacity(level.len());
            for (side, place) in level {
                let node = match side {
                    Side::Leaf(leaf) => {
                        let threshold = *payloads.get(leaf).ok_or("a leaf is out of range")?;
                        Node { threshold, left: place, feature: column, nan_left: false }
                    }
                    Side::Split(number) => {
                        let split = splits.get(number).ok_or("a node is out of range")?;
                        if std::mem::replace(seen.get_mut(number).ok_or("a node is out of range")?, true) {
                            return Err("a node is reached twice".to_owned());
                        }
                        let feature = u16::try_from(split.feature).ok().filter(|&feature| feature < column);
                        let left = self.place()?;
                        self.nodes.extend([Node { threshold: 0.0, left: 0, feature: column, nan_left: false }; 2]);
                        below.extend([(split.left, left), (split.right, left + 1)]);
                        self.asks_nan |= split.nan_left;
                        Node {
                            threshold: split.threshold,
                            left,
                            feature: feature.ok_or("a column is out of range")?,
                            nan_left: split.nan_left,
                        }
                    }
                };
                self.nodes[place as usize] = node;
            }
            depth += u32::from(!below.is_empty());
            level = below;
        }
        self.roots.push(Root { node: start, depth });
        Ok(())
    }

    fn place(&self) -> Result<u32, String> {
        u32::try_from(self.nodes.len()).map_err(|_| "has too many nodes".to_owned())
    }
}
