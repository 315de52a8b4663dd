//! Clients that send without pause, keep what was acknowledged, and carry on after a restart.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::stream::{self, Stream};
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::dice::Dice;

/// Who sends.
pub(crate) const AGENT: &str = "Killer";

/// The API as the agent sees it.
#[derive(Clone)]
pub(crate) struct Api {
    http: Client,
    url: String,
    token: String,
}

impl Api {
    pub(crate) fn new(url: &str, token: &str) -> Self {
        // Already there where another client was made before.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(30))
            .build()
            .unwrap();
        Self {
            http,
            url: url.to_owned(),
            token: token.to_owned(),
        }
    }

    async fn get(&self, path: &str) -> reqwest::Result<Response> {
        self.http
            .get(format!("{}{path}", self.url))
            .bearer_auth(&self.token)
            .send()
            .await
    }

    async fn send(&self, sent: &Sent) -> reqwest::Result<(StatusCode, String)> {
        let event = json!({
            "source": format!("agent.{AGENT}"),
            "detail-type": "devops.request",
            "detail": {
                "requestId": sent.id,
                "action": "putSecret",
                "requestedBy": AGENT,
                "params": {"name": sent.name, "value": sent.value},
            },
        });
        let request = self
            .http
            .post(format!("{}/v1/events", self.url))
            .bearer_auth(&self.token)
            .json(&event);
        let response = request.send().await?;
        let status = response.status();
        // An answer that breaks off is no answer.
        Ok((status, response.text().await?))
    }

    /// A request, if it is known.
    pub(crate) async fn request(&self, id: &str) -> Option<Value> {
        let response = self.get(&format!("/v1/requests/{id}")).await.unwrap();
        if response.status() == StatusCode::NOT_FOUND {
            return None;
        }
        assert_eq!(response.status(), StatusCode::OK);
        Some(response.json().await.unwrap())
    }

    /// A secret with its value.
    pub(crate) async fn secret(&self, name: &str) -> Value {
        let response = self.get(&format!("/v1/secrets{name}")).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{name}");
        response.json().await.unwrap()
    }

    /// Every event from the first one on.
    pub(crate) fn events(self: &Arc<Self>) -> impl Stream<Item = reqwest::Result<Value>> {
        let pages = stream::try_unfold((Arc::clone(self), 0), |(api, after)| async move {
            let page = api.get(&format!("/v1/events?after={after}&limit=200")).await?;
            let page: Value = page.error_for_status()?.json().await?;
            let events = page["events"].as_array().unwrap().clone();
            let next = page["next"].as_i64().unwrap();
            Ok::<_, reqwest::Error>((!events.is_empty()).then_some((events, (api, next))))
        });
        futures::TryStreamExt::try_flatten(futures::TryStreamExt::map_ok(pages, |events| {
            stream::iter(events.into_iter().map(Ok))
        }))
    }
}

/// A request as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) value: String,
}

/// What the clients know at the end.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Answered 202.
    pub(crate) acknowledged: Vec<Sent>,
    /// Sent, and nobody knows what became of it.
    pub(crate) unanswered: Vec<Sent>,
    /// Answered with anything else.
    pub(crate) refusals: Vec<String>,
}

/// Where the control plane is: one of many lives, and its address.
type Life = (u32, String);

/// The clients at work.
pub(crate) struct Clients {
    address: watch::Sender<Option<Life>>,
    tally: Arc<Mutex<Tally>>,
    tasks: JoinSet<()>,
}

impl Clients {
    pub(crate) fn start(count: usize, token: &str, dice: &mut Dice) -> Self {
        let (address, watched) = watch::channel(None);
        let tally = Arc::new(Mutex::new(Tally::default()));
        let mut tasks = JoinSet::new();
        for number in 0..count {
            let client = OneClient {
                number,
                api: Api::new("", token),
                address: watched.clone(),
                tally: Arc::clone(&tally),
                dice: dice.split(),
            };
            tasks.spawn(client.run());
        }
        Self { address, tally, tasks }
    }

    /// Says where the control plane is now.
    pub(crate) fn serve_from(&self, url: &str) {
        self.address.send_modify(|life| {
            let number = life.as_ref().map_or(0, |(number, _)| number + 1);
            *life = Some((number, url.to_owned()));
        });
    }

    /// Lets the clients end, when no control plane is up that they were told of.
    pub(crate) async fn stop(self) -> Tally {
        let Self { address, tally, tasks } = self;
        drop(address);
        tasks.join_all().await;
        Arc::into_inner(tally).unwrap().into_inner().unwrap()
    }
}

struct OneClient {
    number: usize,
    api: Api,
    address: watch::Receiver<Option<Life>>,
    tally: Arc<Mutex<Tally>>,
    dice: Dice,
}

impl OneClient {
    /// Sends until the control plane does not answer, waits for its next life, and goes on; ends
    /// when there will be none.
    async fn run(mut self) {
        let mut life = None;
        let mut count = 0;
        // As clients do: half of what got no answer is sent again, as it was.
        let mut again = None;
        loop {
            let other = |now: &Option<Life>| now.as_ref().map(|(number, _)| *number) != life;
            let Ok((number, url)) = self.address.wait_for(other).await.map(|now| now.clone().unwrap()) else {
                self.tally.lock().unwrap().unanswered.extend(again);
                return;
            };
            life = Some(number);
            self.api.url = url;
            loop {
                let sent = again.take().unwrap_or_else(|| {
                    count += 1;
                    self.new_request(count)
                });
                match self.api.send(&sent).await {
                    Ok((StatusCode::ACCEPTED, _)) => self.tally.lock().unwrap().acknowledged.push(sent),
                    Ok((status, body)) => {
                        let refusal = format!("{status} for {}: {body}", sent.id);
                        self.tally.lock().unwrap().refusals.push(refusal);
                    }
                    Err(_no_answer) => {
                        if self.dice.below(2) == 0 {
                            again = Some(sent);
                        } else {
                            self.tally.lock().unwrap().unanswered.push(sent);
                        }
                        break;
                    }
                }
            }
        }
    }

    fn new_request(&mut self, count: u32) -> Sent {
        let name = format!("c{}-{count}", self.number);
        Sent {
            id: format!("kill-{name}"),
            name: format!("/contentcraft/killer/{name}"),
            value: format!("value-{name}-{:x}", self.dice.below(u64::MAX)),
        }
    }
}
