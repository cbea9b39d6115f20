//! What a scenario has measured.

use std::{collections::BTreeMap, time::Duration};

use hdrhistogram::Histogram;
use serde::Serialize;

/// Numbers by name. A name ends with its unit.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub(crate) struct Metrics(BTreeMap<&'static str, f64>);

impl Metrics {
    pub(crate) fn set(&mut self, name: &'static str, value: f64) {
        self.0.insert(name, value);
    }

    pub(crate) fn get(&self, name: &'static str) -> f64 {
        self.0[name]
    }

    /// Counts, up to 2^53 of them.
    pub(crate) fn count(&mut self, name: &'static str, count: u64) {
        self.set(name, count as f64);
    }

    pub(crate) fn latency(&mut self, latency: &Latency) {
        for (name, quantile) in
            [("p50_us", 0.5), ("p90_us", 0.9), ("p99_us", 0.99), ("p999_us", 0.999)]
        {
            self.set(name, latency.0.value_at_quantile(quantile) as f64 / 1e3);
        }
        self.set("max_us", latency.0.max() as f64 / 1e3);
    }

    /// All of them, readable.
    pub(crate) fn line(&self) -> String {
        let shown = |(name, value): (&&str, &f64)| match value {
            value if value.fract() == 0.0 => format!("{name}={value}"),
            value => format!("{name}={value:.2}"),
        };
        self.0.iter().map(shown).collect::<Vec<_>>().join(" ")
    }
}

/// How long operations took.
pub(crate) struct Latency(Histogram<u64>);

impl Latency {
    pub(crate) fn new() -> Self {
        let longest = u64::try_from(LONGEST.as_nanos()).expect("a minute is short");
        Self(Histogram::new_with_bounds(100, longest, 3).expect("bounds as the crate wants them"))
    }

    pub(crate) fn record(&mut self, time: Duration) {
        self.0.saturating_record(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }
}

/// Longer times are recorded as this.
const LONGEST: Duration = Duration::from_secs(60);
