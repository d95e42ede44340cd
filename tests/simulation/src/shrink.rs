//! Makes a failing run smaller: fewer misfortunes, fewer acts of clients, the same failure.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::run::{Order, Outcome, run};

/// The smallest order that was found to fail as `order` does, and its outcome; none if `order` does
/// not fail.
///
/// Leaves out one half, then quarters, and so on (delta debugging: Zeller, Hildebrandt, IEEE TSE
/// 28(2), 2002), first of the misfortunes, then of the acts, until nothing more can be left out.
pub fn shrink(order: &Order) -> Option<(Order, Outcome)> {
    let outcome = run(order);
    let wanted = outcome.violations.first()?.invariant;
    let fails = |candidate: &Order| {
        let outcome = run(candidate);
        let same = outcome.violations.iter().any(|found| found.invariant == wanted);
        same.then_some(outcome)
    };
    let mut best = (order.clone(), outcome);
    loop {
        let before = (best.0.spared.len(), best.0.left_out.len());
        let misfortunes = 0..best.1.misfortunes.len();
        best = reduce(best, misfortunes, |order| &mut order.spared, &fails);
        let acts = 0..best.1.acts;
        best = reduce(best, acts, |order| &mut order.left_out, &fails);
        if before == (best.0.spared.len(), best.0.left_out.len()) {
            return Some(best);
        }
    }
}

fn reduce(
    mut best: (Order, Outcome),
    all: Range<usize>,
    out: impl Fn(&mut Order) -> &mut BTreeSet<usize>,
    fails: &impl Fn(&Order) -> Option<Outcome>,
) -> (Order, Outcome) {
    let all: Vec<usize> = all.collect();
    let mut size = all.len().div_ceil(2);
    while size > 0 {
        for chunk in all.chunks(size) {
            let mut candidate = best.0.clone();
            let left_out = out(&mut candidate);
            let before = left_out.len();
            left_out.extend(chunk);
            if left_out.len() == before {
                continue;
            }
            if let Some(outcome) = fails(&candidate) {
                best = (candidate, outcome);
            }
        }
        size = if size == 1 { 0 } else { size.div_ceil(2) };
    }
    best
}
