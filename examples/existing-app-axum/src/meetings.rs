//! A team's meetings.

use std::{sync::Arc, time::Duration};

use axum::{
    Form, Router,
    extract::State,
    http::StatusCode,
    response::{Html, IntoResponse, Redirect, Response},
    routing::{any, get, post},
};
use existing_app::{Meetings, NotBlocked, context, page, stop_requested};
use meet_signal_axum::{Denied, Hub, SignalUpgrade, client, client_url};
use serde::Deserialize;
use tokio::time::timeout;

use crate::{
    App,
    login::{Member, Refused},
};

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/teams/{team}/meeting", get(meeting))
        .route("/teams/{team}/meeting/signal", any(signal))
        .route("/teams/{team}/meeting/attendance", get(attendance))
        .route("/teams/{team}/meeting/block", post(block))
        .route("/teams/{team}/meeting/unblock", post(unblock))
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
    State(meetings): State<Arc<Meetings>>,
    upgrade: SignalUpgrade,
) -> Response {
    let granted = member.map_err(Denied::from).and_then(|Member { person, team }| {
        let grant = meetings.grant(&person, &team)?;
        Ok((team, grant))
    });
    match granted {
        Ok((team, grant)) => upgrade.join(&hub, &team.slug, grant),
        Err(denied) => upgrade.refuse(&hub, denied),
    }
}

async fn attendance(
    Member { person, team }: Member,
    State(meetings): State<Arc<Meetings>>,
) -> Html<String> {
    Html(meetings.attendance_page(&person, &team))
}

#[derive(Deserialize)]
struct Peer {
    peer: String,
}

async fn block(
    Member { person, team }: Member,
    State(meetings): State<Arc<Meetings>>,
    Form(Peer { peer }): Form<Peer>,
) -> Response {
    match meetings.block(&person, &team, &peer) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => not_blocked(error),
    }
}

#[derive(Deserialize)]
struct Login {
    login: String,
}

async fn unblock(
    Member { person, team }: Member,
    State(meetings): State<Arc<Meetings>>,
    Form(Login { login }): Form<Login>,
) -> Response {
    match meetings.unblock(&person, &team, &login) {
        Ok(()) => {
            let attendance = format!("/teams/{}/meeting/attendance", team.slug);
            Redirect::to(&attendance).into_response()
        }
        Err(error) => not_blocked(error),
    }
}

fn not_blocked(error: NotBlocked) -> Response {
    let status = StatusCode::from_u16(error.status()).expect("a status of HTTP");
    (status, error.to_string()).into_response()
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
