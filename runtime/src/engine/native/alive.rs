//! Which nodes are needed: what nobody reads is left out.

use std::collections::{HashMap, HashSet};

use crate::engine::native::read::Graph;

/// Which outputs of which nodes are read, and how often each name is.
pub(crate) struct Alive<'a> {
    pub(crate) wanted: Vec<Vec<bool>>,
    pub(crate) reads: HashMap<&'a str, usize>,
}

/// Looks through the nodes from the back; an error where they are in no order, or a name is made twice.
pub(crate) fn alive(graph: &Graph) -> Result<Alive<'_>, String> {
    let mut known: HashSet<&str> = graph.constants.keys().map(String::as_str).collect();
    known.extend(graph.inputs.iter().map(|port| port.name.as_str()));
    for node in &graph.nodes {
        if let Some(name) = node.inputs.iter().find(|name| !name.is_empty() && !known.contains(name.as_str())) {
            return Err(format!("{}: input '{name}' is made by no node before it", node.operator));
        }
        for name in node.outputs.iter().filter(|name| !name.is_empty()) {
            if !known.insert(name) {
                return Err(format!("{}: output '{name}' stands twice", node.operator));
            }
        }
    }
    let mut reads: HashMap<&str, usize> = HashMap::new();
    for port in &graph.outputs {
        // An output is never given back.
        reads.insert(&port.name, usize::MAX / 2);
    }
    let mut all_wanted = Vec::with_capacity(graph.nodes.len());
    for node in graph.nodes.iter().rev() {
        let wanted: Vec<bool> =
            node.outputs.iter().map(|name| !name.is_empty() && reads.contains_key(name.as_str())).collect();
        if wanted.contains(&true) {
            for name in node.inputs.iter().filter(|name| !name.is_empty()) {
                *reads.entry(name).or_default() += 1;
            }
        }
        all_wanted.push(wanted);
    }
    all_wanted.reverse();
    Ok(Alive { wanted: all_wanted, reads })
}
