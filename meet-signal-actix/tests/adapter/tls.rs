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
    answers::{HANDSHAKE, request},
    raw::{self, Connection, broadcast},
    server::{Kind, observed, serve, small_buffers},
    slow::hub,
};

#[tokio::test]
async fn pages_without_encryption_may_not_connect_to_a_server_with_it() {
    let server = observed(&Hub::default(), small_buffers().into(), Kind::Tls);
    for (scheme, status) in [("https", 101), ("http", 403)] {
        let origin = format!("Origin: {scheme}://{}", server.address);
        let (answer, _) = upgrade(server.address, &[&origin]).await;
        assert_eq!(answer, status, "{origin}");
    }
}

#[tokio::test]
async fn without_encryption_it_may_have_been_taken_off() {
    let server = observed(&Hub::default(), small_buffers().into(), Kind::Plain);
    for scheme in ["https", "http"] {
        let origin = format!("Origin: {scheme}://{}", server.address);
        let headers = [&HANDSHAKE[..], &[&origin]].concat();
        let answer = request(server.address, "GET", "/signal/standup", &headers).await;
        assert_eq!(answer.status, 101, "{origin}");
    }
}

#[tokio::test]
async fn hosts_are_those_that_are_listed() {
    let policy = OriginPolicy::same_host_among(["meet.example.com"]).expect("a host");
    let server = serve(move |app| {
        app.service(SignalService::new(Hub::default()).origins(policy.clone()));
    });
    // As of a page whose name was made to lead here.
    let origin = format!("Origin: http://{}", server.address);
    let headers = [&HANDSHAKE[..], &[&origin]].concat();
    let answer = request(server.address, "GET", "/signal/standup", &headers).await;
    assert_eq!(answer.status, 403);
    let origin = "Origin: http://meet.example.com";
    let headers = [&HANDSHAKE[..], &[origin]].concat();
    // Its `Host` is another one.
    assert_eq!(request(server.address, "GET", "/signal/standup", &headers).await.status, 403);
}

#[tokio::test]
async fn a_peer_that_takes_nothing_loses_its_connection() {
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

/// Asks for a WebSocket, and returns the status.
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

/// It is the server's own, made when it began.
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
