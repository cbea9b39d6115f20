//! A site for teams on axum, to which meetings were added: `cargo run -p existing-app-axum`. Log in as
//! `ada`, `bob`, `cy` or `dot`, with the password `demo`.
//!
//! The code for meetings is in `meetings.rs`, and here in the lines with `hub` or `meetings`.

mod login;
mod meetings;
mod pages;

use std::{io, net::SocketAddr, sync::Arc};

use axum::{Router, extract::FromRef, serve::ListenerExt};
use axum_extra::extract::cookie::Key;
use existing_app::{Meetings, Site};
use meet_signal_axum::Hub;
use tokio::net::TcpListener;

#[derive(Clone, FromRef)]
struct App {
    site: Arc<Site>,
    key: Key,
    hub: Hub,
    meetings: Arc<Meetings>,
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let hub = Hub::default();
    let (meetings, reader) = Meetings::new(&hub);
    tokio::spawn(reader.run());
    // A new key at each start: a restart ends all logins.
    let key = Key::generate();
    let app = App { site: Arc::new(Site::demo()), key, hub: hub.clone(), meetings };
    let router = Router::new()
        .merge(login::routes())
        .merge(pages::routes())
        .merge(meetings::routes())
        .with_state(app);

    let listener = TcpListener::bind(("127.0.0.1", existing_app::port())).await?;
    println!("The site is at http://{}/", listener.local_addr()?);
    let listener = listener.tap_io(|tcp| drop(tcp.set_nodelay(true)));
    // Without timeouts for requests: a reverse proxy has these. See `docs/deployment.md`.
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(meetings::stopping(hub)).await
}
