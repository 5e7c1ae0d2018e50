//! The operators of ai.onnx.ml that hold trees: TreeEnsemble (5) and TreeEnsembleRegressor (3).

use std::sync::Arc;

use crate::engine::native::build::{Call, Lowered, one};
use crate::engine::native::columns::machine::Term;
use crate::engine::native::operators::each_float;
use crate::engine::native::operators::number::{Float, Number};
use crate::engine::native::scratch::{Element, Scratch, Source};
use crate::engine::native::trees::ensemble::{Aggregate, Ensemble, new_ensemble, old_ensemble};
use crate::engine::native::trees::layout::Trees;
use crate::engine::native::trees::ranks::Rows;
use crate::engine::native::trees::twins;
use crate::engine::native::value::{Kind, Value};

/// TreeEnsemble of ai.onnx.ml 5.
pub(crate) fn tree_ensemble(call: &mut Call<'_>) -> Lowered {
    let planted = Planted::kept(call, new_ensemble)?;
    let kind = call.input(0)?.kind;
    each_float!(call, kind, T => grown::<T, T>(call, planted, |value| value))
}

/// TreeEnsembleRegressor of ai.onnx.ml 3: float32 out, whatever comes in.
#[expect(clippy::cast_possible_truncation, reason = "what the operator does")]
pub(crate) fn tree_ensemble_regressor(call: &mut Call<'_>) -> Lowered {
    if call.text("post_transform", "NONE")? != "NONE" {
        return Err("with a post_transform is not known".to_owned());
    }
    let planted = Planted::kept(call, old_ensemble)?;
    match call.input(0)?.kind {
        Kind::Float64 => grown::<f64, f32>(call, planted, |value| value as f32),
        Kind::Float32 => grown::<f32, f32>(call, planted, |value| value),
        other => Err(call.unknown_type(other)),
    }
}

/// What a leaf adds, with its target.
struct Payloads<T> {
    parts: Vec<(usize, T)>,
    ranges: Vec<std::ops::Range<usize>>,
}

/// An ensemble laid out.
#[derive(Debug)]
struct Planted {
    trees: Trees,
    /// Columns of a row that it was laid out for.
    width: usize,
    /// Nothing but sums of one number from each leaf: the number stands in the leaf. Otherwise the leaf's number does.
    single: bool,
    leaves: Vec<Vec<(usize, f64)>>,
    count: usize,
    targets: usize,
    base: Vec<f64>,
    aggregate: Aggregate,
}

impl Planted {
    fn of(mut ensemble: Ensemble, width: usize) -> Result<Self, String> {
        let count = ensemble.roots.len();
        let sums = matches!(ensemble.aggregate, Aggregate::Sum | Aggregate::Average);
        if sums && ensemble.base.is_empty() && ensemble.targets > 1 {
            twins::merge(&mut ensemble);
        }
        let Ensemble { splits, roots, leaves, targets, base, aggregate } = ensemble;
        if targets == 0 || roots.is_empty() || ![0, targets].contains(&base.len()) {
            return Err("has no target, no tree, or another number of base values".to_owned());
        }
        if leaves.iter().flatten().any(|(target, _)| *target >= targets) {
            return Err("a target is out of range".to_owned());
        }
        if leaves.iter().flatten().any(|(_, weight)| weight.is_nan()) {
            return Err("a leaf is NaN".to_owned());
        }
        // A target without a leaf stays 0 in onnxruntime.
        let complete =
            |leaf: &Vec<(usize, f64)>| (0..targets).all(|target| leaf.iter().any(|(found, _)| *found == target));
        if !base.is_empty() && !leaves.iter().all(complete) {
            return Err("has base values, and leaves that do not have every target".to_owned());
        }
        let single = targets == 1 && leaves.iter().all(|leaf| leaf.len() == 1) && sums;
        let payloads: Vec<f64> = if single {
            leaves.iter().map(|leaf| leaf[0].1).collect()
        } else {
            let numbers = (0..leaves.len()).map(|leaf| u32::try_from(leaf).map(f64::from));
            numbers.collect::<Result<_, _>>().map_err(|_| "has too many leaves")?
        };
        let trees = Trees::of(&splits, &roots, &payloads, width)?;
        Ok(Self { trees, width, single, leaves, count, targets, base, aggregate })
    }

