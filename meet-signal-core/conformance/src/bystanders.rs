//! The others in the room.

use serde_json::{Value, json};

use crate::{
    check::{Verdict, ensure, says},
    server::{Member, Server},
};

/// Two members who mind their own business, and whom nothing that others do may disturb.
///
/// They keep book of who is in the room: what they are told, and what a newcomer finds, has to be
/// that and nothing more.
#[derive(Debug)]
pub(crate) struct Bystanders {
    server: Server,
    pair: [Member; 2],
    roster: Vec<(String, &'static str)>,
}

impl Bystanders {
    /// They join the room.
    pub(crate) async fn join(server: &Server) -> Verdict<Self> {
        let mut first = server.join().await?;
        let second = server.join().await?;
        first.expect(json!({"type": "joined", "peer": {"id": second.id}})).await?;
        let roster = [&first, &second].map(|member| (member.id.clone(), "here")).into();
        Ok(Self { server: server.clone(), pair: [first, second], roster })
    }

    /// They are told that this peer joined.
    pub(crate) async fn see_joined(&mut self, id: &str) -> Verdict {
        self.told(&json!({"type": "joined", "peer": {"id": id}})).await?;
        self.roster.push((id.to_owned(), "here"));
        Ok(())
    }

    /// They are told that somebody joined: its id.
    pub(crate) async fn see_somebody_join(&mut self) -> Verdict<String> {
        let joined = self.pair[0].expect(json!({"type": "joined"})).await?;
        let id = joined["peer"]["id"].as_str().unwrap_or_default().to_owned();
        self.pair[1].expect(json!({"type": "joined", "peer": {"id": id}})).await?;
        self.roster.push((id.clone(), "here"));
        Ok(id)
    }

    /// They are told that this peer's socket was lost.
    pub(crate) async fn see_away(&mut self, id: &str) -> Verdict {
        self.told(&json!({"type": "status", "peer": id, "status": "away"})).await?;
        self.roster.iter_mut().filter(|(other, _)| other == id).for_each(|(_, it)| *it = "away");
        Ok(())
    }

    /// They are told that this peer has a socket again.
    pub(crate) async fn see_back(&mut self, id: &str) -> Verdict {
        self.told(&json!({"type": "status", "peer": id, "status": "here"})).await?;
        self.roster.iter_mut().filter(|(other, _)| other == id).for_each(|(_, it)| *it = "here");
        Ok(())
    }

    /// They are told that this peer left, for this reason.
    pub(crate) async fn see_left(&mut self, id: &str, reason: &str) -> Verdict {
        self.told(&json!({"type": "left", "peer": id, "reason": reason})).await?;
        self.roster.retain(|(other, _)| other != id);
        Ok(())
    }

    /// They are told that this peer's socket was lost, and then that it did not come back.
    pub(crate) async fn see_lost(&mut self, id: &str) -> Verdict {
        self.see_away(id).await?;
        self.see_left(id, "timeout").await
    }

    /// Both are told this, next.
    pub(crate) async fn told(&mut self, expected: &Value) -> Verdict {
        for member in &mut self.pair {
            let told = member.expect(expected.clone()).await;
            told.map_err(|broken| broken.during("a bystander"))?;
        }
        Ok(())
    }

    /// They have been told nothing else, exchange signals, and a newcomer finds the room as they
    /// know it.
    pub(crate) async fn undisturbed(&mut self) -> Verdict {
        self.exchange().await.map_err(|broken| broken.during("the bystanders are disturbed"))?;
        let newcomer = self.server.join().await?;
        let expected: Vec<_> =
            self.roster.iter().map(|(id, status)| json!({"id": id, "status": status})).collect();
        let found = newcomer.found();
        let as_known = found.iter().zip(&expected).all(|(got, expected)| says(got, expected));
        ensure!(
            as_known && found.len() == expected.len(),
            "a newcomer finds {found:?}, expected {expected:?}"
        );
        let id = newcomer.id.clone();
        self.see_joined(&id).await?;
        newcomer.leave().await?;
        self.see_left(&id, "left").await
    }

    /// One of them, for what a promise has to say to a bystander.
    pub(crate) fn first(&mut self) -> &mut Member {
        &mut self.pair[0]
    }

    pub(crate) fn pair(&mut self) -> &mut [Member; 2] {
        &mut self.pair
    }

    async fn exchange(&mut self) -> Verdict {
        let [first, second] = &mut self.pair;
        first.signal(&second.id, "are you there?").await?;
        let signal = json!({"type": "signal", "from": first.id, "data": "are you there?"});
        second.expect(signal).await?;
        second.signal(&first.id, "I am").await?;
        first.expect(json!({"type": "signal", "from": second.id, "data": "I am"})).await?;
        Ok(())
    }
}
