//! The pages and static files, embedded.

use std::sync::LazyLock;

use minijinja::{Environment, UndefinedBehavior, Value, context};

use crate::{Person, Team};

/// Renders a page: the template of this name.
///
/// # Panics
///
/// There is no such template, or `context` lacks a value that it uses. The tests render each page.
pub fn page(name: &str, context: Value) -> String {
    let template = TEMPLATES.get_template(name).expect("a template");
    template.render(context).expect("a context that has all that the template shows")
}

/// A static file of the pages.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct StaticFile {
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// The content.
    pub text: &'static str,
}

/// The file at `/static/{name}`.
pub fn static_file(name: &str) -> Option<StaticFile> {
    let (content_type, text) = match name {
        "style.css" => ("text/css; charset=utf-8", include_str!("../static/style.css")),
        "meeting.js" => ("text/javascript; charset=utf-8", include_str!("../static/meeting.js")),
        "people.js" => ("text/javascript; charset=utf-8", include_str!("../static/people.js")),
        _ => return None,
    };
    Some(StaticFile { content_type, text })
}

impl From<Person> for Value {
    fn from(Person { login, name }: Person) -> Self {
        context! { login, name }
    }
}

impl From<Team> for Value {
    fn from(Team { slug, title, members, host }: Team) -> Self {
        context! { slug, title, members, host }
    }
}

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut templates = Environment::new();
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    for (name, source) in SOURCES {
        templates.add_template(name, source).expect("the templates are well-formed");
    }
    templates
});

const SOURCES: [(&str, &str); 6] = [
    ("base.html", include_str!("../templates/base.html")),
    ("login.html", include_str!("../templates/login.html")),
    ("home.html", include_str!("../templates/home.html")),
    ("team.html", include_str!("../templates/team.html")),
    ("meeting.html", include_str!("../templates/meeting.html")),
    ("attendance.html", include_str!("../templates/attendance.html")),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Site;

    #[test]
    fn pages_show_their_subject() {
        let site = Site::demo();
        let bob = site.person("bob").unwrap();
        let teams = site.teams_of(bob);
        let home = page("home.html", context! { person => bob.clone(), teams });
        assert!(home.contains("Bob Kahn") && home.contains("Apollo") && home.contains("Gemini"));
        let team = site.team("apollo").unwrap().clone();
        let meeting = context! { person => bob.clone(), team => team.clone(), client => "/x.js" };
        let meeting = page("meeting.html", meeting);
        assert!(meeting.contains("/teams/apollo/meeting/signal"));
        assert!(meeting.contains(r#"{ "/meet-signal/index.js": "/x.js" }"#), "{meeting}");
        let team = page("team.html", context! { person => bob.clone(), team });
        assert!(team.contains("Apollo") && team.contains("Ada Lovelace"));
        assert!(page("login.html", context! { failed => true }).contains("wrong"));
        assert!(!page("login.html", context! { failed => false }).contains("wrong"));
    }

    #[test]
    fn names_are_escaped() {
        let mallory = Person { login: "mallory".into(), name: "<script>".into() };
        let home = page("home.html", context! { person => mallory, teams => [(); 0] });
        assert!(home.contains("&lt;script&gt;") && !home.contains("<script>"));
    }
}
