//! Serves an axum application with limits for its connections, which `axum::serve` does not have.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{BoxError, Router, extract::ConnectInfo};
use hyper::{
    Request, Response,
    body::{Body, Incoming},
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use meet_web::Bounds;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    select,
    sync::{
        OwnedSemaphorePermit, Semaphore,
        watch::{self, Receiver},
    },
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

/// Serves until `stop` resolves, and then until every request has its response, or until
/// `timeout_after_stop` has elapsed.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    app: Router,
    bounds: Bounds,
    stop: impl Future<Output = ()>,
    timeout_after_stop: Duration,
) {
    let mut http = http1::Builder::new();
    // From the end of one request until the head of the next one has been read.
    http.timer(TokioTimer::new()).header_read_timeout(bounds.request_timeout);
    let app = TowerToHyperService::new(app);
    let permits = Arc::new(Semaphore::new(bounds.connections));
    let (stopping, stopped) = watch::channel(());
    let mut stop = pin!(stop);
    loop {
        // A connection without a permit waits in the listener's queue.
        let (tcp, permit, address) = select! {
            () = &mut stop => break,
            accepted = accept(&listener, &permits) => accepted,
        };
        let app = app.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(address));
            app.call(request)
        });
        let (http, tls, stopped) = (http.clone(), tls.clone(), stopped.clone());
        tokio::spawn(async move {
            match tls {
                None => serve_http(&http, Counted::new(tcp, permit), service, stopped).await,
                Some(tls) => {
                    let handshake = timeout(bounds.handshake_timeout, tls.accept(tcp)).await;
                    let Ok(Ok(stream)) = handshake else { return };
                    serve_http(&http, Counted::new(stream, permit), service, stopped).await;
                }
            }
        });
    }
    drop((listener, stopped));
    let _ = stopping.send(());
    let _ = timeout(timeout_after_stop, stopping.closed()).await;
}

/// Serves requests until the connection ends, becomes a WebSocket, or the server stops.
async fn serve_http<IO, S, B>(http: &http1::Builder, io: IO, service: S, mut stopped: Receiver<()>)
where
    IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    B: Body<Data: Send, Error: Into<BoxError>> + 'static,
{
    let mut connection = pin!(http.serve_connection(TokioIo::new(io), service).with_upgrades());
    // The client causes all errors: a timeout, a reset, bytes that are not HTTP.
    let _ = select! {
        done = &mut connection => done,
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
}

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> (TcpStream, OwnedSemaphorePermit, SocketAddr) {
    let permit = permits.clone().acquire_owned().await.expect("it is never closed");
    loop {
        match listener.accept().await {
            Ok((tcp, address)) => {
                // If the connection has ended already, a later read reports it.
                let _ = tcp.set_nodelay(true);
                return (tcp, permit, address);
            }
            Err(error) if is_connection_error(&error) => {}
            // The process or the system is out of descriptors: a retry at once would only use the CPU.
            Err(_) => sleep(RETRY).await,
        }
    }
}

fn is_connection_error(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// A connection that holds its permit until it is closed, also as a WebSocket.
struct Counted<S> {
    stream: S,
    _permit: OwnedSemaphorePermit,
}

impl<S> Counted<S> {
    fn new(stream: S, permit: OwnedSemaphorePermit) -> Self {
        Self { stream, _permit: permit }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

const RETRY: Duration = Duration::from_millis(50);
