//! Asks the provider of a session for ICE servers: before its `welcome`, and again before they
//! expire.

use std::{
    convert::Infallible,
    future::pending,
    pin::Pin,
    task::{Context, Poll},
    time::SystemTime,
};

use tokio::time::{Duration, Instant, sleep_until, timeout};

use super::{guard::Guarded, hello::Question};
use crate::{
    Hub, IceServerRequest, IceServers, PeerId, RoomId, Session,
    clock::now,
    connection::Connection,
    hub::{Greeting, IceChange, Provided},
    ice::Provider,
    random::random,
    trace,
};

/// Renews the ICE servers of a session while its connection lasts. A session without a provider has
/// nothing to renew.
pub(super) struct Renewal(Option<Pin<Box<dyn Future<Output = Infallible> + Send>>>);

impl Renewal {
    /// Never ready.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Infallible> {
        match &mut self.0 {
            Some(renewing) => renewing.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}

/// Sends the `welcome`, with the servers of the session's provider if they come in time.
pub(super) async fn greet(
    greeting: Greeting,
    question: Option<Question>,
    trace: &trace::Connection,
) -> (Session, Renewal) {
    match greeting.session().ice_provider().cloned() {
        // Boxed, because it ends early, and few sessions have a provider.
        Some(provider) => Box::pin(greet_with(provider, greeting, question, trace)).await,
        None => (greeting.send(), Renewal(None)),
    }
}

async fn greet_with(
    provider: Provider,
    mut greeting: Greeting,
    question: Option<Question>,
    trace: &trace::Connection,
) -> (Session, Renewal) {
    let session = greeting.session();
    let (hub, room) = (session.hub().clone(), session.room().clone());
    let (connection, trace) = (session.connection(), trace.clone());
    let source = Source { hub, room, connection, provider, trace };
    // A session that is resumed has another id than the one that the provider was asked for.
    let question = question.filter(|question| question.peer == connection.peer);
    let (mut asking, mut answered) = match question {
        Some(Question { asking, answered, .. }) => (asking, answered),
        None => (source.ask(), None),
    };
    let mut expires = greeting.ice_servers_expire();
    if !greeting.has_welcome() {
        let session = greeting.send();
        if let Some(Some(answer)) = &answered {
            expires = answer.provided.expires;
            source.send(answer.provided.clone());
        }
        return (session, Renewal(Some(Box::pin(source.renew(answered, asking, expires)))));
    }
    if answered.is_none() {
        answered = timeout(source.hub.limits().ice_servers_timeout(), &mut asking).await.ok();
    }
    if let Some(Some(answer)) = &answered {
        expires = answer.provided.expires;
        greeting.provide(answer.provided.clone());
    } else if expires.is_some_and(|expires| expires <= now()) {
        expires = None;
        greeting.provide(Provided::default());
    }
    let session = greeting.send();
    (session, Renewal(Some(Box::pin(source.renew(answered, asking, expires)))))
}

/// The provider of a session, and the session.
struct Source {
    hub: Hub,
    room: RoomId,
    connection: Connection,
    provider: Provider,
    trace: trace::Connection,
}

/// What a provider has answered.
pub(super) struct Answer {
    pub(super) provided: Provided,
    valid_for: Option<Duration>,
}

/// `None` if the provider has none.
pub(super) type Asking = Pin<Box<dyn Future<Output = Option<Answer>> + Send>>;

impl Source {
    /// Goes on after the first question, which was answered already or is still open.
    async fn renew(
        self,
        mut answered: Option<Option<Answer>>,
        mut asking: Asking,
        mut expires: Option<std::time::Instant>,
    ) -> Infallible {
        let mut failures = 0;
        loop {
            let answer = match answered.take() {
                Some(answer) => answer,
                None => {
                    let answer = timeout(LONGEST_ANSWER, &mut asking).await.ok().flatten();
                    if let Some(answer) = &answer {
                        expires = answer.provided.expires;
                        self.send(answer.provided.clone());
                    }
                    answer
                }
            };
            let wait = match answer {
                Some(Answer { valid_for: None, .. }) => pending().await,
                Some(Answer { valid_for: Some(lifetime), .. }) => {
                    failures = 0;
                    (lifetime / 2).max(SHORTEST_INTERVAL)
                }
                None => {
                    failures += 1;
                    self.trace.ice_servers_missing();
                    backoff(failures)
                }
            };
            let next = Instant::now() + wait;
            // Expired credentials only cost the client time.
            if let Some(expired) = expires.take_if(|expires| Instant::from_std(*expires) <= next) {
                sleep_until(expired.into()).await;
                self.send(Provided::default());
            }
            sleep_until(next).await;
            asking = self.ask();
        }
    }

    fn ask(&self) -> Asking {
        ask(self.provider.clone(), self.room.clone(), self.connection.peer, &self.trace)
    }

    fn send(&self, provided: Provided) {
        let (peer, change) = (self.connection.peer, IceChange::Provided(provided));
        self.hub.with_session(&self.room, self.connection, |room, wakers| {
            room.change_ice_servers(peer, change, wakers)
        });
    }
}

/// Asks a provider. Its panic is no answer, either.
pub(super) fn ask(
    provider: Provider,
    room: RoomId,
    peer: PeerId,
    trace: &trace::Connection,
) -> Asking {
    let asking = Guarded::new(trace.within(async move {
        let request = IceServerRequest { room, peer, now: SystemTime::now() };
        provider.provide(request).await.ok()
    }));
    Box::pin(async move { asking.await.flatten().map(Answer::new) })
}

impl Answer {
    fn new(IceServers { servers, valid_for }: IceServers) -> Self {
        let valid_for = valid_for.map(|lifetime| lifetime.min(LONGEST_LIFETIME));
        let expires = valid_for.map(|lifetime| now() + lifetime);
        Self { provided: Provided { servers, expires }, valid_for }
    }
}

/// The delay after so many failures in a row: exponential, and random, so that the sessions of a
/// provider that was down do not ask it at the same time.
fn backoff(failures: u32) -> Duration {
    let delay = (SHORTEST_INTERVAL * 2u32.saturating_pow(failures - 1)).min(LONGEST_BACKOFF);
    let [random] = random::<1>();
    delay / 2 + delay / 2 * u32::from(random) / 255
}

/// How long a provider may take to answer, in addition to the wait of the `welcome`.
const LONGEST_ANSWER: Duration = Duration::from_secs(30);

const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);

/// A bound for the arithmetic: a connection lasts hardly as long.
const LONGEST_LIFETIME: Duration = Duration::from_secs(365 * 86_400);
