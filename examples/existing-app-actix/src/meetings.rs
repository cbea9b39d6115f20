//! A team's meetings.

use std::time::Duration;

use actix_web::{
    HttpResponse, ResponseError,
    http::StatusCode,
    rt::time::timeout,
    web::{Data, Form, Html, Redirect, ServiceConfig, get, post, scope},
};
use existing_app::{Meetings, NotBlocked, context, page, stop_requested};
use meet_signal_actix::{Denied, Hub, SignalUpgrade, client, client_url};
use serde::Deserialize;
use thiserror::Error;

use crate::login::{Member, Refused};

pub(crate) fn routes(app: &mut ServiceConfig) {
    app.route("/teams/{team}/meeting", get().to(meeting))
        .route("/teams/{team}/meeting/signal", get().to(signal))
        .route("/teams/{team}/meeting/attendance", get().to(attendance))
        .route("/teams/{team}/meeting/block", post().to(block))
        .route("/teams/{team}/meeting/unblock", post().to(unblock))
        .service(scope("/meet-signal").service(client()));
}

async fn meeting(Member { person, team }: Member) -> Html {
    // Of this version, which browsers keep.
    let client = client_url("/meet-signal");
    Html::new(page("meeting.html", context! { person, team, client }))
}

/// The room of a team. Members join under the name of their login, whatever name the page sends.
async fn signal(
    member: Result<Member, Refused>,
    hub: Data<Hub>,
    meetings: Data<Meetings>,
    upgrade: SignalUpgrade,
) -> HttpResponse {
    let granted = member.map_err(Denied::from).and_then(|Member { person, team }| {
        let grant = meetings.grant(&person, &team)?;
        Ok((team, grant))
    });
    match granted {
        Ok((team, grant)) => upgrade.join(&hub, &team.slug, grant),
        Err(denied) => upgrade.refuse(&hub, denied),
    }
}

async fn attendance(Member { person, team }: Member, meetings: Data<Meetings>) -> Html {
    Html::new(meetings.attendance_page(&person, &team))
}

#[derive(Deserialize)]
struct Peer {
    peer: String,
}

async fn block(
    Member { person, team }: Member,
    meetings: Data<Meetings>,
    Form(Peer { peer }): Form<Peer>,
) -> Result<HttpResponse, NotAllowed> {
    meetings.block(&person, &team, &peer)?;
    Ok(HttpResponse::NoContent().finish())
}

#[derive(Deserialize)]
struct Login {
    login: String,
}

async fn unblock(
    Member { person, team }: Member,
    meetings: Data<Meetings>,
    Form(Login { login }): Form<Login>,
) -> Result<Redirect, NotAllowed> {
    meetings.unblock(&person, &team, &login)?;
    Ok(Redirect::to(format!("/teams/{}/meeting/attendance", team.slug)).see_other())
}

#[derive(Debug, Error)]
#[error(transparent)]
struct NotAllowed(#[from] NotBlocked);

impl ResponseError for NotAllowed {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status()).expect("a status of HTTP")
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
pub(crate) async fn stopping(hub: Data<Hub>) {
    stop_requested().await;
    // A client with a dead connection does not reply.
    let _ = timeout(Duration::from_secs(3), hub.drain()).await;
}
