//! The worker that tells webhook subscribers, signed by the Standard Webhooks specification, and
//! keeps trying until a delivery arrives or becomes a dead letter.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use cc_devops_kernel::ports::PortResult;
use cc_devops_outbound::header::{HeaderName, HeaderValue};
use cc_devops_outbound::{Error, Guard, HeaderMap, HttpClient, HttpOptions, Request, StatusCode, Url, retry_after};
use cc_devops_outbox::webhooks::{Delivery, Places, SubscriptionId, retry_delay, switch_off};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{Instrument, info_span};

use crate::app::App;
use crate::live::Area;
use crate::problem::Chain;
use crate::wire::detail;

/// How long a claimed delivery belongs to this process.
const LEASE: SignedDuration = SignedDuration::from_secs(60);

/// The longest time a receiver's answer may take; well within the lease.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The longest wait a receiver may ask for with `Retry-After`.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(24);

/// How long a receiver may still take to answer once the server is told to stop.
const AT_A_STOP: Duration = Duration::from_secs(1);

/// What deliveries are made with.
struct Delivering {
    /// One place for each that is under way.
    slots: Arc<Semaphore>,
    sender: Sender,
    /// Who may have how many of them.
    places: Mutex<Places>,
}

impl Delivering {
    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A delivery that is under way, until this is dropped.
struct UnderWay {
    delivering: Arc<Delivering>,
    to: SubscriptionId,
    _permit: Option<OwnedSemaphorePermit>,
}

impl UnderWay {
    fn begin(delivering: &Arc<Delivering>, to: &SubscriptionId, permit: Option<OwnedSemaphorePermit>) -> Self {
        delivering.places().note_begun(to);
        Self {
            delivering: delivering.clone(),
            to: to.clone(),
            _permit: permit,
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.delivering.places().note_ended(&self.to);
    }
}

/// Delivers until the server stops.
pub(crate) async fn run(app: App) {
    let config = &app.config.webhooks;
    let all = config.concurrency.max(1);
    let delivering = Arc::new(Delivering {
        slots: Arc::new(Semaphore::new(all)),
        sender: Sender::new(app.egress.clone(), config.timeout.min(LONGEST_TIMEOUT)),
        places: Mutex::new(Places::among(all, config.places_per_endpoint)),
    });
    loop {
        tokio::select! {
            () = app.stopping.cancelled() => return,
            () = app.deliveries.notified() => {}
            () = tokio::time::sleep(app.config.pace.deliveries) => {}
        }
        if let Err(error) = deliver_due(&app, &delivering).await {
            tracing::warn!(error = %Chain(&error), "webhook deliveries could not be read; they are tried again");
        }
    }
}

/// Takes deliveries as there is room, until none is due that there is room for. Each that ends makes
/// room, and has this look again.
async fn deliver_due(app: &App, delivering: &Arc<Delivering>) -> PortResult<()> {
    let slots = &delivering.slots;
    loop {
        let mut room = tokio::select! {
            () = app.stopping.cancelled() => return Ok(()),
            room = slots.clone().acquire_owned() => room.ok(),
        };
        let limit = slots.available_permits() + 1;
        let now = app.ports().clock.now();
        let lease_until = now.saturating_add(LEASE).unwrap_or(Timestamp::MAX);
        let places = delivering.places().clone();
        let webhooks = &app.ports().webhooks;
        let due = webhooks.claim_deliveries(now, lease_until, limit, &places).await?;
        let found = due.len();
        for delivery in due {
            let permit = match room.take() {
                Some(permit) => Some(permit),
                None => slots.clone().acquire_owned().await.ok(),
            };
            let under_way = UnderWay::begin(delivering, &delivery.subscription.id, permit);
            let span = info_span!(
                parent: None,
                "webhook",
                event = delivery.event.body.key(),
                agent = %delivery.event.agent,
                subscription = %delivery.subscription.id.0,
                attempt = delivery.attempt,
            );
            let app = app.clone();
            let tracker = app.running.clone();
            let work = async move {
                if let Err(error) = deliver(&app, &under_way.delivering, &delivery).await {
                    tracing::warn!(error = %Chain(&error), "a delivery's end was not recorded; it is made again");
                }
                drop(under_way);
                app.deliveries.notify_one();
            };
            drop(tracker.spawn(work.instrument(span)));
        }
        if found < limit {
            return Ok(());
        }
    }
}

async fn deliver(app: &App, delivering: &Delivering, delivery: &Delivery) -> PortResult<()> {
    let ports = app.ports();
    let sent = tokio::select! {
        biased;
        sent = delivering.sender.send(delivery, ports.clock.now()) => sent,
        () = stopped(app) => {
            tracing::info!("broken off by the stop before the receiver answered; it is made again");
            return Ok(());
        }
    };
    let now = ports.clock.now();
    let NotSent { error, wait, last } = match sent {
        Ok(()) => {
            let is_first = delivering.places().note_answer(&delivery.subscription.id);
            ports.webhooks.delivered(delivery).await?;
            // Who answered is known of those alone that are subscribed.
            if is_first && let Ok(subscribed) = ports.webhooks.subscriptions().await {
                let ids: BTreeSet<SubscriptionId> = subscribed.into_iter().map(|one| one.id).collect();
                delivering.places().forget_all_but(&ids);
            }
            return Ok(());
        }
        Err(not_sent) => not_sent,
    };
    let failing_since = match retry_delay(delivery.attempt).filter(|_| !last) {
        None => {
            tracing::warn!(%error, "given up");
            ports.webhooks.bury(delivery, now, &error).await?
        }
        Some(delay) => {
            let delay = jittered(delay).max(wait.unwrap_or_default());
            tracing::info!(%error, seconds = delay.as_secs(), "not delivered; it is tried again");
            let retry_at = now.saturating_add(delay).unwrap_or(Timestamp::MAX);
            ports.webhooks.retry_at(delivery, now, retry_at, &error).await?
        }
    };
    app.live.note(Area::Webhooks);
    let Some(after) = app.config.webhooks.disable_after else {
        return Ok(());
    };
    let everybody = &app.control.installation().agent;
    if switch_off(ports, &delivery.subscription, (failing_since, &error), after, everybody).await? {
        tracing::warn!(
            %error, since = %failing_since,
            "a webhook's endpoint only failed for too long and is switched off; see `POST /v1/webhooks/{{id}}/enable`"
        );
        app.relay.ring();
    }
    Ok(())
}

/// Ends when whoever has not answered is not waited for any longer.
async fn stopped(app: &App) {
    app.stopping.cancelled().await;
    tokio::time::sleep(AT_A_STOP).await;
}

/// Up to a tenth more, so that deliveries that failed together do not come back together.
fn jittered(delay: SignedDuration) -> SignedDuration {
    let share = getrandom::u32().map_or(0.5, |bits| f64::from(bits) / f64::from(u32::MAX));
    let extra = SignedDuration::try_from_secs_f64(delay.as_secs_f64() * share / 10.0);
    delay.saturating_add(extra.unwrap_or_default())
}

/// Why a delivery did not arrive. The text names no address.
struct NotSent {
    error: String,
    /// How long the receiver asked to be left alone.
    wait: Option<SignedDuration>,
    /// Whether trying again is of no use.
    last: bool,
}

impl NotSent {
    fn because(error: impl Into<String>) -> Self {
        Self {
            error: error.into(),
            wait: None,
            last: false,
        }
    }
}

/// The HTTP side. The client is built when first needed: most installations have no webhooks, and
/// reading the system's certificates takes time and memory.
struct Sender {
    guard: Guard,
    timeout: Duration,
    client: OnceLock<HttpClient>,
}

impl Sender {
    fn new(guard: Guard, timeout: Duration) -> Self {
        Self {
            guard,
            timeout,
            client: OnceLock::new(),
        }
    }

