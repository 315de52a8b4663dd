//! Mail: one connection for each message, because a mail server closes those that are idle
//! (<https://github.com/lettre/lettre/issues/743>).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use cc_devops_alerts::Message;
use cc_devops_outbound::is_tls_error;
use lettre::address::Envelope;
use lettre::transport::smtp::AsyncSmtpTransport;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncTransport, Tokio1Executor};

use super::{Again, LONGEST_TRY, NotSent};
use crate::channel::{Mail, Value};
use crate::render;
use crate::settings::MailTls;
use crate::values::{Known, place};

/// Sends mail.
pub(super) struct Mails {
    certificates: Option<Vec<u8>>,
    /// What TLS expects of each server; the machine's certificates are read once for it.
    tls: Mutex<BTreeMap<String, TlsParameters>>,
}

impl Mails {
    pub(super) fn new(certificates: Option<Vec<u8>>) -> Self {
        Self {
            certificates,
            tls: Mutex::default(),
        }
    }

    pub(super) async fn send(&self, mail: &Mail, password: Option<Known>, message: &Message) -> Result<(), NotSent> {
        let letter = render::mail::mail(message, &mail.from, &mail.to);
        let letter = letter.map_err(|error| NotSent::new(Again::Never, error))?;
        let transport = self.transport(mail, password)?;
        let bytes = letter.formatted();
        let sent = tokio::time::timeout(LONGEST_TRY, by(&transport, mail, letter.envelope(), &bytes)).await;
        match sent {
            Ok(sent) => sent,
            Err(_) => Err(NotSent::new(Again::Later, "the mail server did not answer in time")),
        }
    }

    fn transport(&self, mail: &Mail, password: Option<Known>) -> Result<AsyncSmtpTransport<Tokio1Executor>, NotSent> {
        let tls = match mail.tls {
            MailTls::Starttls => Tls::Required(self.parameters(&mail.host)?),
            MailTls::Implicit => Tls::Wrapper(self.parameters(&mail.host)?),
            MailTls::None => Tls::None,
        };
        let encrypted = !matches!(tls, Tls::None);
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&mail.host)
            .port(mail.port)
            .tls(tls)
            .timeout(Some(LONGEST_TRY));
        if let (Some((user, _)), Some(password), true) = (&mail.login, password, encrypted) {
            builder = builder.credentials(Credentials::new(user.clone(), password.value.expose().to_owned()));
        }
        Ok(builder.build())
    }

    fn parameters(&self, host: &str) -> Result<TlsParameters, NotSent> {
        let mut known = self.tls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(parameters) = known.get(host) {
            return Ok(parameters.clone());
        }
        let failed = |_| {
            NotSent::new(
                Again::Later,
                "TLS could not be set up; look at this machine's certificates",
            )
        };
        let mut builder = TlsParameters::builder(host.to_owned());
        if let Some(pem) = &self.certificates {
            builder = builder.add_root_certificate(Certificate::from_pem(pem).map_err(failed)?);
        }
        let parameters = builder.build_rustls().map_err(failed)?;
        known.insert(host.to_owned(), parameters.clone());
        Ok(parameters)
    }
}

/// Sends to all at once. Where the server refuses that for good, each recipient is tried alone, so that one that is
/// gone does not keep the mail from the others.
async fn by(
    transport: &AsyncSmtpTransport<Tokio1Executor>,
    mail: &Mail,
    envelope: &Envelope,
    bytes: &[u8],
) -> Result<(), NotSent> {
    let Err(refused) = transport.send_raw(envelope, bytes).await else {
        return Ok(());
    };
    if !refused.is_permanent() || is_login(&refused) || envelope.to().len() < 2 {
        return Err(not_sent(mail, &refused));
    }
    let mut arrived = 0_usize;
    for recipient in envelope.to() {
        let Ok(alone) = Envelope::new(envelope.from().cloned(), vec![recipient.clone()]) else {
            continue;
        };
        match transport.send_raw(&alone, bytes).await {
            Ok(_) => arrived += 1,
            Err(error) => tracing::warn!(
                error = not_sent(mail, &error).error,
                "one recipient of a mail did not get it"
            ),
        }
    }
    if arrived > 0 {
        Ok(())
    } else {
        Err(not_sent(mail, &refused))
    }
}

/// Whether the login was refused (RFC 4954, 6).
fn is_login(error: &Error) -> bool {
    error
        .status()
        .is_some_and(|code| matches!(u16::from(code), 530 | 534 | 535 | 538))
}

fn not_sent(mail: &Mail, error: &Error) -> NotSent {
    let password = mail.login.as_ref().map(|(_, password)| password_place(password));
    if is_login(error) {
        let text = match password {
            Some(place) => {
                format!("the mail server refused the login: look at username, and at the password in {place}")
            }
            None => "the mail server wants a login: give username and password_secret".to_owned(),
        };
        return NotSent::new(Again::WhenChanged, text);
    }
    if let Some(code) = error.status() {
        return if error.is_permanent() {
            let text = format!("the mail server refused the mail for good ({code}): look at `from` and `to`");
            NotSent::new(Again::WhenChanged, text)
        } else {
            NotSent::new(
                Again::Later,
                format!("the mail server does not take the mail now ({code})"),
            )
        };
    }
    if error.is_client() {
        let text = match mail.tls {
            MailTls::Starttls => {
                "the mail server offers no STARTTLS, or no login that is known, and nothing is sent \
                                  unencrypted: use tls = \"implicit\" or another port"
            }
            MailTls::Implicit | MailTls::None => "the mail server offers no login that is known",
        };
        return NotSent::new(Again::WhenChanged, text);
    }
    if error.is_tls() || is_tls_error(error) {
        return NotSent::new(
            Again::Later,
            "the mail server could not prove who it is: look at its certificate, and at `host` and `tls`",
        );
    }
    let text = if error.is_timeout() {
        "the mail server did not answer in time"
    } else {
        "the mail server cannot be reached, or the connection broke: look at `host`, `port` and `tls`"
    };
    NotSent::new(Again::Later, text)
}

fn password_place(password: &Value) -> String {
    place(password)
}
