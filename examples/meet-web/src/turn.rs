//! The TURN server of the participants.

use std::{fs, io, time::Duration};

use clap::Args;
use meet_signal_core::{IceServerProvider, Secret, TurnCredentials};
use thiserror::Error;

use crate::bounds::seconds;

/// Options about a TURN server, which relays media where two participants find no direct way.
#[derive(Debug, Clone, Args)]
#[non_exhaustive]
pub struct Turn {
    /// A TURN server for the participants, like turn:turn.example.com:3478 (repeatable; separated by
    /// commas in the variable). It must take the secret of --turn-secret-file, as coturn does with
    /// use-auth-secret
    #[arg(
        long = "turn",
        env = "TURN",
        value_name = "URL",
        value_delimiter = ',',
        value_parser = turn_url,
        requires = "secret"
    )]
    urls: Vec<String>,

    /// The file with the secret that is shared with the TURN server. Participants get credentials
    /// that are made with it, and that expire
    #[arg(
        long = "turn-secret-file",
        env = "TURN_SECRET_FILE",
        value_name = "FILE",
        value_parser = read_secret,
        requires = "urls"
    )]
    secret: Option<Secret<'static>>,

    /// How long credentials of the TURN server are valid, from 10 seconds to a day. They are renewed
    /// after half of it
    #[arg(
        long = "turn-lifetime",
        env = "TURN_LIFETIME",
        value_name = "SECONDS",
        default_value = "3600",
        value_parser = lifetime
    )]
    lifetime: Duration,
}

impl Turn {
    /// The credentials of participants, if there is a TURN server.
    pub(crate) fn provider(&self) -> Option<impl IceServerProvider + 'static> {
        let secret = self.secret.clone()?;
        let turn = TurnCredentials::new(&self.urls, secret).expect("both were checked");
        Some(turn.lifetime(self.lifetime).expect("it was checked"))
    }
}

/// Why the secret is not usable.
#[derive(Debug, Error)]
enum SecretError {
    #[error("it cannot be read: {0}")]
    Read(#[from] io::Error),
    #[error("it is empty")]
    Empty,
}

fn read_secret(file: &str) -> Result<Secret<'static>, SecretError> {
    let secret = fs::read_to_string(file)?;
    // Editors end a file with a line end.
    match secret.trim() {
        "" => Err(SecretError::Empty),
        secret => Ok(Secret::from(secret.to_owned())),
    }
}

fn turn_url(url: &str) -> Result<String, String> {
    let checked = TurnCredentials::new([url], "any secret");
    checked.map(|_| url.to_owned()).map_err(|_| {
        "a TURN URL is like turn:turn.example.com:3478 or turns:turn.example.com:443?transport=tcp"
            .to_owned()
    })
}

fn lifetime(text: &str) -> Result<Duration, String> {
    let lifetime = seconds(text).map_err(|error| error.to_string())?;
    let any = TurnCredentials::new(["turn:any.example"], "any secret").expect("both are valid");
    any.lifetime(lifetime).map(|_| lifetime).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::{env, path::PathBuf, process};

    use clap::{Parser, error::ErrorKind};

    use super::*;
    use crate::Options;

    /// A file that is removed at the end.
    struct File(PathBuf);

    impl File {
        fn new(name: &str, content: &str) -> Self {
            let path = env::temp_dir().join(format!("meet-turn-{}-{name}", process::id()));
            fs::write(&path, content).unwrap();
            Self(path)
        }

        fn path(&self) -> &str {
            self.0.to_str().unwrap()
        }
    }

    impl Drop for File {
        fn drop(&mut self) {
            let _ = fs::remove_file(&self.0);
        }
    }

    fn parse(args: &[&str]) -> Result<Options, clap::Error> {
        Options::try_parse_from([&["meet"], args].concat())
    }

    #[test]
    fn a_server_and_its_secret_go_together() {
        let secret = File::new("secret", "correct-horse-battery-staple\n");
        assert!(parse(&[]).unwrap().turn.provider().is_none());
        let url = "turn:turn.example.com:3478";
        let options = parse(&["--turn", url, "--turn-secret-file", secret.path()]).unwrap();
        assert!(options.turn.provider().is_some());
        assert_eq!(
            options.turn.secret.as_ref().map(|secret| secret.expose()),
            Some("correct-horse-battery-staple"),
        );
        assert!(!format!("{options:?}").contains("correct-horse"));
        for args in [["--turn", url], ["--turn-secret-file", secret.path()]] {
            let error = parse(&args).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::MissingRequiredArgument, "{error}");
        }
    }

    #[test]
    fn what_cannot_work_is_refused_with_a_reason() {
        let (secret, empty) = (File::new("good", "secret"), File::new("empty", " \n"));
        let url = "turn:turn.example.com:3478";
        let missing = format!("{}-missing", secret.path());
        for (url, file, lifetime, reason) in [
            (url, &*missing, "60", "it cannot be read"),
            (url, empty.path(), "60", "it is empty"),
            ("stun:turn.example.com", secret.path(), "60", "a TURN URL is like"),
            (url, secret.path(), "9", "from 10 seconds to 24 hours"),
            (url, secret.path(), "x", "--turn-lifetime"),
        ] {
            let args = ["--turn", url, "--turn-secret-file", file, "--turn-lifetime", lifetime];
            let error = parse(&args).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
