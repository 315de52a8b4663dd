//! The server's certificate and its key.

use std::io::{Error, Result};
use std::sync::Arc;

use cc_devops_files as files;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::config::Tls;

/// What a TLS server shows and speaks with.
pub(crate) struct Identity {
    /// The server's own certificate, without those that vouch for it.
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) acceptor: TlsAcceptor,
}

/// Reads certificate and key.
///
/// # Errors
/// A file cannot be read, is not PEM, or the two do not belong together; everybody may read the key, or others write
/// it.
pub(crate) async fn identity(tls: &Tls) -> Result<Identity> {
    let chain = tokio::fs::read(&tls.certificate).await?;
    let key_file = tls.key.clone();
    let key = tokio::task::spawn_blocking(move || files::read_secret(&key_file)).await;
    let key = key.map_err(Error::other)??;
    let chain = CertificateDer::pem_slice_iter(&chain).collect::<std::result::Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| Error::other(format!("the certificate's file is not PEM: {error}")))?;
    let key = PrivateKeyDer::from_pem_slice(&key);
    let key = key.map_err(|error| Error::other(format!("the key's file holds no key in PEM: {error}")))?;
    let certificate = chain.first().cloned();
    let certificate = certificate.ok_or_else(|| Error::other("the certificate's file holds no certificate"))?;
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key);
    let mut config = config.map_err(Error::other)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Identity {
        certificate,
        acceptor: TlsAcceptor::from(Arc::new(config)),
    })
}
