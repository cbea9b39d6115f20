//! A team's meetings.

use std::time::Duration;

use axum::{
    Router,
    extract::State,
    response::{Html, Response},
    routing::{any, get},
};
use existing_app::{context, page, stop_requested};
use meet_signal_axum::{Denied, Grant, Hub, Meta, SignalUpgrade, client, client_url};
use serde_json::json;
use tokio::time::timeout;

use crate::{
    App,
    login::{Member, Refused},
};

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/teams/{team}/meeting", get(meeting))
        .route("/teams/{team}/meeting/signal", any(signal))
        .nest("/meet-signal", client())
}

async fn meeting(Member { person, team }: Member) -> Html<String> {
    // Of this version, which browsers keep.
    let client = client_url("/meet-signal");
    Html(page("meeting.html", context! { person, team, client }))
}

/// The room of a team. Members join under the name of their login, whatever name the page sends.
async fn signal(
    member: Result<Member, Refused>,
    State(hub): State<Hub>,
    upgrade: SignalUpgrade,
) -> Response {
    match member {
        Ok(Member { person, team }) => {
            let name = Meta::new(&json!({ "name": person.name })).expect("JSON");
            upgrade.join(&hub, &team.slug, Grant::new().meta(name))
        }
        Err(refused) => upgrade.refuse(&hub, refused.into()),
    }
}

/// What the page of a meeting is told.
impl From<Refused> for Denied {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::LoggedOut => Self::unauthorized("log in again"),
            Refused::NotMember => Self::refused("this is not your team"),
            Refused::NoTeam => Self::refused("there is no such team"),
        }
    }
}

/// Waits for the request to stop, and asks all clients to return a little later, to the new process.
pub(crate) async fn stopping(hub: Hub) {
    stop_requested().await;
    // A client with a dead connection does not reply.
    let _ = timeout(Duration::from_secs(3), hub.drain()).await;
}
