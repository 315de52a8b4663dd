//! A list being read: as many requests on their way as the limit allows, pages handed over as they come.

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::connection::Client;
use super::endpoint::Endpoint;
use super::error::Error;
use super::ranges::{Ask, Mark, Plan, Span};
use super::request::{Failure, Parameters};

/// Requests on their way at most, per list: what 25 a second need if each takes two seconds.
const ON_THEIR_WAY: usize = 50;

/// Pages kept while the consumer is busy; then nothing more is asked for.
const PAGES_KEPT: usize = 8;

/// An object of a list.
pub trait Listed {
    /// Stripe's id.
    fn id(&self) -> &str;

    /// When it was created, in Unix seconds.
    fn created(&self) -> i64;
}

/// A list that is being read. Dropping it ends the reading.
#[derive(Debug)]
pub struct Listing<T> {
    endpoint: Endpoint,
    /// `Ok(None)` says that everything has been handed over.
    pages: mpsc::Receiver<Result<Option<Vec<T>>, Error>>,
    done: bool,
}

impl<T> Listing<T> {
    /// The next objects, in no order that means anything; `None` when every object has been handed over.
    ///
    /// # Errors
    /// What made the reading end early: what was handed over before is then only a part.
    pub async fn next_page(&mut self) -> Result<Option<Vec<T>>, Error> {
        if self.done {
            return Ok(None);
        }
        let page = self.pages.recv().await.unwrap_or(Err(Error::Interrupted {
            endpoint: self.endpoint,
        }));
        self.done = !matches!(page, Ok(Some(_)));
        page
    }

    /// All the objects at once, for lists that are known to be short.
    ///
    /// # Errors
    /// What made the reading end early.
    pub async fn all(mut self) -> Result<Vec<T>, Error> {
        let mut all = Vec::new();
        while let Some(page) = self.next_page().await? {
            all.extend(page);
        }
        Ok(all)
    }
}

/// What to read.
pub(super) struct Query {
    pub(super) endpoint: Endpoint,
    pub(super) parameters: Parameters,
    /// Read side by side what was created in this span, or by one cursor.
    pub(super) span: Option<Span>,
    /// Start after this object; only without a span.
    pub(super) after: Option<Mark>,
}

/// Starts reading.
pub(super) fn start<T>(client: &Client, query: Query) -> Listing<T>
where
    T: DeserializeOwned + Listed + Send + 'static,
{
    let (sender, pages) = mpsc::channel(1);
    let endpoint = query.endpoint;
    let plan = match query.span {
        Some(span) => Plan::side_by_side(span),
        None => Plan::one(Walk {
            trail: query.after.into_iter().collect(),
            recent: HashMap::new(),
        }),
    };
    let reader = Reader {
        client: client.clone(),
        endpoint,
        parameters: Arc::new(query.parameters),
        plan,
        on_their_way: JoinSet::new(),
        kept: VecDeque::new(),
    };
    tokio::spawn(reader.run(sender));
    Listing {
        endpoint,
        pages,
        done: false,
    }
}

/// Where one cursor stands, and what it must not meet again.
#[derive(Debug, Default)]
struct Walk {
    /// The places on its last page, newest first.
    trail: Vec<Mark>,
    /// Every object of its last page, and of earlier ones in that page's last second.
    recent: HashMap<String, i64>,
}

/// A page as Stripe sends it.
#[derive(Deserialize)]
#[serde(bound(deserialize = "T: DeserializeOwned"))]
struct Page<T> {
    data: Vec<T>,
    has_more: bool,
}

/// A page that came, and for which range.
type Came<T> = (u64, Walk, Result<Page<T>, Error>);

struct Reader<T> {
    client: Client,
    endpoint: Endpoint,
    parameters: Arc<Parameters>,
    plan: Plan<Walk>,
    on_their_way: JoinSet<Came<T>>,
    kept: VecDeque<Vec<T>>,
}

