//! From how a subject stands and the issues about it to what is to be done.

use super::{Action, CloseReason, Issue, IssueStanding, Memory, Subject};
use crate::snapshot::Fact;

/// How a subject stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing<T> {
    /// It could not be read: nothing is done.
    Unknown(String),
    /// It is neither right nor wrong: its issue stays as it is.
    Undecided(String),
    /// It is right, as of then.
    Right(T),
    /// It is wrong, and this is the latest of it.
    Wrong(T),
    /// There is no such thing any more.
    Gone,
}

/// What a new issue says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Draft {
    pub(crate) title: String,
    /// With the marks.
    pub(crate) text: String,
    pub(crate) labels: Vec<String>,
}

/// Why something is done, or nothing, as sentences say it of the kind of subject.
#[derive(Debug)]
pub(crate) struct Words {
    pub(crate) wrong: &'static str,
    pub(crate) later: &'static str,
    pub(crate) told: &'static str,
    pub(crate) told_before: &'static str,
    pub(crate) right: &'static str,
    pub(crate) older: &'static str,
    pub(crate) gone: &'static str,
    pub(crate) put_away: &'static str,
}

/// A subject that is looked at.
pub(crate) struct Look<'a, S: Subject> {
    pub(crate) subject: S,
    pub(crate) standing: Standing<S::LastTold>,
    /// Every issue with a mark of the subject, and the one that was kept, wherever they are.
    pub(crate) issues: &'a Fact<Vec<Issue>>,
    /// The repository new issues go to; none if nowhere.
    pub(crate) target: Option<String>,
    pub(crate) words: &'static Words,
    /// What an issue would say.
    pub(crate) draft: &'a dyn Fn() -> Draft,
    /// Whether an issue says the same as the draft already.
    pub(crate) says_it: &'a dyn Fn(&Issue) -> bool,
    /// Whether there is something to tell after an issue that a person put away, of which this was told.
    pub(crate) is_news: &'a dyn Fn(&Issue, Option<S::LastTold>) -> bool,
    /// What is written when an issue is closed because it is right, or gone.
    pub(crate) farewell: &'a dyn Fn(CloseReason) -> String,
}

/// What is to be done, and why.
#[derive(Debug)]
pub(crate) struct Outcome<T> {
    pub(crate) actions: Vec<Action<T>>,
    pub(crate) why: String,
}

impl<T> Outcome<T> {
    pub(crate) fn nothing(why: impl Into<String>) -> Self {
        Self {
            actions: Vec::new(),
            why: why.into(),
        }
    }
}

/// The issues among these that are ours: those that our account wrote, and the one that was kept, also if another
/// account of ours wrote it.
pub(crate) fn ours<'i, T>(issues: &'i [Issue], memory: &Memory<T>) -> impl Iterator<Item = &'i Issue> {
    issues
        .iter()
        .filter(|issue| issue.ours || memory.issue.as_ref().is_some_and(|kept| kept.is(issue)))
}

/// The last thing an issue told of.
pub(crate) fn told<S: Subject>(subject: S, issue: &Issue, memory: &Memory<S::LastTold>) -> Option<S::LastTold> {
    let kept = memory
        .told
        .filter(|_| memory.issue.as_ref().is_some_and(|kept| kept.is(issue)));
    subject.told(&issue.body).max(kept)
}

/// Whether the control plane closed an issue. With its account alone that is not said: a person may use the same,
/// and what is kept then still has the issue as open.
pub(crate) fn closed_by_us<S: Subject>(subject: S, issue: &Issue, memory: &Memory<S::LastTold>) -> bool {
    let by_account = matches!(issue.standing, IssueStanding::Closed { by_us: true, .. });
    let kept = memory.issue.as_ref().is_some_and(|kept| kept.is(issue));
    by_account && (!kept || memory.closed == told(subject, issue, memory))
}

/// Whether an issue was closed as another's duplicate.
pub(crate) fn is_duplicate(issue: &Issue) -> bool {
    matches!(issue.standing, IssueStanding::Closed { duplicate: true, .. })
}