    /// Laid out once for all programs of a graph.
    fn kept(call: &Call<'_>, read: impl FnOnce(&Call<'_>) -> Result<Ensemble, String>) -> Result<Arc<Self>, String> {
        let [_, width] = *call.input(0)?.shape else { return Err("needs rows of columns".to_owned()) };
        if let Some(found) = call.kept.get()
            && let Ok(found) = Arc::clone(found).downcast::<Self>()
            && found.width == width
        {
            return Ok(found);
        }
        let planted = Arc::new(Self::of(read(call)?, width)?);
        let _ = call.kept.set(planted.clone());
        Ok(planted)
    }
}

/// Adds the steps: the leaves of each row, and what they give together. Numbers are added up as `T`.
fn grown<T: Float, U: Element + Copy>(
    call: &mut Call<'_>,
    planted: Arc<Planted>,
    end: impl Fn(T) -> U + Send + Sync + 'static,
) -> Lowered {
    let [rows, _] = *call.input(0)?.shape else { return Err("needs rows of columns".to_owned()) };
    call.builder.charge(rows.saturating_mul(planted.leaves.len()))?;
    let base: Vec<T> = planted.base.iter().map(|&value| T::of_f64(value)).collect();
    let (aggregate, trees, targets) = (planted.aggregate, planted.count, planted.targets);
    let last = move |total: T, target: usize| {
        let total = if aggregate == Aggregate::Average { total.div(T::of_count(trees)) } else { total };
        // Also where there is none: -0 becomes 0.
        end(total.add(base.get(target).copied().unwrap_or(T::ZERO)))
    };
    let totals = if planted.single {
        walked(
            call,
            planted,
            T::ZERO,
            |_| (),
            |out: &mut [T], (), row, payloads| {
                out[row] = payloads.iter().fold(out[row], |total, payload| total.add(T::of_f64(*payload)));
            },
        )?
    } else {
        several_targets::<T>(call, planted)?
    };
    let totals = Source::<T>::of(&totals).ok_or("is of another type")?;
    one(call.builder.step(U::KIND, vec![rows, targets], move |out: &mut [U], scratch| {
        for (place, (out, total)) in out.iter_mut().zip(totals.get(scratch)).enumerate() {
            *out = last(*total, place % targets);
        }
    })?)
}

/// Where the numbers of the rows stand.
struct Placed<T> {
    source: Source<T>,
    starts: Arc<[u32]>,
    stride: usize,
    count: usize,
}

impl<T: Float> Placed<T> {
    fn rows<'a>(&'a self, scratch: &'a Scratch) -> Rows<'a, T> {
        Rows { values: self.source.get(scratch), starts: &self.starts, stride: self.stride, count: self.count }
    }
}

/// The rows as a tensor, or, where they are columns, the step that computes those that the trees look at.
fn placed<T: Float>(call: &mut Call<'_>, trees: &Trees, (count, width): (usize, usize)) -> Result<Placed<T>, String> {
    let too_large = |_| "is too large".to_owned();
    let Some((machine, terms)) = call.columns else {
        let starts = (0..width).map(u32::try_from).collect::<Result<_, _>>().map_err(too_large)?;
        return Ok(Placed { source: call.source::<T>(0)?, starts, stride: width, count });
    };
    let features = trees.features(count, width);
    let wanted: Option<Vec<Term>> = features.iter().map(|&feature| terms.get(feature).copied()).collect();
    let compiled = machine.compiled(&wanted.ok_or("a column is out of range")?);
    let mut starts = vec![0; width];
    for (feature, place) in features.into_iter().zip(&compiled.places) {
        starts[feature] = u32::try_from(*place as usize * count).map_err(too_large)?;
    }
    let registers = call.builder.step(Kind::Float64, vec![compiled.registers(), count], move |out, scratch| {
        compiled.run(count, out, scratch);
    })?;
    let source = Source::<T>::of(&registers).ok_or("is of another type")?;
    Ok(Placed { source, starts: starts.into(), stride: 1, count })
}

