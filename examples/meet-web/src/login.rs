//! Who is let in.

use std::{pin::Pin, time::Duration};

use meet_signal_core::{AuthRequest, Authorize, Denied, Grant};

/// Lets everybody in, at once or after a while.
#[derive(Debug, Clone)]
pub struct Login {
    pub(crate) grant: Grant,
    pub(crate) takes: Option<Duration>,
}

impl Authorize for Login {
    type Decision = Pin<Box<dyn Future<Output = Result<Grant, Denied>> + Send>>;

    fn authorize(&self, _: AuthRequest) -> Self::Decision {
        let Self { grant, takes } = self.clone();
        Box::pin(async move {
            if let Some(time) = takes {
                tokio::time::sleep(time).await;
            }
            Ok(grant)
        })
    }
}
