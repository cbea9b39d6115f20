//! The pages of the site.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use existing_app::{Site, context, page, static_file};

use crate::{
    App,
    login::{Member, User},
};

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/", get(home))
        .route("/teams/{team}", get(team))
        .route("/static/{name}", get(file))
}

async fn home(User(person): User, State(site): State<Arc<Site>>) -> Html<String> {
    let teams = site.teams_of(&person);
    Html(page("home.html", context! { person, teams }))
}

async fn team(Member { person, team }: Member) -> Html<String> {
    Html(page("team.html", context! { person, team }))
}

async fn file(Path(name): Path<String>) -> Response {
    match static_file(&name) {
        Some(file) => ([(header::CONTENT_TYPE, file.content_type)], file.text).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
