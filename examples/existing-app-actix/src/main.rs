//! A site for teams on actix-web, to which meetings were added: `cargo run -p existing-app-actix`. Log
//! in as `ada`, `bob`, `cy` or `dot`, with the password `demo`.
//!
//! The code for meetings is in `meetings.rs`, and here in the lines with `hub` or `meetings`.

mod login;
mod meetings;
mod pages;

use std::io;

use actix_session::{SessionMiddleware, storage::CookieSessionStore};
use actix_web::{App, HttpServer, cookie::Key, rt::spawn, web::Data};
use existing_app::{Meetings, Site};
use meet_signal_actix::Hub;

#[actix_web::main]
async fn main() -> io::Result<()> {
    // A new key at each start: a restart ends all logins.
    let key = Key::generate();
    let site = Data::new(Site::demo());
    let hub = Data::new(Hub::default());
    let (meetings, reader) = Meetings::new(&hub);
    let meetings = Data::from(meetings);
    spawn(reader.run());
    let stopping = meetings::stopping(hub.clone());

    let server = HttpServer::new(move || {
        // Behind TLS: `cookie_secure(true)`.
        let sessions = SessionMiddleware::builder(CookieSessionStore::default(), key.clone())
            .cookie_secure(false)
            .build();
        App::new()
            .wrap(sessions)
            .app_data(site.clone())
            .app_data(hub.clone())
            .app_data(meetings.clone())
            .configure(login::routes)
            .configure(pages::routes)
            .configure(meetings::routes)
    });
    // The limits of connections are actix's defaults, for use behind a reverse proxy. See
    // `docs/deployment.md`.
    let server = server.on_connect(meet_signal_actix::on_connect).shutdown_signal(stopping);
    let server = server.tcp_nodelay(true).bind(("127.0.0.1", existing_app::port()))?;
    println!("The site is at http://{}/", server.addrs()[0]);
    server.run().await
}
