//! People and teams. A real site would have them in a database.

/// A person who can log in.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Person {
    /// The name to log in with.
    pub login: String,
    /// The name that others see.
    pub name: String,
}

/// A team of people.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Team {
    /// Its name in URLs.
    pub slug: String,
    /// Its name on pages.
    pub title: String,
    /// The logins of its members.
    pub members: Vec<Person>,
}

/// The data of the site.
#[derive(Debug)]
pub struct Site {
    people: Vec<Person>,
    teams: Vec<Team>,
}

impl Site {
    /// Ada, Bob and Cy, who all log in with the password `demo`. Ada and Bob are in team `apollo`, Bob
    /// and Cy in team `gemini`.
    pub fn demo() -> Self {
        let person = |login: &str, name: &str| Person { login: login.into(), name: name.into() };
        let team = |slug: &str, title: &str, members: &[&Person]| Team {
            slug: slug.into(),
            title: title.into(),
            members: members.iter().map(|&member| member.clone()).collect(),
        };
        let ada = person("ada", "Ada Lovelace");
        let bob = person("bob", "Bob Kahn");
        let cy = person("cy", "Cy Adler");
        let teams =
            vec![team("apollo", "Apollo", &[&ada, &bob]), team("gemini", "Gemini", &[&bob, &cy])];
        Self { people: vec![ada, bob, cy], teams }
    }

    /// The person with this login and password.
    pub fn log_in(&self, login: &str, password: &str) -> Option<&Person> {
        // A real site compares a hash, such as one of `argon2`.
        self.person(login).filter(|_| password == "demo")
    }

    /// The person with this login.
    pub fn person(&self, login: &str) -> Option<&Person> {
        self.people.iter().find(|person| person.login == login)
    }

    /// The team with this name in URLs.
    pub fn team(&self, slug: &str) -> Option<&Team> {
        self.teams.iter().find(|team| team.slug == slug)
    }

    /// The teams of a person.
    pub fn teams_of(&self, person: &Person) -> Vec<Team> {
        self.teams.iter().filter(|team| team.has(person)).cloned().collect()
    }
}

impl Team {
    /// Whether a person is a member.
    pub fn has(&self, person: &Person) -> bool {
        self.members.iter().any(|member| member.login == person.login)
    }
}
