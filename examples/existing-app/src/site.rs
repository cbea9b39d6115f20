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
    /// Its members.
    pub members: Vec<Person>,
    /// The login of the member who may remove and block others in its meetings.
    pub host: String,
}

/// The data of the site.
#[derive(Debug)]
pub struct Site {
    people: Vec<Person>,
    teams: Vec<Team>,
}

impl Site {
    /// Ada, Bob, Cy and Dot, who all log in with the password `demo`. Ada, Bob and Dot are in team
    /// `apollo`, whose host is Ada; Bob and Cy are in team `gemini`, whose host is Bob.
    pub fn demo() -> Self {
        let person = |login: &str, name: &str| Person { login: login.into(), name: name.into() };
        // The first member is the host.
        let team = |slug: &str, title: &str, members: &[&Person]| Team {
            slug: slug.into(),
            title: title.into(),
            members: members.iter().map(|&member| member.clone()).collect(),
            host: members[0].login.clone(),
        };
        let ada = person("ada", "Ada Lovelace");
        let bob = person("bob", "Bob Kahn");
        let cy = person("cy", "Cy Adler");
        let dot = person("dot", "Dot Eames");
        let apollo = team("apollo", "Apollo", &[&ada, &bob, &dot]);
        let gemini = team("gemini", "Gemini", &[&bob, &cy]);
        Self { people: vec![ada, bob, cy, dot], teams: vec![apollo, gemini] }
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

    /// Whether a person is the host of its meetings.
    pub fn is_hosted_by(&self, person: &Person) -> bool {
        self.host == person.login
    }

    /// The name of the member with this login, or the login of somebody who is no member any more.
    pub fn name_of<'a>(&'a self, login: &'a str) -> &'a str {
        let member = self.members.iter().find(|member| member.login == login);
        member.map_or(login, |member| &member.name)
    }
}
