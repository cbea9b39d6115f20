//! The login, and what each person may see.

use std::future::{Ready, ready};

use actix_session::{Session, SessionExt, SessionInsertError};
use actix_web::{
    FromRequest, HttpRequest, HttpResponse, ResponseError,
    dev::Payload,
    http::{StatusCode, header},
    web::{Data, Form, Html, Redirect, ServiceConfig, get, post},
};
use existing_app::{Person, Site, Team, context, page};
use serde::Deserialize;
use thiserror::Error;

pub(crate) fn routes(app: &mut ServiceConfig) {
    app.route("/login", get().to(form))
        .route("/login", post().to(log_in))
        .route("/logout", post().to(log_out));
}

/// The person who is logged in. Other requests are redirected to the login.
pub(crate) struct User(pub(crate) Person);

/// The person who is logged in, and the team of the URL, of which the person is a member.
pub(crate) struct Member {
    pub(crate) person: Person,
    pub(crate) team: Team,
}

/// Why a page is not shown.
#[derive(Debug, Error)]
pub(crate) enum Refused {
    #[error("log in first")]
    LoggedOut,
    #[error("not your team")]
    NotMember,
    #[error("no such team")]
    NoTeam,
}

#[derive(Deserialize)]
struct Credentials {
    login: String,
    password: String,
}

async fn form() -> Html {
    Html::new(page("login.html", context! { failed => false }))
}

async fn log_in(
    site: Data<Site>,
    session: Session,
    Form(credentials): Form<Credentials>,
) -> Result<HttpResponse, SessionInsertError> {
    let Some(person) = site.log_in(&credentials.login, &credentials.password) else {
        let form = page("login.html", context! { failed => true });
        return Ok(HttpResponse::Forbidden().content_type("text/html; charset=utf-8").body(form));
    };
    session.renew();
    session.insert(PERSON, &person.login)?;
    Ok(HttpResponse::SeeOther().insert_header((header::LOCATION, "/")).finish())
}

async fn log_out(session: Session) -> Redirect {
    session.purge();
    Redirect::to("/login").see_other()
}

impl User {
    fn of(request: &HttpRequest) -> Result<Self, Refused> {
        let login: Option<String> = request.get_session().get(PERSON).ok().flatten();
        let person = login.and_then(|login| site(request).person(&login).cloned());
        person.map(Self).ok_or(Refused::LoggedOut)
    }
}

impl Member {
    fn of(request: &HttpRequest) -> Result<Self, Refused> {
        let User(person) = User::of(request)?;
        match site(request).team(request.match_info().query("team")) {
            Some(team) if team.has(&person) => Ok(Self { person, team: team.clone() }),
            Some(_) => Err(Refused::NotMember),
            None => Err(Refused::NoTeam),
        }
    }
}

fn site(request: &HttpRequest) -> &Site {
    request.app_data::<Data<Site>>().expect("the application has its site")
}

impl FromRequest for User {
    type Error = Refused;
    type Future = Ready<Result<Self, Refused>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request))
    }
}

impl FromRequest for Member {
    type Error = Refused;
    type Future = Ready<Result<Self, Refused>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request))
    }
}

impl ResponseError for Refused {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::LoggedOut => StatusCode::SEE_OTHER,
            Self::NotMember => StatusCode::FORBIDDEN,
            Self::NoTeam => StatusCode::NOT_FOUND,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        if let Self::LoggedOut = self {
            response.insert_header((header::LOCATION, "/login"));
        }
        response.body(self.to_string())
    }
}

const PERSON: &str = "person";
