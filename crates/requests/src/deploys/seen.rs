//! Plans and what was deployed, as people see them.

use std::fmt;

use cc_devops_deploys::freeze::Freezes;
use cc_devops_deploys::{About, PlanId, PlanRecord, PlanState, Row};
use cc_devops_kernel::names::{FullStackName, RequestId, StackName};
use cc_devops_kernel::ports::{MOST_KEYS, PortResult, RecordKey, RecordKind, StateStore};
use jiff::Timestamp;

use super::kept::{Deployed, Kept, OPEN, kept, newest_first, plan_key, read};
use super::parts;
use crate::engine::ControlPlane;
use crate::ports::Ports;

/// How many records are read at a time.
const PAGE: usize = 500;

/// How many plans are looked at in one step, and how many steps a page takes at most.
const STEP: usize = MOST_KEYS;
const MOST_STEPS: usize = 10;

/// Which plans to list; every field narrows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanFilter {
    /// Those that stand so.
    pub state: Option<PlanState>,
    /// Those of this stack, with its stage or, for every stage, without.
    pub stack: Option<String>,
    /// Those behind this place.
    pub before: Option<PlanPlace>,
}

impl PlanFilter {
    fn fits(&self, record: &PlanRecord) -> bool {
        self.state.is_none_or(|state| state == record.state)
            && self
                .stack
                .as_ref()
                .is_none_or(|name| *name == record.stack.as_str() || *name == record.stack_name.as_str())
    }
}

/// The place of a plan among all plans, the newest of which comes first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanPlace {
    /// When it was made, in milliseconds.
    at: i64,
    plan: PlanId,
}

impl PlanPlace {
    /// Of a plan.
    pub fn of(record: &PlanRecord) -> Self {
        Self {
            at: record.made_at.as_millisecond(),
            plan: record.id.clone(),
        }
    }

    /// As somebody gave it, in the form in which it is written; none where it has not that form.
    pub fn read(text: &str) -> Option<Self> {
        let (at, plan) = text.split_once('-')?;
        let digits = (1..=15).contains(&at.len()) && at.bytes().all(|byte| byte.is_ascii_digit());
        let at = digits.then(|| at.parse().ok()).flatten()?;
        Timestamp::from_millisecond(at).ok()?;
        Some(Self {
            at,
            plan: PlanId::read(plan)?,
        })
    }

    /// The name of its record.
    fn name(&self) -> String {
        newest_first(Timestamp::from_millisecond(self.at).unwrap_or_default(), &self.plan)
    }
}

impl fmt::Display for PlanPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.at, self.plan)
    }
}

/// A page of plans.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanPage {
    /// The plans, the newest first. They may be fewer than were asked for where more follow.
    pub plans: Vec<PlanRecord>,
    /// Where the next page begins; none where none follows.
    pub next: Option<PlanPlace>,
}

/// The plans that have not ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenPlans {
    /// They, in no order.
    pub plans: Vec<PlanRecord>,
    /// How many changes are still being planned.
    pub planning: usize,
    /// Whether there are more than were read.
    pub more: bool,
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

    /// A page of the plans that have not ended and of those that ended within 400 days, the newest first: `limit` at most
    /// of those whose stack the asker may see. However many there are, 1,000 are looked at for it at most.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn plans(
        &self,
        filter: &PlanFilter,
        limit: usize,
        may: &(dyn Fn(&StackName) -> bool + Sync),
    ) -> PortResult<PlanPage> {
        if filter.state.is_some_and(|state| !state.has_ended()) {
            return self.open_page(filter, limit, may).await;
        }
        let state = &*self.ports.state;
        let lists = self.lists_of(filter.stack.as_deref());
        let step = if filter.state.is_none() {
            limit.saturating_add(1).min(STEP)
        } else {
            STEP
        };
        let mut page = PlanPage::default();
        let mut after = filter.before.as_ref().map(PlanPlace::name);
        let mut last = None;
        for _ in 0..MOST_STEPS {
            let mut found = Vec::new();
            for of in &lists {
                let page = state.list(RecordKind::PlanTime, of.as_deref(), after.as_deref(), step);
                found.extend(page.await?);
            }
            let is_end = found.len() < step;
            found.sort_by(|one, other| one.key.name.cmp(&other.key.name));
            found.truncate(step);
            let plans = found
                .iter()
                .map(|record| -> PortResult<RecordKey> { Ok(plan_key(&read(record)?)) });
            let keys: Vec<RecordKey> = plans.collect::<PortResult<_>>()?;
            for record in state.read(&keys).await?.iter().flatten() {
                let Some(plan) = Kept::of(record)?.plan() else { continue };
                last = Some(PlanPlace::of(&plan));
                if !filter.fits(&plan) || !may(&plan.stack_name) {
                    continue;
                }
                if page.plans.len() >= limit {
                    page.next = page.plans.last().map(PlanPlace::of);
                    return Ok(page);
                }
                page.plans.push(plan);
            }
            if is_end {
                return Ok(page);
            }
            after = found.pop().map(|record| record.key.name);
        }
        page.next = last;
        Ok(page)
    }

    /// The lists in which the plans of a stack stand, whether its stage is named or not; every list where none is named.
    fn lists_of(&self, stack: Option<&str>) -> Vec<Option<String>> {
        let Some(name) = stack else { return vec![None] };
        let mut lists = vec![Some(name.to_owned())];
        if let Ok(stack) = StackName::new(name) {
            let stages = self.installation.stages.iter();
            lists.extend(stages.map(|stage| Some(stack.on(stage).to_string())));
        }
        lists
    }

    /// The same of those that have not ended.
    async fn open_page(
        &self,
        filter: &PlanFilter,
        limit: usize,
        may: &(dyn Fn(&StackName) -> bool + Sync),
    ) -> PortResult<PlanPage> {
        let mut plans = Vec::new();
        let before = filter.before.as_ref().map(PlanPlace::name);
        let place = |plan: &PlanRecord| newest_first(plan.made_at, &plan.id);
        each(&*self.ports.state, RecordKind::Plan, Some(OPEN), |record| {
            let plan = Kept::of(record)?.plan();
            plans.extend(plan.filter(|plan| {
                let behind = before.as_ref().is_none_or(|before| place(plan) > *before);
                behind && filter.fits(plan) && may(&plan.stack_name)
            }));
            Ok(())
        })
        .await?;
        plans.sort_by_cached_key(place);
        let more = plans.len() > limit;
        plans.truncate(limit);
        let next = plans.last().filter(|_| more).map(PlanPlace::of);
        Ok(PlanPage { plans, next })
    }

    /// Plans that have not ended: as many as one read takes, `most` and 500 at most.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn open_plans(&self, most: usize) -> PortResult<OpenPlans> {
        let most = most.min(PAGE);
        let found = self.ports.state.list(RecordKind::Plan, Some(OPEN), None, most).await?;
        let more = found.len() >= most;
        let mut open = OpenPlans {
            more,
            ..OpenPlans::default()
        };
        for record in &found {
            match Kept::of(record)?.plan() {
                Some(plan) => open.plans.push(plan),
                None => open.planning += 1,
            }
        }
        Ok(open)
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
        let found = self
            .ports
            .state
            .list(RecordKind::Deployed, Some(stack.as_str()), None, limit);
        found.await?.iter().map(read).collect()
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
