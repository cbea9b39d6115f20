//! Clients that stay for a while, and how they go.

use tokio::time::{Instant, timeout_at};

use super::{ClientEnd, Received};

/// How a client's connection ends. [`strategies::fate`](super::strategies::fate) makes them up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// The client leaves the room.
    Leaves,
    /// The connection is [cut](ClientEnd::cut).
    Cut,
    /// The client [vanishes without a word](ClientEnd::half_open).
    HalfOpen,
}

impl ClientEnd {
    /// Lives as a client that has joined does: discards what comes, answers each `ping`, and at `end`
    /// meets its fate. Done earlier if the server closes or is gone.
    ///
    /// To be spawned, one for each client:
    ///
    /// ```
    /// use meet_signal_core::{Grant, Hub, driver::serve, testing::{Fate, connection}};
    /// use tokio::time::{Duration, Instant};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let mut builder = tokio::runtime::Builder::new_current_thread();
    /// # let runtime = builder.enable_time().start_paused(true).build()?;
    /// # runtime.block_on(async {
    /// // The body of a test with `#[tokio::test(start_paused = true)]`.
    /// let (server, mut ada) = connection(8);
    /// let serving = tokio::spawn(serve(Hub::default(), "standup".parse()?, Grant::new(), server));
    /// ada.join().await;
    /// let start = Instant::now();
    /// tokio::spawn(ada.live(start + Duration::from_secs(3600), Fate::Leaves));
    /// serving.await?;
    /// assert_eq!(start.elapsed().as_secs(), 3600);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cuts the connection.
    pub async fn live(mut self, end: Instant, fate: Fate) {
        let mut received = 0;
        while let Ok(came) = timeout_at(end, self.next()).await {
            let Received::Flush(frames) = came else { return };
            for frame in frames {
                match frame["type"].as_str() {
                    Some("ping") => {
                        self.send(&format!(r#"{{"type":"pong","received":{received}}}"#));
                    }
                    Some("welcome" | "waiting") => {}
                    // What section 5 of the protocol has both ends count.
                    _ => received += 1,
                }
            }
        }
        match fate {
            Fate::Leaves => {
                self.send(r#"{"type":"leave"}"#);
                // To the server's close frame, which this answers.
                while let Received::Flush(_) = self.next().await {}
            }
            Fate::Cut => self.cut(),
            Fate::HalfOpen => self.half_open(),
        }
    }
}
