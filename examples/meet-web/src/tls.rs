//! A self-signed certificate for tests.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SanType,
};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};
use thiserror::Error;
use time::{Duration, OffsetDateTime};

/// The certificate could not be created.
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

/// The TLS configuration of a server with a new self-signed certificate for localhost and `host`.
/// Browsers warn of it, and allow the camera.
///
/// # Errors
///
/// See [`CertificateError`].
pub fn server_config(host: IpAddr) -> Result<ServerConfig, CertificateError> {
    let (certificate, key) = certificate(host, OffsetDateTime::now_utc())?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn certificate(
    host: IpAddr,
    now: OffsetDateTime,
) -> Result<(CertificateDer<'static>, PrivateKeyDer<'static>), rcgen::Error> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "Meet, for trying it out");
    params.not_before = now - CLOCK_SKEW;
    params.not_after = now + VALID;
    params.is_ca = IsCa::ExplicitNoCa;
    // The only use of an ECDSA key in TLS.
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    // 0.0.0.0 is an address to listen at, not one to open.
    let addresses = [[127, 0, 0, 1].into(), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]), host];
    let addresses = addresses.into_iter().filter(|address| !address.is_unspecified());
    let addresses: BTreeSet<_> = addresses.collect();
    params.subject_alt_names = vec![SanType::DnsName("localhost".try_into()?)];
    params.subject_alt_names.extend(addresses.into_iter().map(SanType::IpAddress));

    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?.der().clone();
    Ok((certificate, PrivatePkcs8KeyDer::from(key.serialize_der()).into()))
}

/// A browser's clock may be behind this machine's.
const CLOCK_SKEW: Duration = Duration::days(1);
/// Browsers accept certificates for at most 398 days, including `CLOCK_SKEW`. Each start creates a new one.
const VALID: Duration = Duration::days(396);

#[cfg(test)]
mod tests {
    use rustls::{
        CertificateError as Fault, Error, RootCertStore,
        client::{WebPkiServerVerifier, danger::ServerCertVerifier},
        pki_types::{ServerName, UnixTime},
    };

    use super::*;

    #[test]
    fn it_is_a_certificate_of_this_server_and_no_more() {
        let now = OffsetDateTime::now_utc();
        let (certificate, _) = certificate([192, 0, 2, 1].into(), now).unwrap();
        let check = |name: &'static str, at: OffsetDateTime| verify(&certificate, name, at);
        for name in ["localhost", "127.0.0.1", "::1", "192.0.2.1"] {
            check(name, now).unwrap();
        }
        assert!(check("example.com", now).is_err());
        let usage = |oid: &[u8]| certificate.windows(oid.len()).any(|bytes| bytes == oid);
        assert!(usage(&SERVER_AUTH) && !usage(&CLIENT_AUTH));
        assert!(!usage(&IS_CA));
    }

    #[test]
    fn it_is_valid_from_yesterday_for_no_longer_than_browsers_take() {
        let now = OffsetDateTime::now_utc();
        let (certificate, _) = certificate([127, 0, 0, 1].into(), now).unwrap();
        let check = |at| verify(&certificate, "localhost", at);
        check(now - Duration::hours(23)).unwrap();
        check(now + Duration::days(395)).unwrap();
        assert!(matches!(
            check(now - Duration::hours(25)),
            Err(Error::InvalidCertificate(Fault::NotValidYetContext { .. }))
        ));
        assert!(matches!(
            check(now - Duration::days(1) + Duration::days(398)),
            Err(Error::InvalidCertificate(Fault::ExpiredContext { .. }))
        ));
    }

    #[test]
    fn an_address_to_listen_at_is_no_name() {
        let now = OffsetDateTime::now_utc();
        let (certificate, _) = certificate([0, 0, 0, 0].into(), now).unwrap();
        assert!(verify(&certificate, "0.0.0.0", now).is_err());
        verify(&certificate, "localhost", now).unwrap();
    }

    /// Verifies it as a browser does whose user trusts it.
    fn verify(
        certificate: &CertificateDer<'static>,
        name: &'static str,
        at: OffsetDateTime,
    ) -> Result<(), Error> {
        let mut trusted = RootCertStore::empty();
        trusted.add(certificate.clone()).unwrap();
        let provider = Arc::new(ring::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(trusted), provider);
        let at = std::time::Duration::from_secs(at.unix_timestamp().try_into().unwrap());
        let at = UnixTime::since_unix_epoch(at);
        let name = ServerName::try_from(name).unwrap();
        let verifier = verifier.build().unwrap();
        verifier.verify_server_cert(certificate, &[], &name, &[], at).map(drop)
    }

    /// `id-kp-serverAuth` and `id-kp-clientAuth` (RFC 5280, section 4.2.1.12), in DER.
    const SERVER_AUTH: [u8; 10] = [6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 1];
    const CLIENT_AUTH: [u8; 10] = [6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 2];
    /// `BasicConstraints` that begin with `cA TRUE`.
    const IS_CA: [u8; 5] = [0x30, 3, 1, 1, 0xff];
}
