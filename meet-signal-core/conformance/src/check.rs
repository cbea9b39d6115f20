//! How a test reports that the server violates a requirement.

use std::{fmt, future::Future, result, time::Duration};

use serde_json::Value;
use tokio::time::timeout;

/// The result of a test, or of one of its steps.
pub(crate) type Result<T = ()> = result::Result<T, Violation>;

/// A description of how the server violates the requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation(String);

impl Violation {
    pub(crate) fn new(description: impl fmt::Display) -> Self {
        Self(description.to_string())
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Adds context to a violation.
pub(crate) trait Context {
    /// Prepends the step that found the violation.
    fn context(self, step: impl fmt::Display) -> Self;
}

impl<T> Context for Result<T> {
    fn context(self, step: impl fmt::Display) -> Self {
        self.map_err(|violation| Violation(format!("{step}: {violation}")))
    }
}

/// Returns a [`Violation`] with this description unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($description:tt)+) => {
        if !$condition {
            return Err($crate::check::Violation::new(format_args!($($description)+)));
        }
    };
}
pub(crate) use ensure;

/// Waits for an event. A timeout is a violation.
pub(crate) async fn with_timeout<T>(step: &str, event: impl Future<Output = T>) -> Result<T> {
    timeout(TIMEOUT, event)
        .await
        .map_err(|_| Violation::new(format_args!("{step}: timeout after {TIMEOUT:?}")))
}

/// Whether `actual` has all fields of `expected`, with their values. It may have more, because a
/// receiver ignores unknown fields. An expected `null` also matches a missing field.
pub(crate) fn includes(actual: &Value, expected: &Value) -> bool {
    match (actual, expected) {
        (Value::Object(actual), Value::Object(expected)) => expected
            .iter()
            .all(|(name, value)| includes(actual.get(name).unwrap_or(&Value::Null), value)),
        _ => actual == expected,
    }
}

/// Far longer than all times in the suite's limits, because a busy machine is slow.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn additional_fields_match_and_missing_ones_do_not() {
        let actual = json!({"type": "joined", "peer": {"id": "a", "new": 1}, "list": [1]});
        assert!(includes(&actual, &json!({"type": "joined", "peer": {"id": "a"}, "ref": null})));
        for wrong in [
            json!({"peer": {"id": "b"}}),
            json!({"peer": null}),
            json!({"ref": 1}),
            json!({"list": [1, 2]}),
        ] {
            assert!(!includes(&actual, &wrong), "{wrong}");
        }
    }
}
