//! What pages about repositories may touch: what audits kept, and never the code host.

use cc_devops_kernel::access::Access;
use cc_devops_kernel::ports::PortResult;
use cc_devops_repos::audit::KeptRepository;
use cc_devops_repos::hygiene::{AuditDays, FailingWorkflow, HygieneReader, Register, RegisterRow, RepositoryRecord};
use cc_devops_repos::snapshot::RepositoryId;

use super::{Permitted, Privilege, Question};
use crate::config::CodeHostPlace;
use crate::problem::Problem;

/// See how repositories stand.
#[derive(Clone)]
pub struct ReadRepositories;

impl Privilege for ReadRepositories {
    fn ask(question: &Question<'_>) -> Result<Self, Problem> {
        question.require(&Access::ReadRepositories).map(|()| Self)
    }
}

/// One repository, as the last audit saw it.
#[derive(Debug)]
pub struct RepositoryLook {
    /// Its line in the list.
    pub row: RegisterRow,
    /// What each rule came to.
    pub record: RepositoryRecord,
    /// The breaches that are open, with since when.
    pub kept: KeptRepository,
    /// The workflows that fail, the longest first.
    pub failing: Vec<FailingWorkflow>,
}

impl Permitted<ReadRepositories> {
    /// Whose repositories are looked after, and where people see them; none where nobody's are.
    pub fn code_host(&self) -> Option<&CodeHostPlace> {
        self.app.config.code_host.as_ref()
    }

    fn looking(&self) -> Option<HygieneReader<'_>> {
        let owner = &self.code_host()?.owner;
        Some(HygieneReader::at(&*self.app.ports().repositories, owner))
    }

    /// How the audits of the last 400 days went: one read. Nothing where nobody's repositories are looked after.
    ///
    /// # Errors
    /// What the store says.
    pub async fn audit_days(&self) -> PortResult<AuditDays> {
        match self.looking() {
            Some(looking) => looking.days().await,
            None => Ok(AuditDays::default()),
        }
    }

    /// Every repository, and what each rule came to in it: one read.
    ///
    /// # Errors
    /// What the store says.
    pub async fn register(&self) -> PortResult<Register> {
        match self.looking() {
            Some(looking) => looking.register().await,
            None => Ok(Register::default()),
        }
    }

    /// The workflows that fail, the longest first: one read.
    ///
    /// # Errors
    /// What the store says.
    pub async fn failing_workflows(&self, register: &Register) -> PortResult<Vec<FailingWorkflow>> {
        match self.looking() {
            Some(looking) => looking.failing(register).await,
            None => Ok(Vec::new()),
        }
    }

    /// The repository of a name, as the last audit saw it; none where no audit saw one of this name. Four reads.
    ///
    /// # Errors
    /// What the store says.
    pub async fn repository(&self, name: &str) -> PortResult<Option<RepositoryLook>> {
        self.look(|register| register.named(name)).await
    }

    /// The organisation itself, where rules are about it. Four reads.
    ///
    /// # Errors
    /// What the store says.
    pub async fn organization(&self) -> PortResult<Option<RepositoryLook>> {
        self.look(|register| register.row(RepositoryId::ORGANIZATION)).await
    }

    async fn look(&self, find: impl FnOnce(&Register) -> Option<&RegisterRow>) -> PortResult<Option<RepositoryLook>> {
        let Some(looking) = self.looking() else { return Ok(None) };
        let register = looking.register().await?;
        let Some(row) = find(&register).cloned() else {
            return Ok(None);
        };
        let Some(record) = looking.record(row.id).await? else {
            return Ok(None);
        };
        Ok(Some(RepositoryLook {
            record,
            kept: looking.breaches(row.id).await?,
            failing: looking.failing_in(&row).await?,
            row,
        }))
    }
}
