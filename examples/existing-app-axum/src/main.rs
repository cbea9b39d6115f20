//! A site for teams on axum: `cargo run -p existing-app-axum`. Log in as `ada`, `bob` or `cy`, with
//! the password `demo`.

mod login;
mod pages;

use std::{io, sync::Arc};

use axum::{Router, extract::FromRef, serve::ListenerExt};
use axum_extra::extract::cookie::Key;
use existing_app::{Site, stop_requested};
use tokio::net::TcpListener;

#[derive(Clone, FromRef)]
struct App {
    site: Arc<Site>,
    key: Key,
}

#[tokio::main]
async fn main() -> io::Result<()> {
    // With a key that is made now, a restart logs everybody out.
    let app = App { site: Arc::new(Site::demo()), key: Key::generate() };
    let router = Router::new().merge(login::routes()).merge(pages::routes()).with_state(app);

    let listener = TcpListener::bind(("127.0.0.1", existing_app::port())).await?;
    println!("The site is at http://{}/", listener.local_addr()?);
    let listener = listener.tap_io(|tcp| drop(tcp.set_nodelay(true)));
    axum::serve(listener, router).with_graceful_shutdown(stop_requested()).await
}
