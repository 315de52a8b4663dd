//! What pages about policies and settings may touch.

use cc_devops_kernel::access::Access;
use cc_devops_kernel::names::Stage;
use cc_devops_policy::{Answered, Asked, Assumed, Rule};

use super::{Permitted, Privilege, Question};
use crate::problem::Problem;

/// Read the policies, and ask what they say.
#[derive(Clone)]
pub struct ReadPolicies;

impl Privilege for ReadPolicies {
    fn ask(question: &Question<'_>) -> Result<Self, Problem> {
        question.require(&Access::ReadPolicies).map(|()| Self)
    }
}

impl Permitted<ReadPolicies> {
    /// What the policies say of somebody: of an agent as it is known, or of one with just its own, as `cc-devops policy
    /// check` says it.
    ///
    /// # Errors
    /// What cannot be asked; what the store says.
    pub async fn answer(&self, asked: &Asked<'_>, assumed: Assumed) -> Result<Answered, Problem> {
        let control = &self.app.control;
        let known = self.app.ports().agents.find(asked.principal).await?;
        let words = (control.registry().vocabulary(), &control.installation().stages);
        let answered = control
            .policy()
            .answer(asked, assumed.of(known, asked.principal), words);
        answered.map_err(Problem::invalid)
    }

    /// What can be asked about.
    pub fn rules(&self) -> &[Rule] {
        self.app.control.registry().vocabulary().rules()
    }

    /// The stages that there are, the first of which is asked about where none is named.
    pub fn stages(&self) -> impl Iterator<Item = &Stage> {
        self.app.control.installation().stages.iter()
    }
}

/// Read the settings in force.
#[derive(Clone)]
pub struct ReadSettings;

impl Privilege for ReadSettings {
    fn ask(question: &Question<'_>) -> Result<Self, Problem> {
        question.require(&Access::ReadSettings).map(|()| Self)
    }
}
