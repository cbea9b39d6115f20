//! An ordinary site for teams: people who log in, teams, pages. The code that its servers,
//! `existing-app-axum` and `existing-app-actix`, share. For meetings, it has [`Meetings`], two templates
//! (`meeting.html`, `attendance.html`) and two modules for the page (`meeting.js`, `people.js`).

mod attendance;
mod attendance_page;
mod meetings;
mod pages;
mod site;
mod stop;

pub use meetings::{AttendanceReader, Meetings, NotBlocked};
pub use minijinja::context;
pub use pages::{StaticFile, page, static_file};
pub use site::{Person, Site, Team};
pub use stop::stop_requested;

use std::env;

/// The port to listen at: `PORT`, or 3000. 0 picks a free one.
pub fn port() -> u16 {
    env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(3000)
}