/// The step that finds every row's leaves and gives each to `take`.
fn walked<T: Float, P: Send + Sync + 'static>(
    call: &mut Call<'_>,
    planted: Arc<Planted>,
    unset: T,
    parts: impl FnOnce(&Planted) -> P,
    take: impl Fn(&mut [T], &P, usize, &[f64]) + Send + Sync + 'static,
) -> Result<Value, String> {
    let [count, width] = *call.input(0)?.shape else { return Err("needs rows of columns".to_owned()) };
    let placed = Arc::new(placed::<T>(call, &planted.trees, (count, width))?);
    let padded = if planted.trees.is_padded(count) {
        let (placed, wide) = (Arc::clone(&placed), width + 1);
        let padded = call.builder.step(Kind::Float64, vec![count, wide], move |out: &mut [f64], scratch| {
            let rows = placed.rows(scratch);
            for (row, out) in out.chunks_exact_mut(wide).enumerate() {
                out[width] = f64::NEG_INFINITY;
                for (out, start) in out.iter_mut().zip(rows.starts) {
                    *out = rows.values[*start as usize + row * rows.stride].to_f64();
                }
            }
        })?;
        Some(Source::<f64>::of(&padded).ok_or("is of another type")?)
    } else {
        None
    };
    let parts = parts(&planted);
    let words = planted.trees.words(count);
    call.builder.more_words(words);
    let (totals, sink) = call.builder.room(T::KIND, vec![count, planted.targets])?;
    call.builder.push(move |scratch| {
        let mut memory = std::mem::take(&mut scratch.words);
        sink.write(scratch, |out: &mut [T], scratch| {
            out.fill(unset);
            let padded = padded.as_ref().map(|padded| padded.get(scratch)).unwrap_or_default();
            let rows = placed.rows(scratch);
            planted.trees.each(&rows, padded, &mut memory[..words], |row, payloads| {
                take(out, &parts, row, payloads);
            });
        });
        scratch.words = memory;
    });
    Ok(totals)
}

fn several_targets<T: Float>(call: &mut Call<'_>, planted: Arc<Planted>) -> Result<Value, String> {
    let (aggregate, targets) = (planted.aggregate, planted.targets);
    let unset = match aggregate {
        Aggregate::Average | Aggregate::Sum => T::ZERO,
        Aggregate::Least => T::of_f64(f64::INFINITY),
        Aggregate::Greatest => T::of_f64(f64::NEG_INFINITY),
    };
    // A target that no leaf of a row has stays 0 in onnxruntime; that no target stays without is looked at here.
    let has_all = |leaf: &Vec<(usize, f64)>| (0..targets).all(|target| leaf.iter().any(|(found, _)| *found == target));
    if unset != T::ZERO && !planted.leaves.iter().all(has_all) {
        return Err("takes the extreme of leaves that do not have every target".to_owned());
    }
    let payloads = |planted: &Planted| {
        let mut payloads = Payloads { parts: Vec::new(), ranges: Vec::new() };
        for leaf in &planted.leaves {
            let start = payloads.parts.len();
            payloads.parts.extend(leaf.iter().map(|&(target, weight)| (target, T::of_f64(weight))));
            payloads.ranges.push(start..payloads.parts.len());
        }
        payloads
    };
    if unset == T::ZERO
        && let Some(table) = sums_by_leaf::<T>(&planted)
    {
        return walked(
            call,
            planted,
            unset,
            |_| table,
            move |out, table, row, leaves| {
                let totals = &mut out[row * targets..(row + 1) * targets];
                for leaf in leaves {
                    let start = number_of(*leaf) * targets;
                    for (total, weight) in totals.iter_mut().zip(&table[start..start + targets]) {
                        *total = total.add(*weight);
                    }
                }
            },
        );
    }
    walked(call, planted, unset, payloads, move |out, payloads, row, leaves| {
        let totals = &mut out[row * targets..(row + 1) * targets];
        for leaf in leaves {
            for (target, weight) in &payloads.parts[payloads.ranges[number_of(*leaf)].clone()] {
                let total = &mut totals[*target];
                *total = match aggregate {
                    Aggregate::Average | Aggregate::Sum => total.add(*weight),
                    Aggregate::Least => Number::lesser(*total, *weight),
                    Aggregate::Greatest => Number::greater(*total, *weight),
                };
            }
        }
    })
}

/// The number of a leaf that stands in it.
fn number_of(payload: f64) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the number of a leaf")]
    let leaf = payload as usize;
    leaf
}

/// What each leaf adds to each target; `None` where most is nothing, or a target is added to twice.
///
/// Nothing is 0 there, and a sum that begins with 0 is never -0, so that adding 0 changes no bit of it.
fn sums_by_leaf<T: Float>(planted: &Planted) -> Option<Vec<T>> {
    let (leaves, targets) = (&planted.leaves, planted.targets);
    let parts: usize = leaves.iter().map(Vec::len).sum();
    let mut table = vec![T::ZERO; leaves.len().checked_mul(targets).filter(|&places| places <= parts * 2)?];
    let mut set = vec![false; table.len()];
    for (number, leaf) in leaves.iter().enumerate() {
        for &(target, weight) in leaf {
            let place = number * targets + target;
            if std::mem::replace(&mut set[place], true) {
                return None;
            }
            table[place] = T::of_f64(weight);
        }
    }
    Some(table)
}
