//! The ready-made routes.

use actix_web::{
    dev::{AppService, HttpServiceFactory},
    web,
};
use meet_signal_core::{Authorize, ClientAddress, Grant, Hub, OriginPolicy};

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
pub struct SignalService<A = Grant> {
    hub: Hub,
    authorize: A,
    origins: OriginPolicy,
    client_address: ClientAddress,
}

impl SignalService {
    /// Lets everybody in, from pages of the same host.
    pub fn new(hub: Hub) -> Self {
        Self {
            hub,
            authorize: Grant::new(),
            origins: OriginPolicy::default(),
            client_address: ClientAddress::default(),
        }
    }
}

impl<A> SignalService<A> {
    /// Who is let in, and with what: a [`Grant`] for everybody, or a closure; see [`Authorize`]. Its
    /// decision stays on the worker's thread, so it need not be `Send`.
    pub fn authorize<B>(self, authorize: B) -> SignalService<B> {
        let Self { hub, origins, client_address, .. } = self;
        SignalService { hub, authorize, origins, client_address }
    }

    /// Which pages may connect.
    pub fn origins(mut self, policy: OriginPolicy) -> Self {
        self.origins = policy;
        self
    }

    /// Which address of the client counts for the limits per address. By default that of the
    /// connection; behind a proxy, the one that the proxy passes on.
    pub fn client_address(mut self, policy: ClientAddress) -> Self {
        self.client_address = policy;
        self
    }
}

impl<A> HttpServiceFactory for SignalService<A>
where
    A: Authorize + Clone + 'static,
{
    fn register(self, config: &mut AppService) {
        let signal = move |upgrade: SignalUpgrade| {
            let Self { hub, authorize, origins, client_address } = self.clone();
            async move {
                let room = upgrade.parameter("room");
                let upgrade = upgrade.origins(origins).client_address(client_address);
                upgrade.join(&hub, &room, authorize)
            }
        };
        web::resource("/signal/{room}").route(web::get().to(signal)).register(config);
        web::scope("/meet-signal").service(assets::client()).register(config);
    }
}
