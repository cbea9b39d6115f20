//! Clients that stay for a while, and how their connections end.

use tokio::time::{Instant, timeout_at};

use super::{ClientEnd, Received};

/// How a client's connection ends. The strategy
/// [`disconnect_mode`](super::strategies::disconnect_mode) generates it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DisconnectMode {
    /// The client leaves the room.
    Leave,
    /// The connection is [cut](ClientEnd::cut).
    Cut,
    /// The client [vanishes without a sign](ClientEnd::half_open).
    HalfOpen,
}

impl ClientEnd {
    /// Behaves as a client that has joined: discards each frame, answers each `ping`, and disconnects at
    /// `end`. Returns earlier if the server closes the connection or is gone.
    ///
    /// A test spawns it, once for each client:
    ///
    /// ```
    /// use meet_signal_core::{Grant, Hub, driver::serve, testing::{DisconnectMode, connection}};
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
    /// tokio::spawn(ada.live(start + Duration::from_secs(3600), DisconnectMode::Leave));
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
    pub async fn live(mut self, end: Instant, mode: DisconnectMode) {
        let mut received = 0;
        while let Ok(next) = timeout_at(end, self.next()).await {
            let Received::Flush(frames) = next else { return };
            for frame in frames {
                match frame["type"].as_str() {
                    Some("ping") => {
                        self.send(&format!(r#"{{"type":"pong","received":{received}}}"#));
                    }
                    Some("welcome" | "waiting") => {}
                    // Section 5 of the protocol: both ends count all other frames.
                    _ => received += 1,
                }
            }
        }
        match mode {
            DisconnectMode::Leave => {
                self.send(r#"{"type":"leave"}"#);
                // Until the server's close frame, which this answers.
                while let Received::Flush(_) = self.next().await {}
            }
            DisconnectMode::Cut => self.cut(),
            DisconnectMode::HalfOpen => self.half_open(),
        }
    }
}
