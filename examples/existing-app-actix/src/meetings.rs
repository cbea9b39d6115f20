//! A team's meetings.

use std::time::Duration;

use actix_web::{
    HttpResponse,
    rt::time::timeout,
    web::{Data, Html, ServiceConfig, get, scope},
};
use existing_app::{context, page, stop_requested};
use meet_signal_actix::{Denied, Grant, Hub, Meta, SignalUpgrade, client, client_url};
use serde_json::json;

use crate::login::{Member, Refused};

pub(crate) fn routes(app: &mut ServiceConfig) {
    app.route("/teams/{team}/meeting", get().to(meeting))
        .route("/teams/{team}/meeting/signal", get().to(signal))
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
    upgrade: SignalUpgrade,
) -> HttpResponse {
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
pub(crate) async fn stopping(hub: Data<Hub>) {
    stop_requested().await;
    // A client with a dead connection does not reply.
    let _ = timeout(Duration::from_secs(3), hub.drain()).await;
}