    fn client(&self) -> Result<&HttpClient, Error> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let options = HttpOptions {
            connect_timeout: self.timeout,
            total_timeout: self.timeout,
            ..HttpOptions::default()
        };
        let client = HttpClient::guarded(&self.guard, options)?;
        Ok(self.client.get_or_init(|| client))
    }

    async fn send(&self, delivery: &Delivery, now: Timestamp) -> Result<(), NotSent> {
        let url = Url::parse(&delivery.subscription.url)
            .map_err(|_| NotSent::because("the subscription's address cannot be read"))?;
        let body = body(delivery);
        let signature = Webhook::new(delivery.secret.expose())
            .and_then(|webhook| webhook.sign(&delivery.message_id, now.as_second(), body.as_bytes()))
            .map_err(|_| NotSent::because("the subscription's secret cannot be used; remove it and add it again"))?;
        let client = self.client().map_err(|error| {
            tracing::error!(error = %Chain(&error), "no HTTP client for webhooks");
            NotSent::because("the HTTP client could not be set up")
        })?;
        let signed = [
            (HEADER_WEBHOOK_ID, delivery.message_id.clone()),
            (HEADER_WEBHOOK_TIMESTAMP, now.as_second().to_string()),
            (HEADER_WEBHOOK_SIGNATURE, signature),
        ];
        let mut request = Request::post(url).json(body);
        for (name, value) in signed {
            let value = HeaderValue::try_from(value)
                .map_err(|_| NotSent::because("the signature cannot be sent in a header"))?;
            request = request.header(HeaderName::from_static(name), value);
        }
        match client.send_for_head(request).await {
            Ok((status, headers)) => judge(status, &headers, now),
            Err(error) => Err(self.unreachable(&error)),
        }
    }

