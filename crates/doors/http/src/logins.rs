//! How often somebody may try to sign in with a token that is not good: so many of one network, so many of all. A try
//! with a good token is given back.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::{Extensions, StatusCode};
use tokio::time::Instant;

use crate::client_network::ClientNetwork;
use crate::connections::Peer;
use crate::problem::Problem;

/// Tries of one network: how long one takes to come back, and how many there are.
const EACH: Quota = Quota {
    back: Duration::from_secs(5),
    burst: 10,
};

/// Tries of everybody.
const ALL: Quota = Quota {
    back: Duration::from_secs(1),
    burst: 100,
};

/// From how many networks on those that have all of their tries are forgotten.
const MANY: usize = 10_000;

struct Quota {
    back: Duration,
    burst: u32,
}

impl Quota {
    /// Takes a try; else how long until there is one. `whole` is when all of them are back.
    fn take(&self, whole: &mut Instant, now: Instant) -> Result<(), Duration> {
        let then = (*whole).max(now) + self.back;
        let most = self.back * self.burst;
        let wait = (then - now).saturating_sub(most);
        if wait > Duration::ZERO {
            return Err(wait);
        }
        *whole = then;
        Ok(())
    }

    fn give_back(&self, whole: &mut Instant) {
        *whole = whole.checked_sub(self.back).unwrap_or(*whole);
    }
}

/// Who tried lately.
pub(crate) struct Logins(Mutex<Tried>);

struct Tried {
    each: HashMap<ClientNetwork, Instant>,
    all: Instant,
}

impl Logins {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Tried {
            each: HashMap::new(),
            all: Instant::now(),
        }))
    }

    fn tried(&self) -> MutexGuard<'_, Tried> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a try of whoever sent a request with these extensions.
    pub(crate) fn take_of(&self, extensions: &Extensions) -> Result<LoginTry<'_>, Problem> {
        self.take(Peer::charged_network(extensions))
    }

    /// Takes a try of somebody there; of everybody's alone where many share the address.
    fn take(&self, from: Option<ClientNetwork>) -> Result<LoginTry<'_>, Problem> {
        let now = Instant::now();
        let mut tried = self.tried();
        let Tried { each, all } = &mut *tried;
        if each.len() > MANY {
            each.retain(|_, whole| *whole > now);
        }
        // One network's flood is stopped before it uses up what all may.
        let own = from.map_or(Ok(()), |from| EACH.take(each.entry(from).or_insert(now), now));
        own.and_then(|()| {
            ALL.take(all, now).inspect_err(|_| {
                if let Some(whole) = from.and_then(|from| each.get_mut(&from)) {
                    EACH.give_back(whole);
                }
            })
        })
        .map_err(|wait| {
            Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too many wrong tokens came lately, so no more are taken for a moment; on the server's machine, \
                 `cc-devops open` signs in without one",
            )
            .retry_after(wait)
        })?;
        drop(tried);
        Ok(LoginTry { logins: self, from })
    }
}

/// A try to sign in.
#[must_use]
pub struct LoginTry<'a> {
    logins: &'a Logins,
    from: Option<ClientNetwork>,
}

impl LoginTry<'_> {
    /// The token was good, or nobody could say: the try does not count.
    pub fn give_back(self) {
        let mut tried = self.logins.tried();
        ALL.give_back(&mut tried.all);
        if let Some(whole) = self.from.and_then(|from| tried.each.get_mut(&from)) {
            EACH.give_back(whole);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(number: u8) -> ClientNetwork {
        ClientNetwork::of([192, 0, 2, number].into())
    }

    fn wrong(logins: &Logins, from: Option<ClientNetwork>) -> bool {
        logins.take(from).is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn wrong_tokens_are_slowed_and_right_ones_are_not() {
        let logins = Logins::new();
        let one = Some(network(1));
        for number in 0..1_000 {
            assert!(logins.take(one).map(LoginTry::give_back).is_ok(), "{number}");
        }
        assert_eq!((0..50).filter(|_| wrong(&logins, one)).count(), 10);
        let refused = logins.take(one).err().unwrap();
        assert_eq!(refused.status(), 429);
        assert!(refused.wait().is_some_and(|wait| wait <= EACH.back), "{refused:?}");
        assert!(wrong(&logins, Some(network(2))), "another network has its own");
        tokio::time::advance(Duration::from_mins(1)).await;
        assert_eq!((0..50).filter(|_| wrong(&logins, one)).count(), 10, "all are back");
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!((0..50).filter(|_| wrong(&logins, one)).count(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn many_networks_together_are_slowed_too() {
        let logins = Logins::new();
        let taken = (0..=255)
            .filter(|number| wrong(&logins, Some(network(*number))))
            .count();
        assert_eq!(taken, 100);
        // What is refused for all costs the network nothing of its own.
        assert_eq!(
            logins
                .tried()
                .each
                .values()
                .filter(|whole| **whole > Instant::now())
                .count(),
            100
        );
        assert!(!wrong(&logins, None));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(
            (0..50).filter(|_| wrong(&logins, None)).count(),
            2,
            "a proxy's clients count for all"
        );
    }
}
