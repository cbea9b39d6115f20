//! The authorization of joins.

use std::time::Duration;

use meet_signal_core::{AuthRequest, Authorize, Decision, Grant};

/// Admits every participant, at once or after a delay.
#[derive(Debug, Clone)]
pub struct Login {
    pub(crate) grant: Grant,
    pub(crate) takes: Option<Duration>,
}

impl Authorize for Login {
    fn authorize(&self, _: AuthRequest) -> Decision<'_> {
        Box::pin(async {
            if let Some(time) = self.takes {
                tokio::time::sleep(time).await;
            }
            Ok(self.grant.clone())
        })
    }
}