    fn unreachable(&self, error: &Error) -> NotSent {
        let text = match error {
            Error::Refused(refused) => refused.to_string(),
            Error::TimedOut(_) => format!("the receiver did not answer within {} s", self.timeout.as_secs()),
            Error::NotConnected(_) => "the receiver cannot be reached".to_owned(),
            _ => "the connection to the receiver broke".to_owned(),
        };
        tracing::debug!(error = %Chain(error), "a delivery failed");
        NotSent::because(text)
    }
}

fn body(delivery: &Delivery) -> String {
    let body = &delivery.event.body;
    json!({
        "type": body.detail_type(),
        "timestamp": body.timestamp(),
        "data": detail(body),
    })
    .to_string()
}

/// What a receiver's answer means: 2xx is arrival, 410 is "never again", all else is a failure.
fn judge(status: StatusCode, headers: &HeaderMap, now: Timestamp) -> Result<(), NotSent> {
    if status.is_success() {
        return Ok(());
    }
    let mut error = format!("the receiver answered {}", status.as_u16());
    if status.is_redirection() {
        error.push_str(", and redirects are not followed: subscribe the address that it points to");
    }
    Err(NotSent {
        error,
        wait: wait(headers, now),
        last: status == StatusCode::GONE,
    })
}

/// How long the receiver asks to be left alone, as far as that is obeyed.
fn wait(headers: &HeaderMap, now: Timestamp) -> Option<SignedDuration> {
    let asked = retry_after(headers, Some(now))?;
    Some(SignedDuration::try_from(asked).map_or(LONGEST_WAIT, |asked| asked.min(LONGEST_WAIT)))
}

#[cfg(test)]
mod tests {
    use cc_devops_outbound::header::RETRY_AFTER;

    use super::*;

    #[test]
    fn jitter_adds_a_tenth_at_most() {
        let delay = SignedDuration::from_secs(1_000);
        for _ in 0..100 {
            let jittered = jittered(delay);
            assert!(jittered >= delay && jittered <= SignedDuration::from_secs(1_100));
        }
    }

    #[test]
    fn retry_after_is_read_in_both_forms_and_bounded() {
        let now: Timestamp = "1994-11-06T08:49:00Z".parse().unwrap();
        let retry_after = |text: &str, now| {
            let asked = (RETRY_AFTER, HeaderValue::from_str(text).unwrap());
            wait(&HeaderMap::from_iter([asked]), now)
        };
        assert_eq!(retry_after("120", now), Some(SignedDuration::from_secs(120)));
        assert_eq!(
            retry_after("Sun, 06 Nov 1994 08:49:37 GMT", now),
            Some(SignedDuration::from_secs(37))
        );
        assert_eq!(retry_after("999999999", now), Some(LONGEST_WAIT));
        assert_eq!(
            retry_after("Sun, 06 Nov 1994 08:00:00 GMT", now),
            Some(SignedDuration::ZERO)
        );
        assert_eq!(retry_after("soon", now), None);
    }

    #[test]
    fn only_2xx_is_arrival_and_only_410_is_final() {
        let judged = |status: u16| {
            judge(
                StatusCode::from_u16(status).unwrap(),
                &HeaderMap::new(),
                Timestamp::UNIX_EPOCH,
            )
        };
        assert!(judged(204).is_ok());
        assert!(
            judged(302).is_err_and(|not_sent| !not_sent.last && not_sent.error.contains("redirects are not followed"))
        );
        assert!(judged(500).is_err_and(|not_sent| !not_sent.last));
        assert!(judged(410).is_err_and(|not_sent| not_sent.last));
    }
}