impl<T: DeserializeOwned + Listed + Send + 'static> Reader<T> {
    async fn run(mut self, pages: mpsc::Sender<Result<Option<Vec<T>>, Error>>) {
        let limiter = self.client.clone();
        let mut permit: Option<Pin<Box<dyn Future<Output = ()> + Send + '_>>> = None;
        while !(self.plan.is_done() && self.kept.is_empty()) {
            let wanted =
                self.kept.len() < PAGES_KEPT && self.on_their_way.len() < ON_THEIR_WAY && self.plan.could_ask();
            // A permit that is not waited for would keep its place in the queue, and others from theirs.
            match (&permit, wanted) {
                (None, true) => permit = Some(Box::pin(limiter.inner.limiter.pass(self.endpoint))),
                (Some(_), false) => permit = None,
                _ => {}
            }
            tokio::select! {
                () = pages.closed() => return,
                place = pages.reserve(), if !self.kept.is_empty() => {
                    let (Ok(place), Some(page)) = (place, self.kept.pop_front()) else { return };
                    place.send(Ok(Some(page)));
                }
                Some(came) = self.on_their_way.join_next(), if !self.on_their_way.is_empty() => {
                    let interrupted = Error::Interrupted { endpoint: self.endpoint };
                    if let Err(error) = came.map_err(|_| interrupted).and_then(|came| self.take(came)) {
                        // Nobody listens any more if this fails.
                        drop(pages.send(Err(error)).await);
                        return;
                    }
                }
                () = async { if let Some(permit) = &mut permit { permit.await } }, if permit.is_some() => {
                    permit = None;
                    if let Some(ask) = self.plan.ask() {
                        self.send(ask);
                    }
                }
            }
        }
        drop(pages.send(Ok(None)).await);
    }

    fn send(&mut self, ask: Ask<Walk>) {
        let client = self.client.clone();
        let endpoint = self.endpoint;
        let parameters = Arc::clone(&self.parameters);
        let ranged = self.plan.is_ranged();
        self.on_their_way.spawn(async move {
            let Ask { range, span, mut walk } = ask;
            let page = next_page(&client, endpoint, &parameters, span, &walk, ranged).await;
            if let Ok(page) = &page {
                walk.remember(page);
            }
            (range, walk, page)
        });
    }

    fn take(&mut self, (range, walk, page): Came<T>) -> Result<(), Error> {
        let Page { mut data, has_more } = page?;
        let created: Vec<i64> = data.iter().map(Listed::created).collect();
        if let Some(from) = self.plan.came(range, walk, &created, has_more) {
            data.retain(|object| object.created() >= from);
        }
        if self.endpoint == Endpoint::Subscriptions {
            let read = data.len() as u64;
            self.client
                .inner
                .progress
                .send_modify(|progress| progress.subscriptions += read);
        }
        if !data.is_empty() {
            self.kept.push_back(data);
        }
        Ok(())
    }
}

impl Walk {
    fn remember<T: Listed>(&mut self, page: &Page<T>) {
        let Some(last) = page.data.last().map(Listed::created) else {
            return;
        };
        self.recent.retain(|_, created| *created == last);
        let marks = page.data.iter().map(|object| Mark {
            id: object.id().to_owned(),
            created: object.created(),
        });
        self.trail = marks.collect();
        let ids = self.trail.iter().map(|mark| (mark.id.clone(), mark.created));
        self.recent.extend(ids);
    }
}

/// Reads the page after a walk's last one. If Stripe does not know the last object any more, the one
/// before it is named in the next try, and so on; what then comes twice is left out.
async fn next_page<T: DeserializeOwned + Listed>(
    client: &Client,
    endpoint: Endpoint,
    parameters: &Parameters,
    span: Span,
    walk: &Walk,
    ranged: bool,
) -> Result<Page<T>, Error> {
    let lost = AtomicUsize::new(0);
    let lost = &lost;
    client
        .tries(endpoint, true, || async move {
            let gone = lost.load(Ordering::Relaxed);
            let after = walk.trail.iter().rev().nth(gone);
            if gone > 0 && after.is_none() {
                return Err(Failure::last(Error::CursorGone { endpoint }));
            }
            let mut parameters = parameters.clone();
            parameters.extend(span.from.map(|from| ("created[gte]", from.to_string())));
            // Stripe's own words for a range are half-open.
            let until = span.until.and_then(|until| until.checked_add(1));
            parameters.extend(until.map(|until| ("created[lt]", until.to_string())));
            parameters.extend(after.map(|mark| ("starting_after", mark.id.clone())));
            let url = client.url(endpoint, None, &parameters);
            match client.get::<Page<T>>(endpoint, url).await {
                Ok(page) => check(endpoint, page, span, walk, gone, ranged),
                Err(failure) if matches!(failure.error, Error::CursorGone { .. }) => {
                    lost.fetch_add(1, Ordering::Relaxed);
                    Err(Failure::again(failure.error))
                }
                Err(failure) => Err(failure),
            }
        })
        .await
}

/// Refuses a page that was seen before or is out of its order.
fn check<T: Listed>(
    endpoint: Endpoint,
    mut page: Page<T>,
    span: Span,
    walk: &Walk,
    gone: usize,
    ranged: bool,
) -> Result<Page<T>, Failure> {
    let repeats = || Failure::again(Error::PageRepeats { endpoint });
    // After a lost cursor, the objects behind the one that was named come a second time.
    let again: Vec<&str> = walk
        .trail
        .iter()
        .rev()
        .take(gone)
        .map(|mark| mark.id.as_str())
        .collect();
    page.data.retain(|object| !again.contains(&object.id()));
    let seen = page.data.iter().any(|object| walk.recent.contains_key(object.id()));
    let ends_nowhere = page.has_more && page.data.is_empty() && gone == 0;
    if seen || ends_nowhere {
        return Err(repeats());
    }
    if ranged {
        let newest = walk.trail.last().map(|mark| mark.created).or(span.until);
        let times = newest.into_iter().chain(page.data.iter().map(Listed::created));
        if !times.is_sorted_by(|newer, older| newer >= older) {
            return Err(repeats());
        }
    }
    Ok(page)
}
