//! A certificate for trying it out.

use std::{net::IpAddr, sync::Arc};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use thiserror::Error;

/// No certificate could be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// It could not be signed.
    #[error("the certificate could not be made")]
    Make(#[from] rcgen::Error),
    /// It could not be used.
    #[error("the certificate could not be used")]
    Use(#[from] rustls::Error),
}

/// A server's TLS with a new self-signed certificate for localhost and `host`. Browsers warn of it,
/// and then give the camera all the same.
///
/// # Errors
///
/// See [`CertificateError`].
pub fn server_config(host: IpAddr) -> Result<ServerConfig, CertificateError> {
    let names =
        ["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned(), host.to_string()];
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names)?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
