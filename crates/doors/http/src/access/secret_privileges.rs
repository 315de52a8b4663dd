//! What pages about secrets may touch, which is no value, and what agents do to secrets without a request.

use cc_devops_kernel::access::Access;
use cc_devops_kernel::acts::ActError;
use cc_devops_kernel::agent::Agent;
use cc_devops_kernel::audit::AuditRow;
use cc_devops_kernel::door::Door;
use cc_devops_kernel::names::{SecretName, SecretPrefix};
use cc_devops_kernel::paging::{Cursor, Page};
use cc_devops_kernel::ports::{SecretRead, SecretSummary, SecretVersion};
use cc_devops_requests::secret_edits::{EditSecretError, EditedSecret, SecretEdit};
use cc_devops_requests::secret_lists::{DescribedSecret, SecretsPage};
use cc_devops_requests::secret_reads::{ReadSecretError, WantedVersion};

use super::{Permitted, Privilege, Question};
use crate::problem::Problem;

/// See which secrets there are, and who used them last.
#[derive(Clone)]
pub struct ListSecrets;

impl Privilege for ListSecrets {
    fn ask(question: &Question<'_>) -> Result<Self, Problem> {
        question.require(&Access::ListSecrets).map(|()| Self)
    }
}

impl Permitted<ListSecrets> {
    /// Secrets by name, those under a prefix where one is given, from behind `after`, `limit` at most.
    ///
    /// # Errors
    /// What the store says.
    pub async fn secrets(
        &self,
        prefix: Option<&SecretPrefix>,
        after: Option<&SecretName>,
        limit: usize,
    ) -> Result<SecretsPage, Problem> {
        Ok(self.app.control.secrets(prefix, after, limit).await?)
    }

    /// A secret with its versions; none where there is no such secret.
    ///
    /// # Errors
    /// What the store says.
    pub async fn secret(&self, name: &SecretName) -> Result<Option<DescribedSecret>, Problem> {
        Ok(self.app.control.describe_secret(name).await?)
    }

    /// What is on record about a secret, newest first, from `before` on; none where the caller may not read the audit
    /// trail.
    ///
    /// # Errors
    /// What the trail says.
    pub async fn history(
        &self,
        name: &SecretName,
        before: Option<Cursor>,
        limit: usize,
    ) -> Result<Option<Page<AuditRow>>, Problem> {
        if !self.may(&Access::ReadAudit) {
            return Ok(None);
        }
        Ok(Some(self.app.control.secret_history(name, before, limit).await?))
    }
}

/// Read, make and change secrets at once, and look at those that one may know of. The engine decides on each, and puts it on
/// record.
#[derive(Clone)]
pub struct UseSecrets;

impl Privilege for UseSecrets {
    fn ask(_question: &Question<'_>) -> Result<Self, Problem> {
        Ok(Self)
    }
}

impl<P> Permitted<P> {
    /// Who asks, and by which door.
    pub(super) fn by(&self) -> (&Agent, Door) {
        (self.caller.agent(), self.credential.door())
    }
}

impl Permitted<UseSecrets> {
    /// A version's value, where the caller may have it, and which version it is, unless newer ones have taken its place.
    ///
    /// # Errors
    /// What no policy permits; there is no such secret or version; what the store says.
    pub async fn read(
        &self,
        name: &SecretName,
        wanted: WantedVersion<'_>,
    ) -> Result<(Option<SecretVersion>, SecretRead), ReadSecretError> {
        self.app.control.read_secret_by(self.by(), name, wanted).await
    }

    /// Makes or changes a secret.
    ///
    /// # Errors
    /// What no policy permits; what cannot be; what the store says.
    pub async fn edit(&self, edit: &SecretEdit) -> Result<EditedSecret, EditSecretError> {
        self.app.control.edit_secret(self.by(), edit).await
    }

    /// A secret with its versions, without a value; none where there is no such secret.
    ///
    /// # Errors
    /// What no policy permits; what the store says.
    pub async fn look(&self, name: &SecretName) -> Result<Option<DescribedSecret>, ActError> {
        self.app.control.look_at_secret(self.by(), name).await
    }

    /// Hands over the secrets that the caller may know of and that are wanted. At most `reach` are looked at, by two hundreds;
    /// whether there may be more.
    ///
    /// # Errors
    /// What the store says.
    pub async fn known(
        &self,
        prefix: Option<&SecretPrefix>,
        wanted: &(dyn Fn(&SecretSummary) -> bool + Sync),
        hand_over: &mut (dyn FnMut(SecretSummary) + Send),
        reach: usize,
    ) -> Result<bool, Problem> {
        let control = &self.app.control;
        let known = control.known_secrets(self.caller.agent(), prefix, wanted, hand_over, reach);
        Ok(known.await?)
    }
}
