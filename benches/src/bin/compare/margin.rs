//! What is left to meet a target that is missed.

use std::fmt::Write as _;

use crate::{
    format::number,
    results::{Key, Results},
    suite::Target,
};

/// For each missed target of axum's CPU: what it may take, and what a server that does less takes.
pub(crate) fn table<'a>(
    results: &Results,
    targets: impl IntoIterator<Item = &'a Target>,
) -> String {
    let mut text = String::new();
    for target in targets.into_iter().filter(|it| it.missed_by(results).is_some()) {
        let Some((scenario, allowed)) = allowance(results, target) else { continue };
        let cpu = |server: &str| {
            results.get(&Key::new(scenario, server, METRIC)).map(|spread| spread.median)
        };
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
    let (of, to) = (&target.of, target.to.as_ref()?);
    let is_own = |key: &Key| key.server == OWN && key.metric == METRIC;
    let median = |key| results.get(key).map(|spread| spread.median);
    match (target.at_most, target.at_least) {
        (Some(bound), _) if is_own(of) => Some((&of.scenario, median(to)? * bound)),
        (_, Some(bound)) if is_own(to) => Some((&to.scenario, median(of)? / bound)),
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
        let key = |server| Key::new("relay", server, METRIC);
        let targets = [4.0, 2.0].map(|bound| Target {
            claim: "a claim".to_owned(),
            at_most: None,
            at_least: Some(bound),
            of: key("peer"),
            to: Some(key(OWN)),
        });
        let table = table(&results, &targets);
        assert!(table.ends_with("| a claim | 5.00 | 10.0 | 8.00 |\n"), "{table}");
        assert_eq!(table.matches("a claim").count(), 1, "the other one is met");
    }
}
