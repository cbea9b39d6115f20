//! The adapter behind TLS.

use std::{net::SocketAddr, sync::Arc};

use meet_signal_actix::{Hub, OriginPolicy, SignalService};
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
        client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        crypto::ring,
        pki_types::{CertificateDer, ServerName, UnixTime},
    },
};

use crate::{
    raw::{self, Connection, broadcast},
    responses::{HANDSHAKE, request},
    server::{Kind, observed, serve, small_buffers},
    slow::hub,
};

#[tokio::test]
async fn pages_without_encryption_may_not_connect_to_a_server_with_it() {
    let server = observed(&Hub::default(), small_buffers().into(), Kind::Tls);
    for (scheme, status) in [("https", 101), ("http", 403)] {
        let origin = format!("Origin: {scheme}://{}", server.address);
        let (response, _) = upgrade(server.address, &[&origin]).await;
        assert_eq!(response, status, "{origin}");
    }
}

#[tokio::test]
async fn a_plain_connection_may_be_behind_a_tls_proxy() {
    let server = observed(&Hub::default(), small_buffers().into(), Kind::Plain);
    for scheme in ["https", "http"] {
        let origin = format!("Origin: {scheme}://{}", server.address);
        let headers = [&HANDSHAKE[..], &[&origin]].concat();
        let response = request(server.address, "GET", "/signal/standup", &headers).await;
        assert_eq!(response.status, 101, "{origin}");
    }
}

#[tokio::test]
async fn only_listed_hosts_are_accepted() {
    let policy = OriginPolicy::same_host_among(["meet.example.com"]).expect("a host");
    let server = serve(move |app| {
        app.service(SignalService::new(Hub::default()).origins(policy.clone()));
    });
    // As from a page whose name resolves to this server (DNS rebinding).
    let origin = format!("Origin: http://{}", server.address);
    let headers = [&HANDSHAKE[..], &[&origin]].concat();
    let response = request(server.address, "GET", "/signal/standup", &headers).await;
    assert_eq!(response.status, 403);
    let origin = "Origin: http://meet.example.com";
    let headers = [&HANDSHAKE[..], &[origin]].concat();
    // The `Host` of the request is another one.
    assert_eq!(request(server.address, "GET", "/signal/standup", &headers).await.status, 403);
}

#[tokio::test]
async fn a_peer_that_does_not_read_loses_its_connection() {
    let mut server = observed(&hub(), small_buffers().into(), Kind::Tls);
    let (_, mut stuck) = upgrade(server.address, &[]).await;
    stuck.send(r#"{"type":"join"}"#).await;
    let (_, mut talker) = upgrade(server.address, &[]).await;
    talker.send(r#"{"type":"join"}"#).await;
    talker.expect("welcome").await;
    for _ in 0..8 {
        talker.send(&broadcast(48 * 1024)).await;
    }
    talker.expect("status").await;
    server.ends.recv().await.expect("the end of the connection that is stuck");
    assert!(server.ends.try_recv().is_err(), "the other one goes on");
}

#[tokio::test]
async fn a_peer_that_reads_slowly_gets_everything_and_keeps_its_connection() {
    let mut server = observed(&raw::roomy_hub(), small_buffers().into(), Kind::Tls);
    let (_, mut reader) = upgrade(server.address, &[]).await;
    let (_, mut talker) = upgrade(server.address, &[]).await;
    raw::one_reads_slowly(&mut talker, &mut reader).await;
    assert!(server.ends.try_recv().is_err());
}

/// Requests a WebSocket, and returns the status.
async fn upgrade(address: SocketAddr, headers: &[&str]) -> (u16, Connection<TlsStream<TcpStream>>) {
    let tcp = raw::connect(address).await;
    let provider = ring::default_provider();
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate))
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    let tls = TlsConnector::from(Arc::new(config)).connect(name, tcp).await.expect("TLS");
    raw::upgrade(tls, address, headers).await
}

/// The server creates its certificate when it starts.
#[derive(Debug)]
struct AnyCertificate;

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
