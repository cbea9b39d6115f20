//! Bytes between two TCP connections.

use std::io;

use tokio::{io::copy_bidirectional, net::TcpListener};

pub(crate) async fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (mut first, _) = listener.accept().await?;
        let (mut second, _) = listener.accept().await?;
        first.set_nodelay(true)?;
        second.set_nodelay(true)?;
        tokio::spawn(async move {
            // However it ends, both are closed.
            let _ = copy_bidirectional(&mut first, &mut second).await;
        });
    }
}
