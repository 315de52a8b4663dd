//! Trying again: how often, how long apart, and for how long in all.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use http::StatusCode;
use tokio::time::Instant;

/// How a failed request is tried again. Waits double and are jittered, so that those who failed together do not
/// come back together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retries {
    /// How often at most, after the first try.
    pub times: usize,
    /// The shortest wait before a try; each later one is about twice as long.
    pub shortest: Duration,
    /// The longest wait, but for one that the server asks for.
    pub longest: Duration,
}

/// One try failed.
#[derive(Debug)]
pub struct Failure<E> {
    /// Why.
    pub error: E,
    /// Whether another try may succeed and does no harm.
    pub retry: bool,
    /// How long the server asked to be left alone. It is obeyed where it is longer than the usual wait.
    pub wait: Option<Duration>,
}

impl<E> Failure<E> {
    /// Another try may succeed.
    pub fn again(error: E) -> Self {
        Self {
            error,
            retry: true,
            wait: None,
        }
    }

    /// Another try is of no use, or may do harm.
    pub fn last(error: E) -> Self {
        Self {
            error,
            retry: false,
            wait: None,
        }
    }

    /// The same failure of another type.
    pub fn map<F>(self, as_error: impl FnOnce(E) -> F) -> Failure<F> {
        Failure {
            error: as_error(self.error),
            retry: self.retry,
            wait: self.wait,
        }
    }
}

impl Retries {
    /// Makes tries until one succeeds, a failure is the last, or the retries are used up. With a deadline, no
    /// try begins that would have to wait beyond it. `before_each` hears of each failure that is tried again,
    /// and how long the wait is.
    ///
    /// A try is bounded by its request's own time limit, see [`Request::until`](crate::Request::until).
    ///
    /// # Errors
    /// The last try's.
    pub async fn run<T, E, F>(
        &self,
        deadline: Option<Instant>,
        attempt: impl FnMut() -> F,
        mut before_each: impl FnMut(&E, Duration),
    ) -> Result<T, E>
    where
        F: Future<Output = Result<T, Failure<E>>>,
    {
        let delays = ExponentialBuilder::default()
            .with_min_delay(self.shortest)
            .with_max_delay(self.longest)
            .with_max_times(self.times)
            .with_jitter();
        attempt
            .retry(delays)
            .sleep(tokio::time::sleep)
            .when(|failure: &Failure<E>| failure.retry)
            .adjust(|failure, delay| {
                let delay = delay?;
                let wait = failure.wait.map_or(delay, |wait| wait.max(delay));
                let in_time = deadline
                    .is_none_or(|deadline| Instant::now().checked_add(wait).is_some_and(|next| next < deadline));
                in_time.then_some(wait)
            })
            .notify(|failure, wait| before_each(&failure.error, wait))
            .await
            .map_err(|failure| failure.error)
    }
}

/// Whether a refusal with this status may pass by itself: too many requests, or the server's own failure
/// (RFC 9110, 15.6; RFC 6585, 4). Vendors add what they mean by others.
pub fn may_pass(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    const RETRIES: Retries = Retries {
        times: 3,
        shortest: SECOND,
        longest: Duration::from_secs(4),
    };

    /// Makes these tries on a clock that does not run by itself: what came of it, how many were made, and how
    /// long it took.
    async fn run(deadline: Option<Duration>, tries: Vec<Failure<u32>>) -> (Result<(), u32>, usize, Duration) {
        let begin = Instant::now();
        let left = RefCell::new(tries.into_iter());
        let (mut made, mut heard) = (0, 0);
        let result = RETRIES
            .run(
                deadline.map(|deadline| begin + deadline),
                || {
                    made += 1;
                    let next = left.borrow_mut().next();
                    async { next.map_or(Ok(()), Err) }
                },
                |_, _| heard += 1,
            )
            .await;
        assert_eq!(heard, made - 1, "each failure that is tried again is heard of");
        (result, made, begin.elapsed())
    }

    fn asked(wait: u64) -> Failure<u32> {
        Failure {
            wait: Some(Duration::from_secs(wait)),
            ..Failure::again(1)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn tries_are_made_as_often_and_as_far_apart_as_is_right() {
        let again = |count: u32| (1..=count).map(Failure::again).collect::<Vec<_>>();
        // Deadline in seconds, tries; result, tries made, and between how many and how many seconds it takes.
        let cases = [
            ("none fails", None, again(0), Ok(()), 1, (0, 0)),
            ("two fail", None, again(2), Ok(()), 3, (3, 6)),
            ("the retries are used up", None, again(9), Err(4), 4, (7, 14)),
            ("the first is the last", None, vec![Failure::last(7)], Err(7), 1, (0, 0)),
            (
                "a later one is",
                None,
                vec![Failure::again(1), Failure::last(7)],
                Err(7),
                2,
                (1, 2),
            ),
            ("the server asks for more", None, vec![asked(60)], Ok(()), 2, (60, 60)),
            ("the server asks for less", None, vec![asked(0)], Ok(()), 2, (1, 2)),
            ("it asks for ever", Some(9), vec![asked(u64::MAX)], Err(1), 1, (0, 0)),
            ("the deadline is far", Some(100), again(2), Ok(()), 3, (3, 6)),
            ("the wait is beyond it", Some(30), vec![asked(60)], Err(1), 1, (0, 0)),
            (
                "the second wait is",
                Some(61),
                vec![asked(60), asked(60)],
                Err(1),
                2,
                (60, 60),
            ),
        ];
        for (name, deadline, tries, result, made, (least, most)) in cases {
            let done = run(deadline.map(Duration::from_secs), tries).await;
            assert_eq!((done.0, done.1), (result, made), "{name}");
            let whole = done.2.as_secs_f64();
            assert!(
                whole >= f64::from(least) && whole <= f64::from(most) + 0.1,
                "{name}: {whole} s"
            );
        }
    }

    #[test]
    fn what_may_pass_by_itself() {
        for (status, expected) in [(200, false), (304, false), (400, false), (404, false), (409, false)] {
            assert_eq!(may_pass(StatusCode::from_u16(status).unwrap()), expected, "{status}");
        }
        for status in [429, 500, 502, 503, 504, 599] {
            assert!(may_pass(StatusCode::from_u16(status).unwrap()), "{status}");
        }
    }
}
