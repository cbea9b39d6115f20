//! The authorization of joins.

use std::time::Duration;

use meet_signal_core::{AuthRequest, Authorize, Decision, Grant, Identity, Permissions};

use crate::{browser::Browser, hosts::Hosts};

/// Admits every participant, at once or after a delay. The one that opens a room is its host, and is
/// host again when it comes back.
#[derive(Debug, Clone)]
pub struct Login {
    grant: Grant,
    takes: Option<Duration>,
    hosts: Hosts,
    identity: Option<Identity>,
}

impl Login {
    pub(crate) fn new(grant: Grant, takes: Option<Duration>, hosts: Hosts) -> Self {
        Self { grant, takes, hosts, identity: None }
    }

    /// The same for a participant with this browser. One without an identity cannot be blocked.
    #[must_use]
    pub fn with_browser(&self, browser: Option<&Browser>) -> Self {
        let mut login = self.clone();
        if let Some(browser) = browser {
            login.identity = Some(browser.identity());
            login.grant = login.grant.identity(browser.identity());
        }
        login
    }
}

impl Authorize for Login {
    fn authorize(&self, request: AuthRequest) -> Decision<'_> {
        Box::pin(async move {
            if let Some(time) = self.takes {
                tokio::time::sleep(time).await;
            }
            let (grant, room) = (self.grant.clone(), &request.room);
            match &self.identity {
                Some(identity) if self.hosts.readmits(room, identity) => {
                    Ok(grant.permissions(HOST).passes_lock())
                }
                _ if self.hosts.awaits_host(room) => Ok(grant),
                _ => Ok(grant.opener(HOST)),
            }
        })
    }

    // Everybody gets the ICE servers, so that a page can prepare while its user looks at it.
    fn granted(&self) -> Option<&Grant> {
        self.takes.is_none().then_some(&self.grant)
    }
}

const HOST: Permissions = Permissions::NONE.signal(true).broadcast(true).moderate(true);
