//! The ready-made routes.

use std::marker::PhantomData;

use actix_web::{
    dev::{AppService, HttpServiceFactory},
    web,
};
use meet_signal_core::{BySend, ClientAddress, Grant, Hub, LocalAuthorize, OriginPolicy};

use crate::{assets, upgrade::SignalUpgrade};

/// A service for the application: rooms at `/signal/{room}` and the browser side at
/// `/meet-signal/index.js`.
///
/// ```
/// use actix_web::App;
/// use meet_signal_actix::{Hub, SignalService};
///
/// let hub = Hub::default(); // before `HttpServer::new`: all workers share it
/// let factory = move || App::new().service(SignalService::new(hub.clone()));
/// # factory();
/// ```
///
/// For other paths, or to run the application's own extractors first, use
/// [`SignalUpgrade`] in a handler, and [`client`](crate::client).
#[derive(Debug, Clone)]
#[must_use = "`App::service` mounts it"]
pub struct SignalService<A = Grant, Marker = BySend> {
    hub: Hub,
    authorize: A,
    marker: PhantomData<fn() -> Marker>,
    origins: OriginPolicy,
    client_address: ClientAddress,
}

impl SignalService {
    /// Admits every peer, from pages of the same host.
    pub fn new(hub: Hub) -> Self {
        Self {
            hub,
            authorize: Grant::new(),
            marker: PhantomData,
            origins: OriginPolicy::default(),
            client_address: ClientAddress::default(),
        }
    }
}

impl<A, M> SignalService<A, M> {
    /// Decides who may join, and what it is granted: a [`Grant`] for all, a closure, or a type of the
    /// application's; see [`Authorize`](crate::Authorize). The future stays on the worker's thread, so
    /// that of a closure need not be `Send`.
    pub fn authorize<B, N>(self, authorize: B) -> SignalService<B, N>
    where
        B: LocalAuthorize<N>,
    {
        let Self { hub, origins, client_address, .. } = self;
        SignalService { hub, authorize, marker: PhantomData, origins, client_address }
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
}

impl<A, M> HttpServiceFactory for SignalService<A, M>
where
    A: LocalAuthorize<M> + Clone + 'static,
    M: Clone + 'static,
{
    fn register(self, config: &mut AppService) {
        let client = assets::client_for(self.origins.clone());
        let signal = move |upgrade: SignalUpgrade| {
            let Self { hub, authorize, origins, client_address, .. } = self.clone();
            async move {
                let upgrade = upgrade.origins(origins).client_address(client_address);
                upgrade.join_last_segment(&hub, authorize)
            }
        };
        web::resource("/signal/{room}").route(web::get().to(signal)).register(config);
        web::scope("/meet-signal").service(client).register(config);
    }
}
