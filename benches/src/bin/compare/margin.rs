//! What is left to meet a target that is missed.

use std::fmt::Write as _;

use crate::{
    report::number,
    results::Results,
    target::{Bound, Target, What},
};

/// For each missed target of axum's CPU: what it may take, and what a server that does less takes.
pub(crate) fn table(results: &Results, targets: &[Target]) -> String {
    let mut text = String::new();
    for target in targets.iter().filter(|target| target.is_met() == Some(false)) {
        let Some((scenario, allowed)) = allowance(results, target) else { continue };
        let cpu = |server| results.get((scenario, server, METRIC)).map(|spread| spread.median);
        let floor = FLOORS.into_iter().filter_map(cpu).min_by(f64::total_cmp);
        let (Some(takes), Some(floor)) = (cpu(OWN), floor) else { continue };
        let cells = [allowed, takes, floor].map(number).join(" | ");
        writeln!(text, "| {} | {cells} |", target.claim).expect("a string");
    }
    if text.is_empty() {
        return text;
    }
    format!(
        "\n### What the missed ones leave\n\nCPU in µs. The floor is the cheapest one that speaks \
         WebSocket: it knows no rooms, members or sessions, and parses nothing.\n\n\
         | target | leaves axum | axum takes | the floor takes |\n|---|---|---|---|\n{text}"
    )
}

/// The scenario, and what axum may take in it to meet the target.
fn allowance<'a>(results: &Results, target: &'a Target) -> Option<(&'a str, f64)> {
    let What::Ratio(of, to) = target.what else { return None };
    let median = |key| results.get(key).map(|spread| spread.median);
    match target.bound {
        Bound::AtMost(bound) if of.1 == OWN && of.2 == METRIC => Some((of.0, median(to)? * bound)),
        Bound::AtLeast(bound) if to.1 == OWN && to.2 == METRIC => Some((to.0, median(of)? / bound)),
        _ => None,
    }
}

const OWN: &str = "axum";
const METRIC: &str = "cpu_us";
const FLOORS: [&str; 3] = ["bare", "bare-tasks", "bare-loop"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_target_leaves_what_the_other_takes_divided_by_the_bound() {
        let mut results = Results::default();
        for (server, cpu) in [("axum", 10.0), ("peer", 20.0), ("bare", 8.0), ("bare-tasks", 9.0)] {
            let line = format!(r#"{{"cpu_us":{cpu}}}"#);
            results.add(0, "relay", server, &line).unwrap();
        }
        let target = |bound| {
            let (of, to) = (("relay", "peer", METRIC), ("relay", OWN, METRIC));
            let (claim, bound) = ("a claim".to_owned(), Bound::AtLeast(bound));
            Target { claim, bound, measured: results.ratio(of, to), what: What::Ratio(of, to) }
        };
        let table = table(&results, &[target(4.0), target(2.0)]);
        assert!(table.ends_with("| a claim | 5.00 | 10.0 | 8.00 |\n"), "{table}");
        assert_eq!(table.matches("a claim").count(), 1, "the other one is met");
    }
}
