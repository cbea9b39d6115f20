//! What was measured.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

use serde::{Deserialize, Serialize};

/// All measurements of a run.
#[derive(Default)]
pub(crate) struct Results {
    all: Vec<Measurement>,
    file: Option<File>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Measurement {
    round: usize,
    scenario: String,
    server: String,
    metrics: BTreeMap<String, f64>,
}

/// One number over all rounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) max: f64,
}

/// Names a number. As text, its parts are separated by spaces.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Key {
    pub(crate) scenario: String,
    pub(crate) server: String,
    pub(crate) metric: String,
}

impl Key {
    pub(crate) fn new(scenario: &str, server: &str, metric: &str) -> Self {
        Self { scenario: scenario.into(), server: server.into(), metric: metric.into() }
    }
}

impl TryFrom<String> for Key {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match *text.split(' ').collect::<Vec<_>>() {
            [scenario, server, metric] => Ok(Self::new(scenario, server, metric)),
            _ => Err("not a scenario, a server and a metric"),
        }
    }
}

impl Results {
    /// None yet, or those of a file. New ones are appended to the file as they come.
    pub(crate) fn create(path: Option<&Path>, append: bool) -> io::Result<Self> {
        let Some(path) = path else { return Ok(Self::default()) };
        let all = if append { Self::read(path)?.all } else { Vec::new() };
        let file =
            File::options().create(true).write(true).append(append).truncate(!append).open(path)?;
        Ok(Self { all, file: Some(file) })
    }

    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        let lines = fs::read_to_string(path)?;
        let all = lines.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        Ok(Self { all, file: None })
    }

    /// Adds the line of JSON that the generator has printed.
    pub(crate) fn add(
        &mut self,
        round: usize,
        scenario: &str,
        server: &str,
        line: &str,
    ) -> io::Result<()> {
        let metrics = serde_json::from_str(line)?;
        let (scenario, server) = (scenario.to_owned(), server.to_owned());
        let measurement = Measurement { round, scenario, server, metrics };
        if let Some(file) = &mut self.file {
            writeln!(file, "{}", serde_json::to_string(&measurement)?)?;
        }
        self.all.push(measurement);
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(crate) fn rounds(&self) -> usize {
        self.all.iter().map(|it| it.round + 1).max().unwrap_or_default()
    }

    pub(crate) fn get(&self, key: &Key) -> Option<Spread> {
        Spread::of((0..self.rounds()).filter_map(|round| self.one(round, key)).collect())
    }

    /// One number divided by another, within each round.
    pub(crate) fn ratio(&self, of: &Key, to: &Key) -> Option<Spread> {
        let ratio = |round| Some(self.one(round, of)? / self.one(round, to)?);
        Spread::of((0..self.rounds()).filter_map(ratio).collect())
    }

    fn one(&self, round: usize, key: &Key) -> Option<f64> {
        let found = self
            .all
            .iter()
            .find(|it| it.round == round && it.scenario == key.scenario && it.server == key.server);
        found?.metrics.get(&key.metric).copied()
    }
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Option<Self> {
        values.retain(|value| value.is_finite());
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = match values.len() % 2 {
            0 => f64::midpoint(values[middle - 1], values[middle]),
            _ => values[middle],
        };
        Some(Self { min, median, max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_between_the_middle_two() {
        let spread = Spread::of(vec![4.0, 1.0, 3.0, 2.0, f64::NAN]).unwrap();
        assert_eq!(spread, Spread { min: 1.0, median: 2.5, max: 4.0 });
        assert_eq!(Spread::of(vec![]), None);
    }

    #[test]
    fn ratios_are_within_a_round() {
        let mut results = Results::default();
        // The machine was twice as slow in the second round.
        for (round, factor) in [(0, 1.0), (1, 2.0)] {
            for (server, value) in [("a", 3.0), ("b", 2.0)] {
                let line = format!(r#"{{"cpu_us":{}}}"#, value * factor);
                results.add(round, "relay", server, &line).unwrap();
            }
        }
        let key = |server| Key::new("relay", server, "cpu_us");
        let ratio = results.ratio(&key("a"), &key("b")).unwrap();
        assert_eq!(ratio, Spread { min: 1.5, median: 1.5, max: 1.5 });
    }
}
