//! What the route about sessions with the dashboard may touch.

use axum::http::StatusCode;
use cc_devops_fleet::sessions::SessionSecret;
use cc_devops_kernel::agent::Role;
use cc_devops_kernel::door::Door;
use jiff::Timestamp;

use super::{Permitted, Privilege, Question};
use crate::problem::Problem;
use crate::random::random_bits;

/// Make a link that begins a session with the dashboard. A session is the caller's own and may what the caller may, so no
/// policy is asked; but it is a person's.
#[derive(Clone)]
pub struct MakeSessionLinks;

impl Privilege for MakeSessionLinks {
    fn ask(question: &Question<'_>) -> Result<Self, Problem> {
        match question.agent.role {
            Role::Admin | Role::Observer => Ok(Self),
            Role::Agent => Err(Problem::denied(format!(
                "the dashboard is for operators and observers, and {} is an agent",
                question.agent.name
            ))),
        }
    }
}

impl Permitted<MakeSessionLinks> {
    /// A link that begins a session of the caller's once, and when it ends. It is on record.
    ///
    /// # Errors
    /// There is no dashboard here, or none is shown in the clear; what the store says.
    pub async fn link(&self) -> Result<(String, Timestamp), Problem> {
        if !self.app.has_door(Door::Dashboard) {
            return Err(Problem::not_found(
                "the dashboard is switched off here: `dashboard.enabled` in the server's configuration says so",
            ));
        }
        let own = self.app.own_address();
        if own.in_the_clear() {
            return Err(Problem::new(
                StatusCode::CONFLICT,
                "the dashboard is not shown here: this server speaks plain HTTP with other machines. Give it a \
                 certificate, or set server.public_url to the address of the proxy in front of it",
            ));
        }
        let secret = SessionSecret::from_random(random_bits()?);
        let agent = self.caller.agent();
        let token = self.credential.token().ok_or_else(Problem::unauthenticated)?;
        let ends = self.app.sessions().make_link(agent, token, &secret, self.now()).await?;
        Ok((format!("{}/ui/open?key={}", own.base(), secret.expose()), ends))
    }
}
