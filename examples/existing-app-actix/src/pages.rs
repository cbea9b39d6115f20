//! The pages of the site.

use actix_web::{
    HttpResponse,
    web::{Data, Html, Path, ServiceConfig, get},
};
use existing_app::{Site, context, page, static_file};

use crate::login::{Member, User};

pub(crate) fn routes(app: &mut ServiceConfig) {
    app.route("/", get().to(home))
        .route("/teams/{team}", get().to(team))
        .route("/static/{name}", get().to(file));
}

async fn home(User(person): User, site: Data<Site>) -> Html {
    let teams = site.teams_of(&person);
    Html::new(page("home.html", context! { person, teams }))
}

async fn team(Member { person, team }: Member) -> Html {
    Html::new(page("team.html", context! { person, team }))
}

async fn file(name: Path<String>) -> HttpResponse {
    match static_file(&name) {
        Some(file) => HttpResponse::Ok().content_type(file.content_type).body(file.text),
        None => HttpResponse::NotFound().finish(),
    }
}
