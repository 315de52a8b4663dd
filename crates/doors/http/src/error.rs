//! Why the server does not start, or ended.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the server does not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Plain HTTP on an address that others reach.
    #[error(
        "refusing to listen on {0} without TLS: tokens and secrets would cross the network in the clear; \
         configure a certificate and key, listen on a loopback address, or set allow_plaintext = true \
         where something else protects the connection"
    )]
    Plaintext(SocketAddr),
    /// The address cannot be had.
    #[error("cannot listen on {address}; is another process using it?")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What was underneath.
        source: std::io::Error,
    },
    /// Certificate or key cannot be used.
    #[error("cannot use the certificate {} with the key {}; both must be PEM and belong together", certificate.display(), key.display())]
    Tls {
        /// The certificate's path.
        certificate: PathBuf,
        /// The key's path.
        key: PathBuf,
        /// What was underneath.
        source: std::io::Error,
    },
    /// A job's cron expression cannot be read.
    #[error("the schedule of job {job} cannot be read")]
    Schedule {
        /// The job.
        job: &'static str,
        /// What was underneath.
        source: croner::errors::CronError,
    },
}
