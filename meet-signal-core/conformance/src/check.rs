//! How a promise says that it is broken.

use std::{fmt, future::Future, time::Duration};

use serde_json::Value;
use tokio::time::timeout;

/// How one promise went.
pub(crate) type Verdict<T = ()> = Result<T, Broken>;

/// The promise is broken, and this is what was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken(String);

impl Broken {
    pub(crate) fn new(seen: impl fmt::Display) -> Self {
        Self(seen.to_string())
    }

    /// Adds where it was seen.
    pub(crate) fn during(self, what: impl fmt::Display) -> Self {
        Self(format!("{what}: {}", self.0))
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns that the promise is broken, unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($seen:tt)+) => {
        if !$condition {
            return Err($crate::check::Broken::new(format_args!($($seen)+)));
        }
    };
}
pub(crate) use ensure;

/// Waits, but not for ever: what does not happen is a broken promise, too.
pub(crate) async fn within_patience<T>(what: &str, happens: impl Future<Output = T>) -> Verdict<T> {
    timeout(PATIENCE, happens)
        .await
        .map_err(|_| Broken::new(format_args!("{what}: nothing within {PATIENCE:?}")))
}

/// Whether `got` says what is expected. It may say more: a receiver ignores fields that it does not
/// know. `null` expects that there is nothing.
pub(crate) fn says(got: &Value, expected: &Value) -> bool {
    match (got, expected) {
        (Value::Object(got), Value::Object(expected)) => {
            expected.iter().all(|(name, value)| says(got.get(name).unwrap_or(&Value::Null), value))
        }
        _ => got == expected,
    }
}

/// How long an event is waited for: all times in the suite's limits are far shorter, and a busy
/// machine is slow.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn more_may_be_said_than_is_expected_but_not_less() {
        let got = json!({"type": "joined", "peer": {"id": "a", "new": 1}, "list": [1]});
        assert!(says(&got, &json!({"type": "joined", "peer": {"id": "a"}, "ref": null})));
        for wrong in [
            json!({"peer": {"id": "b"}}),
            json!({"peer": null}),
            json!({"ref": 1}),
            json!({"list": [1, 2]}),
        ] {
            assert!(!says(&got, &wrong), "{wrong}");
        }
    }
}
