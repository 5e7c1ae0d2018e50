//! Random graphs, each from its seed.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::compare::difference;
use super::onnxruntime::{library, onnxruntime};
use crate::engine::library::Library;
use crate::engine::native::operators::KNOWN;
use crate::engine::native::trial::engines::native;
use crate::engine::native::trial::make::graph;
use crate::engine::native::trial::maker::Graph;
use crate::engine::native::trial::source::Source;

/// What came of one graph.
enum Outcome {
    Same(Vec<(&'static str, String)>),
    Refused(String),
    /// onnxruntime gives no answer where native does.
    Alone(String),
    Differs(String, String),
}

fn try_one(library: &Library, graph: &Graph) -> Outcome {
    let found = match catch_unwind(AssertUnwindSafe(|| native(graph))) {
        Ok(Ok(found)) => found,
        Ok(Err(reason)) => return Outcome::Refused(reason),
        Err(_) => return Outcome::Differs("a panic".to_owned(), format!("{:?}", graph.operators)),
    };
    let expected = match onnxruntime(library, graph) {
        Ok(expected) => expected,
        Err(reason) => return Outcome::Alone(reason),
    };
    for ((found, expected), made) in found.iter().zip(&expected).zip(&graph.outputs) {
        if let Some(reason) = difference(found, expected, made.bound) {
            let reason = format!("{:?} {} ({:?}): {reason}", graph.operators, made.name, made.bound);
            return Outcome::Differs(format!("{} {:?}", made.by, made.kind), reason);
        }
    }
    let types: BTreeSet<String> = graph.inputs.iter().map(|input| format!("{:?}", input.kind)).collect();
    let types = types.into_iter().collect::<Vec<_>>().join(" ");
    Outcome::Same(graph.operators.iter().map(|operator| (*operator, types.clone())).collect())
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[derive(Default)]
struct Tally {
    same: u64,
    operators: BTreeMap<&'static str, u64>,
    refused: BTreeMap<String, (u64, u64)>,
    alone: BTreeMap<String, (u64, u64)>,
    differs: BTreeMap<String, Vec<(u64, String)>>,
}

fn general(reason: &str) -> String {
    let text: String = reason.chars().filter(|c| !c.is_ascii_digit()).take(230).collect();
    text
}

impl Tally {
    fn take(&mut self, seed: u64, outcome: Outcome) {
        match outcome {
            Outcome::Same(operators) => {
                self.same += 1;
                operators.into_iter().for_each(|(name, _)| *self.operators.entry(name).or_default() += 1);
            }
            Outcome::Refused(reason) => self.refused.entry(general(&reason)).or_insert((0, seed)).0 += 1,
            Outcome::Alone(reason) => {
                self.alone.entry(general(&reason)).or_insert((0, seed)).0 += 1;
            }
            Outcome::Differs(operator, reason) => self.differs.entry(operator).or_default().push((seed, reason)),
        }
    }

    fn join(&mut self, other: Self) {
        self.same += other.same;
        other.operators.into_iter().for_each(|(name, count)| *self.operators.entry(name).or_default() += count);
        for (mine, others) in [(&mut self.refused, other.refused), (&mut self.alone, other.alone)] {
            for (reason, (count, seed)) in others {
                mine.entry(reason).or_insert((0, seed)).0 += count;
            }
        }
        other.differs.into_iter().for_each(|(name, more)| self.differs.entry(name).or_default().extend(more));
    }
}

/// `NATIVE_GRAPHS` graphs (default 4,000) from `NATIVE_SEED` on; with `NATIVE_REPORT` the counts are printed; of a single one
/// the graph is written to `NATIVE_FILE`.
#[test]
fn random_graphs_get_onnxruntime_s_answers_or_are_refused() {
    let (count, first) = (number("NATIVE_GRAPHS", 4000), number("NATIVE_SEED", 1));
    let library = library();
    let threads = 2;
    let mut tally = Tally::default();
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads)
            .map(|thread| {
                let library = &library;
                scope.spawn(move || {
                    let mut tally = Tally::default();
                    for seed in (first..first + count).skip(thread).step_by(threads) {
                        let graph = graph(Source::Seed(seed.wrapping_mul(0x2545_f491_4f6c_dd1d)));
                        if let (Some(file), 1) = (std::env::var_os("NATIVE_FILE"), count) {
                            std::fs::write(file, &graph.bytes).unwrap();
                            graph.inputs.iter().for_each(|input| println!("{input:?}"));
                        }
                        tally.take(seed, try_one(library, &graph));
                    }
                    tally
                })
            })
            .collect();
        handles.into_iter().for_each(|handle| tally.join(handle.join().unwrap()));
    });
    if std::env::var_os("NATIVE_REPORT").is_some() {
        println!("{count} graphs, {} same", tally.same);
        println!("operators: {:?}", tally.operators);
        tally.refused.iter().for_each(|(reason, (count, seed))| println!("refused {count} (seed {seed}): {reason}"));
        tally.alone.iter().for_each(|(reason, (count, seed))| println!("alone {count} (seed {seed}): {reason}"));
        for (operators, found) in &tally.differs {
            println!("differs {} {operators}: seed {} {}", found.len(), found[0].0, found[0].1);
        }
    }
    let shown: Vec<_> = tally.differs.iter().take(5).map(|(name, found)| (name, &found[0])).collect();
    assert!(shown.is_empty(), "differences: {shown:?}");
    let alone: Vec<_> = tally.alone.iter().take(5).collect();
    assert!(alone.is_empty(), "native answers what onnxruntime does not: {alone:?}");
    if count >= 4000 {
        let few: Vec<_> = KNOWN.iter().filter(|(name, _)| tally.operators.get(name).is_none_or(|&n| n < 5)).collect();
        assert!(few.is_empty(), "hardly tried: {:?}", few.iter().map(|(name, _)| name).collect::<Vec<_>>());
    }
}
