//! The worker that looks at how things stand: dead letters, readers that are behind, the audit trail, secrets, spend.

use std::time::Duration;

use cc_devops_requests::conditions::Thoroughness;

use crate::app::App;
use crate::problem::Chain;

/// How often.
const EVERY: Duration = Duration::from_mins(1);

/// Looks once a minute, until the server stops.
pub(crate) async fn run(app: App) {
    loop {
        if let Err(error) = app.control.look_for_conditions(Thoroughness::Whole).await {
            tracing::warn!(error = %Chain(&error), "nobody could look at how things stand; the next look does");
        }
        if !app.pause(EVERY).await {
            return;
        }
    }
}
