//! Plans and what was deployed, as people see them.

use cc_devops_deploys::freeze::Freezes;
use cc_devops_deploys::{About, PlanId, PlanRecord, PlanState, Row};
use cc_devops_kernel::names::{FullStackName, RequestId};
use cc_devops_kernel::ports::{PortResult, RecordKind, StateStore};
use jiff::Timestamp;

use super::kept::{Deployed, Kept, OPEN, kept, read};
use super::parts;
use crate::engine::ControlPlane;
use crate::ports::Ports;

/// How many records are read at a time.
const PAGE: usize = 500;

/// Which plans to list; every field narrows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanFilter {
    /// Those that stand so.
    pub state: Option<PlanState>,
    /// Those of this stack, with its stage or, for every stage, without.
    pub stack: Option<String>,
    /// Those behind this one, in the order of the list: when it was made, and its name.
    pub before: Option<(Timestamp, PlanId)>,
}

impl PlanFilter {
    fn fits(&self, record: &PlanRecord) -> bool {
        self.state.is_none_or(|state| state == record.state)
            && self
                .stack
                .as_ref()
                .is_none_or(|name| *name == record.stack.as_str() || *name == record.stack_name.as_str())
            && self
                .before
                .as_ref()
                .is_none_or(|(at, id)| (record.made_at, &record.id) < (*at, id))
    }
}

/// A plan with all that its approver is to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Its head.
    pub record: PlanRecord,
    /// What it changes.
    pub rows: Vec<Row>,
    /// What the stack's own command wrote, where that has no rows.
    pub text: Option<String>,
    /// What else its approver is to see: parameters, tags, what it may do.
    pub about: About,
}

/// The plan of a request; none where it has none (yet).
///
/// # Errors
/// The store cannot be read.
pub async fn plan_of(ports: &Ports, request: &RequestId) -> PortResult<Option<PlanRecord>> {
    let kept = kept(&*ports.state, &PlanId::of(request)).await?;
    Ok(kept.and_then(|(_, kept)| kept.plan()))
}

impl ControlPlane {
    /// When nothing is deployed.
    pub fn freezes(&self) -> &Freezes {
        &self.settings.deploys.freezes
    }

    /// Plans, the newest first: those that have not ended, and those that ended within 400 days.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn plans(&self, filter: &PlanFilter) -> PortResult<Vec<PlanRecord>> {
        let state = &*self.ports.state;
        let is_open = filter.state.is_some_and(|state| !state.has_ended());
        let mut plans = Vec::new();
        let list = is_open.then_some(OPEN);
        each(state, RecordKind::Plan, list, |record| {
            let record = Kept::of(record)?.plan();
            plans.extend(record.filter(|record| filter.fits(record)));
            Ok(())
        })
        .await?;
        plans.sort_by(|one, other| (other.made_at, &other.id).cmp(&(one.made_at, &one.id)));
        Ok(plans)
    }

    /// A plan without what it changes; none where there is none of that name (yet).
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn plan_head(&self, id: &PlanId) -> PortResult<Option<PlanRecord>> {
        let kept = kept(&*self.ports.state, id).await?;
        Ok(kept.and_then(|(_, kept)| kept.plan()))
    }

    /// A plan with what it changes; none where there is none of that name (yet).
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn plan(&self, id: &PlanId) -> PortResult<Option<Plan>> {
        let Some(record) = self.plan_head(id).await? else {
            return Ok(None);
        };
        let body = parts::body(&*self.ports.state, &record).await?;
        Ok(Some(Plan {
            record,
            rows: body.rows,
            text: body.text,
            about: body.about,
        }))
    }

    /// The plan of a request; none where it has none (yet).
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn plan_of_request(&self, request: &RequestId) -> PortResult<Option<PlanRecord>> {
        plan_of(&self.ports, request).await
    }

    /// What was deployed to a stack within 400 days, the newest first, `limit` at most.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn deployed(&self, stack: &FullStackName, limit: usize) -> PortResult<Vec<Deployed>> {
        let mut all: Vec<Deployed> = Vec::new();
        each(
            &*self.ports.state,
            RecordKind::Deployed,
            Some(stack.as_str()),
            |record| {
                all.push(read(record)?);
                Ok(())
            },
        )
        .await?;
        all.sort_by(|one, other| (other.ended_at, &other.plan).cmp(&(one.ended_at, &one.plan)));
        all.truncate(limit);
        Ok(all)
    }
}

/// Reads every record of a list.
async fn each(
    state: &dyn StateStore,
    kind: RecordKind,
    within: Option<&str>,
    mut take: impl FnMut(&cc_devops_kernel::ports::Record) -> PortResult<()>,
) -> PortResult<()> {
    let mut after: Option<String> = None;
    loop {
        let page = state.list(kind, within, after.as_deref(), PAGE).await?;
        page.iter().try_for_each(&mut take)?;
        match page.last() {
            Some(last) if page.len() >= PAGE => after = Some(last.key.name.clone()),
            _ => return Ok(()),
        }
    }
}
