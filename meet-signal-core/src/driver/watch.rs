//! How an application follows a connection that an adapter serves.

use std::{fmt, time::Instant};

use tokio::{
    sync::watch::{Receiver, Sender},
    time::Duration,
};

use super::{EndReason, Outcome, Rules, guard::guard, refuse_with, serve_with};
use crate::{Authorize, Denied, Hub, LocalAuthorize, PeerId, RoomId, clock::now, socket::Socket};

/// Reports what becomes of one connection to its [`SessionWatch`]es. An adapter has one for each
/// request; an application that [serves](super::serve) a [`Socket`] itself makes its own.
///
/// A reporter that is dropped before its connection has ended, or that never gets one, reports
/// [`EndReason::Aborted`].
///
/// ```
/// use meet_signal_core::{
///     CloseReason, Grant, Hub,
///     driver::{EndReason, Reporter},
///     testing::connection,
/// };
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
/// # runtime.block_on(async {
/// let mut reporter = Reporter::new();
/// let watch = reporter.watch();
/// let (socket, mut client) = connection(8);
/// tokio::spawn(reporter.serve(Hub::default(), "standup".parse()?, Grant::new(), socket));
///
/// let welcome = client.join().await;
/// let peer = watch.joined().await.expect("it has joined");
/// assert_eq!(welcome["self"]["id"], peer.to_string());
/// client.send(r#"{"type":"leave"}"#);
/// assert_eq!(watch.ended().await.reason, EndReason::Closed(CloseReason::Left));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
pub struct Reporter {
    /// `None` until somebody watches.
    sender: Option<Sender<Progress>>,
    start: Option<Instant>,
}

impl Reporter {
    /// A reporter without a watch, which costs nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Watches the connection. Any number of watches get the same reports.
    pub fn watch(&mut self) -> SessionWatch {
        let sender = self.sender.get_or_insert_with(|| Sender::new(Progress::Waiting));
        SessionWatch(sender.subscribe())
    }

    /// [`serve`](super::serve), with reports.
    ///
    /// # Cancel safety
    ///
    /// As [`serve`](super::serve)'s. It reports [`EndReason::Aborted`] when it is dropped.
    pub fn serve<S: Socket, A: Authorize<M>, M>(
        self,
        hub: Hub,
        room: RoomId,
        authorize: A,
        socket: S,
    ) -> impl Future<Output = Outcome> {
        let rules = Rules {
            authorizes_resume: guard(|| authorize.authorizes_resume()),
            granted: guard(|| authorize.granted().cloned()).flatten(),
            authorize: async move |request| authorize.authorize(request).await,
        };
        serve_with(hub, room, rules, socket, self)
    }

    /// [`serve_local`](super::serve_local), with reports.
    ///
    /// # Cancel safety
    ///
    /// As [`serve`](Self::serve)'s.
    pub fn serve_local<S: Socket, A: LocalAuthorize<M>, M>(
        self,
        hub: Hub,
        room: RoomId,
        authorize: A,
        socket: S,
    ) -> impl Future<Output = Outcome> {
        let rules = Rules {
            authorizes_resume: guard(|| authorize.authorizes_resume_local()),
            granted: guard(|| authorize.granted_local().cloned()).flatten(),
            authorize: async move |request| authorize.authorize_local(request).await,
        };
        serve_with(hub, room, rules, socket, self)
    }

    /// [`refuse`](super::refuse), with reports.
    ///
    /// # Cancel safety
    ///
    /// As [`serve`](Self::serve)'s.
    pub fn refuse<S: Socket>(
        self,
        hub: Hub,
        denied: Denied,
        socket: S,
    ) -> impl Future<Output = Outcome> {
        refuse_with(hub, denied, socket, self)
    }

    pub(super) fn started(&mut self, start: Instant) {
        self.start = Some(start);
    }

    pub(super) fn joined(&self, peer: PeerId) {
        self.report(|| Progress::Joined(peer));
    }

    pub(super) fn ended(&mut self, outcome: &Outcome) {
        self.report(|| Progress::Ended(outcome.clone()));
        self.sender = None;
    }

    fn report(&self, progress: impl FnOnce() -> Progress) {
        if let Some(sender) = &self.sender {
            sender.send_replace(progress());
        }
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        let Some(sender) = &self.sender else { return };
        let peer = sender.borrow().peer();
        let duration = self.start.map_or(Duration::ZERO, |start| now() - start);
        let outcome = Outcome { peer, ..Outcome::new() }.ended(EndReason::Aborted, duration);
        self.ended(&outcome);
    }
}

/// Says who a connection became in its room, and how that ended.
///
/// A watch only reads: dropping it, at any time, neither ends nor changes the session. It may be
/// cloned, and sent to other tasks.
#[derive(Debug, Clone)]
pub struct SessionWatch(Receiver<Progress>);

impl SessionWatch {
    /// Waits until the connection has joined, or has resumed a session: then the peer is in
    /// [`Hub::roster`], and the `welcome` is about to be sent. One that waits in the lobby joins when it
    /// is admitted. A resumed session has the
    /// [`PeerId`] that its earlier connection had.
    ///
    /// `None` if the connection has ended without a session: [`ended`](Self::ended) returns why. Of
    /// one that has joined, it returns the peer at any later time, too.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: it may be dropped and called again, and loses nothing.
    pub async fn joined(&self) -> Option<PeerId> {
        self.wait(|progress| match progress {
            Progress::Waiting => None,
            _ => Some(progress.peer()),
        })
        .await
    }

    /// Waits until the session has ended, or the connection has ended without one. A session that
    /// has lost its connection ends after its grace period, if no newer one resumes it.
    ///
    /// With [`CloseReason::TakenOver`](crate::CloseReason::TakenOver) the session goes on with a newer
    /// connection, whose own request has a watch of its own.
    ///
    /// # Cancel safety
    ///
    /// As [`joined`](Self::joined)'s.
    pub async fn ended(&self) -> Outcome {
        self.wait(|progress| match progress {
            Progress::Ended(outcome) => Some(outcome.clone()),
            _ => None,
        })
        .await
    }

    async fn wait<T>(&self, read: impl Fn(&Progress) -> Option<T>) -> T {
        let mut receiver = self.0.clone();
        let progress = receiver.wait_for(|progress| read(progress).is_some()).await;
        let progress = progress.expect("a reporter reports the end before it is gone");
        read(&progress).expect("it was waited for")
    }
}

#[derive(Debug)]
enum Progress {
    Waiting,
    Joined(PeerId),
    Ended(Outcome),
}

impl Progress {
    fn peer(&self) -> Option<PeerId> {
        match self {
            Self::Waiting => None,
            Self::Joined(peer) => Some(*peer),
            Self::Ended(outcome) => outcome.peer,
        }
    }
}

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reporter").finish_non_exhaustive()
    }
}
