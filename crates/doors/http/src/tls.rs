//! The server's certificate and its key, and the cryptography that they are used with.

use std::io::{Error, Result};
use std::path::Path;
use std::sync::Arc;

use cc_devops_files as files;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::config::Tls;

/// Chooses the process's cryptography, for serving and for webhooks. The first choice holds; a
/// second one changes nothing.
pub(crate) fn install_crypto() {
    drop(rustls::crypto::ring::default_provider().install_default());
}

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
    let tls = tls.clone();
    let loaded = tokio::task::spawn_blocking(move || joined(read_chain(&tls.certificate)?, read_key(&tls.key)?));
    loaded.await.map_err(Error::other)?
}

impl Tls {
    /// Why a server would not start with certificate and key: all there is, each with its key of the configuration.
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        install_crypto();
        let (certificate, key) = (self.certificate.display(), self.key.display());
        let mut problems = Vec::new();
        match (read_chain(&self.certificate), read_key(&self.key)) {
            (Ok(chain), Ok(secret)) => {
                if let Err(error) = joined(chain, secret) {
                    let message = format!("cannot use {certificate} with the key {key}: {error}");
                    problems.push(("server.tls_cert", message));
                }
            }
            (chain, secret) => {
                if let Err(error) = chain {
                    problems.push(("server.tls_cert", format!("cannot use {certificate}: {error}")));
                }
                if let Err(error) = secret {
                    problems.push(("server.tls_key", format!("cannot use {key}: {error}")));
                }
            }
        }
        problems
    }
}

fn read_chain(file: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let chain = std::fs::read(file)?;
    let chain = CertificateDer::pem_slice_iter(&chain).collect::<std::result::Result<Vec<_>, _>>();
    chain.map_err(|error| Error::other(format!("the certificate's file is not PEM: {error}")))
}

fn read_key(file: &Path) -> Result<PrivateKeyDer<'static>> {
    let key = PrivateKeyDer::from_pem_slice(&files::read_secret(file)?);
    key.map_err(|error| Error::other(format!("the key's file holds no key in PEM: {error}")))
}

fn joined(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Identity> {
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
