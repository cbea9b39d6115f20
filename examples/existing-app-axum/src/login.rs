//! The login, and what each person may see.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Form, RequestPartsExt, Router,
    extract::{FromRequestParts, Path, State},
    http::{StatusCode, request::Parts},
    response::{Html, IntoResponse, Redirect, Response},
    routing::{get, post},
};
use axum_extra::extract::{
    SignedCookieJar,
    cookie::{Cookie, SameSite},
};
use existing_app::{Person, Site, Team, context, page};
use serde::Deserialize;

use crate::App;

pub(crate) fn routes() -> Router<App> {
    Router::new().route("/login", get(form).post(log_in)).route("/logout", post(log_out))
}

/// The person who is logged in.
pub(crate) struct User(pub(crate) Person);

/// The person who is logged in, and the team of the URL, of which the person is a member.
pub(crate) struct Member {
    pub(crate) person: Person,
    pub(crate) team: Team,
}

/// Why a page is not shown. Who is not logged in is redirected to the login.
pub(crate) enum Refused {
    LoggedOut,
    NotMember,
    NoTeam,
}

#[derive(Deserialize)]
struct Credentials {
    login: String,
    password: String,
}

async fn form() -> Html<String> {
    Html(page("login.html", context! { failed => false }))
}

async fn log_in(
    State(site): State<Arc<Site>>,
    jar: SignedCookieJar,
    Form(credentials): Form<Credentials>,
) -> Response {
    let Some(person) = site.log_in(&credentials.login, &credentials.password) else {
        let form = Html(page("login.html", context! { failed => true }));
        return (StatusCode::FORBIDDEN, form).into_response();
    };
    // Behind TLS: `secure(true)`.
    let cookie = Cookie::build((COOKIE, person.login.clone()));
    let cookie = cookie.path("/").http_only(true).same_site(SameSite::Lax);
    (jar.add(cookie), Redirect::to("/")).into_response()
}

async fn log_out(jar: SignedCookieJar) -> impl IntoResponse {
    (jar.remove(Cookie::build(COOKIE).path("/")), Redirect::to("/login"))
}

impl FromRequestParts<App> for User {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refused> {
        let jar = SignedCookieJar::from_headers(&parts.headers, app.key.clone());
        let cookie = jar.get(COOKIE);
        let person = cookie.and_then(|cookie| app.site.person(cookie.value()).cloned());
        person.map(Self).ok_or(Refused::LoggedOut)
    }
}

impl FromRequestParts<App> for Member {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refused> {
        let User(person) = parts.extract_with_state(app).await?;
        let parameters = parts.extract::<Path<HashMap<String, String>>>().await;
        let Path(parameters) = parameters.map_err(|_| Refused::NoTeam)?;
        match parameters.get("team").and_then(|slug| app.site.team(slug)) {
            Some(team) if team.has(&person) => Ok(Self { person, team: team.clone() }),
            Some(_) => Err(Refused::NotMember),
            None => Err(Refused::NoTeam),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::LoggedOut => Redirect::to("/login").into_response(),
            Self::NotMember => StatusCode::FORBIDDEN.into_response(),
            Self::NoTeam => StatusCode::NOT_FOUND.into_response(),
        }
    }
}

const COOKIE: &str = "person";
