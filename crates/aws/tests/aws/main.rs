//! The AWS backend: against emulators of AWS, on bad lines to them, and against services that answer by a script.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

/// A test for each suite of the ports' contracts, of a module's `ports`.
macro_rules! contracts {
    ($($suite:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $suite() {
            let peer = cc_devops_testkit::peers::ministack().await;
            cc_devops_testkit::contract::$suite(async || ports(&crate::harness::backend(&peer).await)).await;
        }
    )*};
}

mod agents;
mod audit;
mod crash_points;
mod deploy_role;
mod events;
mod harness;
mod ledger;
mod ledger_faults;
mod line;
mod many_writers;
mod news;
mod publishing;
mod retention;
mod revenue;
mod script;
mod sealing;
mod secrets;
mod services;
mod services_faults;
mod shares;
mod stacks;
mod stacks_faults;
mod state;
mod store;