/// Decides what is to be done about a subject's issue, and what is then kept of it.
pub(crate) fn follow<S: Subject>(look: &Look<'_, S>, memory: &mut Memory<S::LastTold>) -> Outcome<S::LastTold> {
    let issues = match look.issues {
        Fact::Known(issues) => issues,
        Fact::Unknown(gap) => return Outcome::nothing(format!("the issues are not known: {gap}")),
        Fact::Unavailable(why) => return Outcome::nothing(format!("there are no issues: {why}")),
    };
    let mut ours: Vec<&Issue> = ours(issues, memory).collect();
    // The lowest number wins, so that two processes choose the same; where new issues go comes first.
    ours.sort_by_key(|issue| {
        let here = look
            .target
            .as_ref()
            .is_some_and(|target| target.eq_ignore_ascii_case(&issue.repository));
        let elsewhere = !here;
        (elsewhere, &issue.repository, issue.number)
    });
    let mut open = ours.iter().filter(|issue| issue.standing == IssueStanding::Open);
    let first = open.next().copied();
    let mut outcome = match (&look.standing, first) {
        (Standing::Unknown(why), _) => return Outcome::nothing(why),
        (Standing::Undecided(why), _) => Outcome::nothing(why),
        (Standing::Right(since), None) => {
            // What an older failure was told of is of no use any more.
            if memory.told.is_none_or(|told| told < *since) {
                (memory.issue, memory.told) = (None, None);
            }
            Outcome::nothing("there is no open issue about it")
        }
        (Standing::Gone, None) => {
            // Nothing is told of it any more, so that there is nothing to look up.
            *memory = Memory::default();
            Outcome::nothing("there is no open issue about it")
        }
        (Standing::Right(since), Some(issue)) => recovered(look, *since, issue, memory),
        (Standing::Gone, Some(issue)) => {
            // It is the control plane that closes it, should there be something to tell again.
            memory.closed = told(look.subject, issue, memory);
            let words = (look.farewell)(CloseReason::NotPlanned);
            Outcome {
                actions: vec![close(issue, CloseReason::NotPlanned, words, None)],
                why: look.words.gone.to_owned(),
            }
        }
        (Standing::Wrong(latest), Some(issue)) => update(look, *latest, issue, memory),
        (Standing::Wrong(latest), None) => anew(look, *latest, &ours, memory),
    };
    if let Some(first) = first {
        memory.issue = Some(first.place());
        for other in open {
            let number = (other.repository == first.repository).then_some(first.number);
            let words = look.subject.duplicate(number);
            outcome.actions.push(close(other, CloseReason::Duplicate, words, None));
        }
    }
    outcome
}

fn recovered<S: Subject>(
    look: &Look<'_, S>,
    since: S::LastTold,
    issue: &Issue,
    memory: &mut Memory<S::LastTold>,
) -> Outcome<S::LastTold> {
    let told = told(look.subject, issue, memory);
    if told.is_some_and(|told| told >= since) {
        return Outcome::nothing(look.words.older);
    }
    if told.is_some() && memory.closed == told {
        return Outcome::nothing("a person opened the issue again after the recovery");
    }
    memory.closed = told;
    Outcome {
        actions: vec![close(
            issue,
            CloseReason::Completed,
            (look.farewell)(CloseReason::Completed),
            Some(since),
        )],
        why: look.words.right.to_owned(),
    }
}

fn close<T>(issue: &Issue, reason: CloseReason, words: String, passed: Option<T>) -> Action<T> {
    Action::Close {
        repository: issue.repository.clone(),
        number: issue.number,
        reason,
        comment: (!issue.locked).then_some(words),
        passed,
    }
}

fn update<S: Subject>(
    look: &Look<'_, S>,
    latest: S::LastTold,
    issue: &Issue,
    memory: &mut Memory<S::LastTold>,
) -> Outcome<S::LastTold> {
    if told(look.subject, issue, memory).is_some_and(|told| told >= latest) || (look.says_it)(issue) {
        return Outcome::nothing(look.words.told);
    }
    let Some(body) = look.subject.marks().replace(&issue.body, &(look.draft)().text) else {
        return Outcome::nothing("a person took the markers out of the issue, so its text is theirs");
    };
    memory.told = Some(latest);
    Outcome {
        actions: vec![Action::Update {
            repository: issue.repository.clone(),
            number: issue.number,
            body,
        }],
        why: look.words.later.to_owned(),
    }
}

fn anew<S: Subject>(
    look: &Look<'_, S>,
    latest: S::LastTold,
    ours: &[&Issue],
    memory: &mut Memory<S::LastTold>,
) -> Outcome<S::LastTold> {
    let told = |issue: &Issue| told(look.subject, issue, memory);
    let last = ours
        .iter()
        .filter(|issue| !is_duplicate(issue))
        .max_by_key(|issue| (told(issue), issue.number));
    if let Some(last) = last {
        if told(last).is_some_and(|told| told >= latest) {
            return Outcome::nothing(look.words.told_before);
        }
        if !closed_by_us(look.subject, last, memory) && !(look.is_news)(last, told(last)) {
            return Outcome::nothing(format!(
                "a person put the issue {}#{} away, and {}",
                last.repository, last.number, look.words.put_away
            ));
        }
    }
    let Some(repository) = look.target.clone() else {
        return Outcome::nothing("issues are disabled here, and the policy names no fallback repository");
    };
    memory.told = Some(latest);
    memory.issue = None;
    let Draft { title, text, labels } = (look.draft)();
    Outcome {
        actions: vec![Action::Create {
            repository,
            title,
            body: text,
            labels,
        }],
        why: look.words.wrong.to_owned(),
    }
}
