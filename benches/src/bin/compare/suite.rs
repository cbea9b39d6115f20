//! What is measured, as `benches/suite.toml` has it: servers, scenarios and targets.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::results::{Key, Results, Spread};

pub(crate) static SUITE: LazyLock<Suite> = LazyLock::new(|| {
    toml::from_str(include_str!("../../../suite.toml")).expect("benches/suite.toml is valid")
});

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Suite {
    #[serde(rename = "server")]
    pub(crate) servers: Vec<Server>,
    #[serde(rename = "scenario")]
    pub(crate) scenarios: Vec<Scenario>,
    #[serde(rename = "target")]
    pub(crate) targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Server {
    /// In the raw results, and for `--servers`.
    pub(crate) name: String,
    /// In RESULTS.md.
    pub(crate) title: String,
    pub(crate) kind: Kind,
    /// The generator's name of what the server speaks.
    pub(crate) protocol: String,
    /// A program of this crate; one of those that `benches/peers/install` installs, by its path; or
    /// one in `PATH`. `PORT` in an argument stands for the port.
    pub(crate) command: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// meet-signal.
    Own,
    /// meet-signal without a part of what it does, to see what that costs.
    Reduced,
    /// Another signaling server.
    Peer,
    /// A floor that copies bytes.
    Bytes,
    /// A floor that moves frames.
    Frames,
    /// A floor that sends frames to many.
    FanOut,
    /// No server: functions of the core.
    InProcess,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    /// In the raw results, and for `--only`.
    pub(crate) name: String,
    /// The servers that can take part.
    pub(crate) kinds: Vec<Kind>,
    /// The generator's arguments. `SECONDS` stands for the time that a measurement takes.
    pub(crate) load: String,
    /// Those of `--smoke`.
    pub(crate) smoke: String,
    /// Further arguments of meet-signal's own server.
    #[serde(default)]
    pub(crate) server: String,
    /// Whether it is run only if `--only` names it, or by `--smoke`.
    #[serde(default)]
    pub(crate) on_request: bool,
    pub(crate) title: String,
    pub(crate) about: String,
    /// The title of each column of the table, and its metric.
    #[serde(default)]
    pub(crate) columns: Vec<(String, String)>,
    /// The metric that is compared with axum's, and charted; without it, the first column's.
    pub(crate) compared: Option<String>,
    /// The chart's title.
    pub(crate) chart: Option<String>,
    /// Instead of columns, for a single server: what is measured, its metric, and its unit.
    #[serde(default)]
    pub(crate) rows: Vec<(String, String, String)>,
}

/// What meet-signal should reach: one number, or one divided by another.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Target {
    pub(crate) claim: String,
    /// Without a bound, it is a number to read beside the others.
    pub(crate) at_most: Option<f64>,
    pub(crate) at_least: Option<f64>,
    pub(crate) of: Key,
    pub(crate) to: Option<Key>,
}

impl Scenario {
    pub(crate) fn compared(&self) -> &str {
        self.compared.as_deref().or(self.columns.first().map(|(_, metric)| &**metric)).unwrap_or("")
    }
}

impl Target {
    pub(crate) fn measured(&self, results: &Results) -> Option<Spread> {
        match &self.to {
            Some(to) => results.ratio(&self.of, to),
            None => results.get(&self.of),
        }
    }

    /// By how much the median exceeds an upper bound, or the lower bound the median.
    pub(crate) fn missed_by(&self, results: &Results) -> Option<f64> {
        let median = self.measured(results)?.median;
        let factor = match (self.at_most, self.at_least) {
            (Some(bound), _) => median / bound,
            (_, Some(bound)) => bound / median,
            _ => return None,
        };
        (factor > 1.0).then_some(factor - 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_name_scenarios_and_servers_of_the_suite() {
        for key in SUITE.targets.iter().flat_map(|it| [Some(&it.of), it.to.as_ref()]).flatten() {
            let scenario = SUITE.scenarios.iter().find(|it| it.name == key.scenario);
            let server = SUITE.servers.iter().find(|it| it.name == key.server);
            let kinds = &scenario.expect("a scenario").kinds;
            assert!(kinds.contains(&server.expect("a server").kind), "{key:?}");
        }
    }
}
