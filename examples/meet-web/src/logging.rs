//! The log of the program.

use std::io::stderr;

use tracing_subscriber::{
    Layer, filter::Targets, fmt::layer, layer::SubscriberExt, registry, util::SubscriberInitExt,
};

/// Writes the events that pass the filter to standard error, a line for each. To be called once.
///
/// # Panics
///
/// The process has a subscriber already.
pub fn log_to_stderr(filter: &Targets) {
    let lines = layer().with_writer(stderr).with_filter(filter.clone());
    registry().with(lines).init();
}
