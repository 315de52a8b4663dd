//! Which stacks need which. A stack is begun when its own dependencies ended well, and only then: it waits for no other.

use std::collections::{BTreeMap, BTreeSet};

use cc_devops_kernel::names::StackName;

/// What each stack depends on. There are no circles in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Order {
    dependencies: BTreeMap<StackName, BTreeSet<StackName>>,
}

/// Stacks that depend on one another in a circle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cycle {
    /// The stacks of the circle: each depends on the next, and the last on the first. The first by name comes first.
    pub stacks: Vec<StackName>,
}

impl std::fmt::Display for Cycle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("these stacks depend on one another in a circle: ")?;
        for stack in &self.stacks {
            write!(f, "{stack} -> ")?;
        }
        self.stacks.first().map_or(Ok(()), |first| write!(f, "{first}"))
    }
}

impl std::error::Error for Cycle {}

/// How the latest change of a stack stands, on one stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It ended well, or there was nothing to change.
    EndedWell,
    /// It goes on, or waits: for approval, for the end of a freeze, for its own dependencies.
    GoesOn,
    /// It failed, was rolled back, denied, or ended otherwise without having been carried out.
    EndedBadly,
    /// No change of it is on record, so there is none to wait for.
    Unknown,
}

/// Whether a stack can be begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// It can.
    Ready,
    /// Not before these ended well.
    Waits(Vec<StackName>),
    /// Not at all: these ended badly. What still goes on is not named.
    Blocked(Vec<StackName>),
}

impl Order {
    /// An order of what each stack depends on itself. A dependency needs no entry of its own.
    ///
    /// # Errors
    /// A circle; one stack that depends on itself is one.
    pub fn of(dependencies: BTreeMap<StackName, BTreeSet<StackName>>) -> Result<Self, Cycle> {
        let order = Self { dependencies };
        match order.cycle() {
            None => Ok(order),
            Some(stacks) => Err(Cycle { stacks }),
        }
    }

    /// What a stack itself depends on.
    pub fn dependencies(&self, stack: &StackName) -> impl Iterator<Item = &StackName> {
        self.dependencies.get(stack).into_iter().flatten()
    }

    /// Whether no stack depends on another.
    pub fn is_empty(&self) -> bool {
        self.dependencies.values().all(BTreeSet::is_empty)
    }

    /// These stacks in waves: what a stack depends on, directly or through stacks that are not among these, is in an
    /// earlier wave. The waves show the order; a stack need not wait for all of the wave before its own.
    pub fn waves(&self, stacks: &BTreeSet<StackName>) -> Vec<Vec<StackName>> {
        let needs: BTreeMap<&StackName, BTreeSet<&StackName>> = stacks
            .iter()
            .map(|stack| {
                (
                    stack,
                    self.all_before(stack)
                        .into_iter()
                        .filter(|one| stacks.contains(*one))
                        .collect(),
                )
            })
            .collect();
        let mut done: BTreeSet<&StackName> = BTreeSet::new();
        let mut waves = Vec::new();
        while done.len() < needs.len() {
            let wave: Vec<&StackName> = needs
                .iter()
                .filter(|(stack, before)| !done.contains(*stack) && before.is_subset(&done))
                .map(|(stack, _)| *stack)
                .collect();
            if wave.is_empty() {
                // There are no circles, so there is always a stack that needs none of those that are left.
                break;
            }
            done.extend(&wave);
            waves.push(wave.into_iter().cloned().collect());
        }
        waves
    }

    /// Whether a stack can be begun, where this is how its dependencies stand on its stage. One that is not told counts
    /// as [`Standing::Unknown`].
    pub fn ready(&self, stack: &StackName, standing: &BTreeMap<StackName, Standing>) -> Readiness {
        let with = |wanted: Standing| -> Vec<StackName> {
            self.dependencies(stack)
                .filter(|one| standing.get(one).copied().unwrap_or(Standing::Unknown) == wanted)
                .cloned()
                .collect()
        };
        let failed = with(Standing::EndedBadly);
        if !failed.is_empty() {
            return Readiness::Blocked(failed);
        }
        let waits = with(Standing::GoesOn);
        if waits.is_empty() {
            Readiness::Ready
        } else {
            Readiness::Waits(waits)
        }
    }

    /// All that a stack depends on, directly or through others.
    fn all_before(&self, stack: &StackName) -> BTreeSet<&StackName> {
        let mut found = BTreeSet::new();
        let mut open: Vec<&StackName> = self.dependencies(stack).collect();
        while let Some(next) = open.pop() {
            if found.insert(next) {
                open.extend(self.dependencies(next));
            }
        }
        found
    }

    /// The shortest circle that the first stack by name of any circle is in.
    fn cycle(&self) -> Option<Vec<StackName>> {
        let first = self
            .dependencies
            .keys()
            .find(|stack| self.all_before(stack).contains(*stack))?;
        // Breadth first from it back to it: from whom each was reached gives the way.
        let mut reached: BTreeMap<&StackName, &StackName> = BTreeMap::new();
        let mut row = vec![first];
        while !row.is_empty() && !reached.contains_key(first) {
            let mut next = Vec::new();
            for from in row {
                for to in self.dependencies(from) {
                    if !reached.contains_key(to) {
                        reached.insert(to, from);
                        next.push(to);
                    }
                }
            }
            row = next;
        }
        let mut circle = Vec::new();
        let mut at = *reached.get(first)?;
        while at != first {
            circle.push(at.clone());
            at = *reached.get(at)?;
        }
        circle.push(first.clone());
        circle.reverse();
        Some(circle)
    }
}

#[cfg(test)]
mod tests;
