//! An ordinary site for teams: people who log in, teams, pages. The code that its servers,
//! `existing-app-axum` and `existing-app-actix`, share. For meetings, it has one template
//! (`meeting.html`) and one module for the page (`meeting.js`).

mod pages;
mod site;
mod stop;

pub use minijinja::context;
pub use pages::{StaticFile, page, static_file};
pub use site::{Person, Site, Team};
pub use stop::stop_requested;

use std::env;

/// The port to listen at: `PORT`, or 3000. 0 picks a free one.
pub fn port() -> u16 {
    env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(3000)
}
