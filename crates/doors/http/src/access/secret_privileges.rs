//! What pages about secrets may touch. No value.

use cc_devops_kernel::access::Access;
use cc_devops_kernel::audit::AuditRow;
use cc_devops_kernel::names::{SecretName, SecretPrefix};
use cc_devops_kernel::paging::{Cursor, Page};
use cc_devops_requests::secret_lists::{DescribedSecret, SecretsPage};

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
