//! The observer clients of a room.

use serde_json::{Value, json};

use crate::{
    check::{Context, Result, ensure, includes},
    client::ReadMode,
    server::{Member, Server},
};

/// Two members that what other clients do must not affect.
///
/// They track the roster from the messages that the test expects: they must receive these and no
/// others, and a client that joins must get the same roster.
#[derive(Debug)]
pub(crate) struct Observers {
    server: Server,
    members: [Member; 2],
    roster: Vec<(String, &'static str)>,
}

impl Observers {
    /// Joins two observers to the room.
    pub(crate) async fn join(server: &Server) -> Result<Self> {
        let mut first = server.join().await?;
        let second = server.join().await?;
        first.expect(json!({"type": "joined", "peer": {"id": second.id}})).await?;
        let roster = [&first, &second].map(|member| (member.id.clone(), "here")).into();
        Ok(Self { server: server.clone(), members: [first, second], roster })
    }

    /// Joins two observers and the client under test.
    pub(crate) async fn join_with_client(server: &Server) -> Result<(Self, Member)> {
        let mut observers = Self::join(server).await?;
        let client = observers.join_client().await?;
        Ok((observers, client))
    }

    /// Joins another client to the room.
    pub(crate) async fn join_client(&mut self) -> Result<Member> {
        self.join_client_as(ReadMode::AutoReply).await
    }

    pub(crate) async fn join_client_as(&mut self, mode: ReadMode) -> Result<Member> {
        let client = self.server.join_as(mode).await?;
        self.expect_joined(&client.id).await?;
        Ok(client)
    }

    pub(crate) async fn expect_joined(&mut self, id: &str) -> Result {
        self.expect(&json!({"type": "joined", "peer": {"id": id}})).await?;
        self.roster.push((id.to_owned(), "here"));
        Ok(())
    }

    /// Expects that a peer joins. Returns its id.
    pub(crate) async fn expect_any_joined(&mut self) -> Result<String> {
        let joined = self.members[0].expect(json!({"type": "joined"})).await?;
        let id = joined["peer"]["id"].as_str().unwrap_or_default().to_owned();
        self.members[1].expect(json!({"type": "joined", "peer": {"id": id}})).await?;
        self.roster.push((id.clone(), "here"));
        Ok(id)
    }

    /// Expects that this peer loses its connection.
    pub(crate) async fn expect_away(&mut self, id: &str) -> Result {
        self.expect_status(id, "away").await
    }

    /// Expects that this peer resumes its session.
    pub(crate) async fn expect_back(&mut self, id: &str) -> Result {
        self.expect_status(id, "here").await
    }

    /// Expects that this peer leaves for this reason.
    pub(crate) async fn expect_left(&mut self, id: &str, reason: &str) -> Result {
        self.expect(&json!({"type": "left", "peer": id, "reason": reason})).await?;
        self.roster.retain(|(other, _)| other != id);
        Ok(())
    }

    /// Makes this member leave.
    pub(crate) async fn expect_leave(&mut self, member: Member) -> Result {
        let id = member.id.clone();
        member.leave().await?;
        self.expect_left(&id, "left").await
    }

    /// Expects that this peer loses its connection, and leaves after the grace period.
    pub(crate) async fn expect_lost(&mut self, id: &str) -> Result {
        self.expect_away(id).await?;
        self.expect_left(id, "timeout").await
    }

    /// Expects that the next message of both includes this one.
    pub(crate) async fn expect(&mut self, expected: &Value) -> Result {
        for member in &mut self.members {
            member.expect(expected.clone()).await.context("an observer")?;
        }
        Ok(())
    }

    /// Checks that the observers have no unexpected messages and can exchange signals, and that a
    /// client that joins gets the roster that they have.
    pub(crate) async fn check_undisturbed(&mut self) -> Result {
        self.exchange_signals().await.context("the observers")?;
        let newcomer = self.server.join().await?;
        let expected: Vec<_> =
            self.roster.iter().map(|(id, status)| json!({"id": id, "status": status})).collect();
        let peers = newcomer.peers();
        let matches = peers.iter().zip(&expected).all(|(got, expected)| includes(got, expected));
        ensure!(
            matches && peers.len() == expected.len(),
            "a newcomer gets the peers {peers:?}, expected {expected:?}"
        );
        self.expect_joined(&newcomer.id).await?;
        self.expect_leave(newcomer).await
    }

    pub(crate) fn first(&mut self) -> &mut Member {
        &mut self.members[0]
    }

    pub(crate) fn both(&mut self) -> &mut [Member; 2] {
        &mut self.members
    }

    async fn expect_status(&mut self, id: &str, status: &'static str) -> Result {
        self.expect(&json!({"type": "status", "peer": id, "status": status})).await?;
        self.roster.iter_mut().filter(|(other, _)| other == id).for_each(|(_, it)| *it = status);
        Ok(())
    }

    pub(crate) async fn exchange_signals(&mut self) -> Result {
        let [first, second] = &mut self.members;
        first.signal(&second.id, "request").await?;
        second.expect(json!({"type": "signal", "from": first.id, "data": "request"})).await?;
        second.signal(&first.id, "reply").await?;
        first.expect(json!({"type": "signal", "from": second.id, "data": "reply"})).await?;
        Ok(())
    }
}
