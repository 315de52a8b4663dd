//! Somebody's view of what changes: what they may see of it, for as long as their session goes on.

use std::sync::Arc;

use cc_devops_fleet::sessions::SessionSecret;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::PortResult;
use tokio::sync::watch;
use tokio::time::Instant;

use super::listening::Listening;
use super::{Areas, polling};
use crate::access::Credential;
use crate::app::{App, Shared};
use crate::connections::{Peer, UnderWay};
use crate::places::Place;
use crate::problem::{Chain, Problem};

/// What changes, for one browser. It takes one of the places of streams, and looking goes on while it is there.
pub struct Changes {
    app: App,
    credential: Credential,
    session: SessionSecret,
    sees: Areas,
    /// Up to which number its reader knows.
    told: u64,
    /// Whether it is not known what its reader knows.
    missed: bool,
    news: watch::Receiver<u64>,
    /// When the session is looked at again, at the latest.
    look_again: Instant,
    _place: Place<AgentName>,
    /// The connection does not idle meanwhile.
    _under_way: Option<UnderWay>,
    _listening: Listening,
}

/// What a reader is told next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// These changed; whoever comes back with the id misses nothing.
    Changed(Areas, String),
    /// The session is over, or what it was begun with.
    Over,
}

impl Shared {
    /// The id of the newest change. Whoever reads something now and asks later for what changed since it misses nothing.
    pub async fn changed_last(self: &Arc<Self>) -> String {
        self.live.id(self.live.newest(self).await)
    }
}

impl Changes {
    /// Opens somebody's view: of what changed since that id, or of what changes from now on without. An id that is not
    /// known stands for everything.
    ///
    /// # Errors
    /// There is no place.
    pub(crate) async fn open(
        app: &App,
        (credential, session): (Credential, SessionSecret),
        sees: Areas,
        since: Option<&str>,
        peer: Option<&Peer>,
    ) -> Result<Self, Problem> {
        let place = app.places.streams.take(&credential.agent.name)?;
        let news = app.live.newest.subscribe();
        let known = if let Some(id) = since {
            app.live.number(id)
        } else {
            polling::look(app).await;
            Some(*app.live.newest.borrow())
        };
        Ok(Self {
            session,
            sees,
            told: known.unwrap_or_else(|| *app.live.newest.borrow()),
            missed: known.is_none(),
            news,
            look_again: Instant::now() + app.config.pace.tokens,
            _place: place,
            _under_way: peer.map(Peer::begin),
            _listening: Listening::begin(app),
            credential,
            app: App::clone(app),
        })
    }

    /// The id of what its reader knows already; none where it is to be told everything.
    pub fn id(&self) -> Option<String> {
        (!self.missed).then(|| self.app.live.id(self.told))
    }

    /// What changed next; none when the server stops or it cannot be found out whether the session goes on, whereupon the
    /// reader comes back.
    pub async fn next(&mut self) -> Option<Next> {
        loop {
            let areas = self.untold();
            let looks = Instant::now() >= self.look_again;
            if (looks || !areas.is_empty()) && !self.goes_on().await? {
                return Some(Next::Over);
            }
            if !areas.is_empty() {
                return Some(Next::Changed(areas, self.app.live.id(self.told)));
            }
            tokio::select! {
                () = self.app.stopping.cancelled() => return None,
                () = tokio::time::sleep_until(self.look_again) => {}
                changed = self.news.changed() => changed.ok()?,
            }
        }
    }

    fn untold(&mut self) -> Areas {
        let newest = *self.news.borrow_and_update();
        let areas = if std::mem::take(&mut self.missed) {
            Areas::ALL
        } else {
            self.app.live.since(self.told)
        };
        self.told = newest;
        areas.among(self.sees)
    }

    /// Whether the session and the token behind it go on; none where that cannot be found out.
    async fn goes_on(&mut self) -> Option<bool> {
        self.look_again = Instant::now() + self.app.config.pace.tokens;
        match self.still_good().await {
            Ok(good) => Some(good),
            Err(error) => {
                tracing::warn!(error = %Chain(&error), "a page's stream ends: its session cannot be looked at");
                None
            }
        }
    }

    async fn still_good(&self) -> PortResult<bool> {
        let session = self.app.sessions().look(&self.session, self.app.now()).await?;
        Ok(session.is_some() && self.credential.holds(&self.app).await?)
    }
}
