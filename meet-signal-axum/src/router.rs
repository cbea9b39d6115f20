//! The ready-made routes.

use std::{fmt, sync::Arc};

use axum::{
    Router,
    http::Uri,
    routing::{MethodFilter, on},
};
use meet_signal_core::{Authorize, ClientAddress, Grant, Hub, OriginPolicy};

use crate::{assets, parameter::last_segment, upgrade::SignalUpgrade};

/// A router to merge into the application's: rooms at `/signal/{room}` and the browser side at
/// `/meet-signal/index.js`.
///
/// ```
/// use axum::Router;
/// use meet_signal_axum::{Hub, SignalRouter};
///
/// let hub = Hub::default();
/// let app: Router = Router::new().merge(SignalRouter::new(hub).into_router());
/// ```
///
/// It may be nested at any path, also one with parameters:
///
/// ```
/// # use axum::Router;
/// # use meet_signal_axum::{Hub, SignalRouter};
/// # let hub = Hub::default();
/// // Rooms are at `/teams/{team}/signal/{room}`; all teams share the rooms of the hub.
/// let app: Router = Router::new().nest("/teams/{team}", SignalRouter::new(hub).into_router());
/// ```
///
/// For other paths, or to run the application's own extractors first, use
/// [`SignalUpgrade`] in a handler, and [`client`](crate::client).
#[derive(Clone)]
#[must_use = "`into_router` makes the router"]
pub struct SignalRouter {
    hub: Hub,
    authorize: Arc<dyn Authorize>,
    origins: OriginPolicy,
    client_address: ClientAddress,
}

impl SignalRouter {
    /// Admits every peer, from pages of the same host.
    pub fn new(hub: Hub) -> Self {
        Self {
            hub,
            authorize: Grant::new().shared(),
            origins: OriginPolicy::default(),
            client_address: ClientAddress::default(),
        }
    }

    /// Decides who may join, and what it is granted: a [`Grant`] for all, a closure, or a type of the
    /// application's; see [`Authorize`].
    pub fn authorize<A, M>(mut self, authorize: A) -> Self
    where
        A: Authorize<M> + 'static,
        M: 'static,
    {
        self.authorize = authorize.shared();
        self
    }

    /// Sets which pages may connect. Those of other origins may also import the browser side from
    /// here (CORS).
    pub fn origins(mut self, policy: OriginPolicy) -> Self {
        self.origins = policy;
        self
    }

    /// Sets which address of the client counts for the limits per address. The default is that of the
    /// connection; behind a proxy, use the one that the proxy forwards.
    pub fn client_address(mut self, policy: ClientAddress) -> Self {
        self.client_address = policy;
        self
    }

    /// Makes the router.
    pub fn into_router<S>(self) -> Router<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        let Self { hub, authorize, origins, client_address } = self;
        let client = assets::client_for(origins.clone());
        let signal = move |uri: Uri, upgrade: SignalUpgrade| async move {
            let upgrade = upgrade.origins(origins).client_address(client_address);
            upgrade.join_segment(&hub, last_segment(&uri), authorize)
        };
        Router::new()
            .route(PATH, on(MethodFilter::GET.or(MethodFilter::CONNECT), signal))
            .nest("/meet-signal", client)
    }
}

impl fmt::Debug for SignalRouter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignalRouter")
            .field("hub", &self.hub)
            .field("origins", &self.origins)
            .field("client_address", &self.client_address)
            .finish_non_exhaustive()
    }
}

// A parameter of another name than any of the paths in which the router is nested.
const PATH: &str = "/signal/{meet_signal_room}";
