//! Blocks of input worked on by every core, and what is made of them taken in the input's order.

use std::io::BufRead;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::ComputeError;
use super::source::{Block, Source, Taken};

/// What is made of a block.
pub(super) trait Job: Sync {
    /// It may borrow from the block.
    type Made<'b>;

    fn make<'b>(&self, block: &'b Block) -> Result<Taken<Self::Made<'b>>, ComputeError>;
}

/// Who takes what was made, block after block.
pub(super) trait Take<J: Job>: Send {
    fn take(&mut self, made: J::Made<'_>) -> Result<(), ComputeError>;
}

/// Whose turn it is to hand over.
struct Turn<T> {
    next: u64,
    taker: T,
    more: Option<bool>,
    ended: Option<Result<(), ComputeError>>,
}

/// Works on block after block on every core. Each worker takes the next block, makes of it what the job says,
/// waits until those before it were handed over, and hands over its own. Says whether the last list of the
/// input has more; `None` if there was no list.
pub(super) fn work<R, J, T>(source: Source<R>, job: &J, taker: T) -> Result<Option<bool>, ComputeError>
where
    R: BufRead + Send,
    J: Job,
    T: Take<J>,
{
    let (blocks, changed) = (Mutex::new((0_u64, source)), Condvar::new());
    let turn = Mutex::new(Turn {
        next: 0,
        taker,
        more: None,
        ended: None,
    });
    let worker = || {
        let _stop = Stop(&turn, &changed);
        let mut block = Block::default();
        loop {
            let number = {
                let mut blocks = lock(&blocks);
                match blocks.1.fill(&mut block) {
                    Ok(true) => {}
                    Ok(false) => return,
                    Err(error) => return end(&turn, &changed, Err(error)),
                }
                blocks.0 += 1;
                blocks.0 - 1
            };
            let made = job.make(&block);
            let not_yet = |turn: &mut Turn<T>| turn.next != number && turn.ended.is_none();
            let mut turn_now = changed
                .wait_while(lock(&turn), not_yet)
                .unwrap_or_else(PoisonError::into_inner);
            if turn_now.ended.is_some() {
                return;
            }
            let handed = made.and_then(|made| {
                turn_now.more = made.more.or(turn_now.more);
                turn_now.taker.take(made.made)
            });
            if let Err(error) = handed {
                drop(turn_now);
                return end(&turn, &changed, Err(error));
            }
            turn_now.next += 1;
            drop(turn_now);
            changed.notify_all();
        }
    };
    // One more than cores: while one waits for its turn, another computes.
    let workers = std::thread::available_parallelism().map_or(2, usize::from) + 1;
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(worker);
        }
    });
    let turn = turn.into_inner().unwrap_or_else(PoisonError::into_inner);
    let (_, source) = blocks.into_inner().unwrap_or_else(PoisonError::into_inner);
    turn.ended.unwrap_or(Ok(()))?;
    Ok(turn.more.or(source.more()))
}

fn end<T>(turn: &Mutex<Turn<T>>, changed: &Condvar, how: Result<(), ComputeError>) {
    lock(turn).ended.get_or_insert(how);
    changed.notify_all();
}

/// Ends the others if a worker panics: they would wait for its turn for ever.
struct Stop<'s, T>(&'s Mutex<Turn<T>>, &'s Condvar);

impl<T> Drop for Stop<'_, T> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            end(self.0, self.1, Err(ComputeError::Stopped));
        }
    }
}

/// What a lock guards is whole at every moment, so a panic elsewhere does not matter.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
