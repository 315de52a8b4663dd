use std::pin::pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use jiff::civil::date;
use jiff::{SignedDuration, ToSpan as _};
use serde_json::Value;

use super::*;
use crate::audit::{Audit, Scan, Scope, State};
use crate::policy::Policy;
use crate::rules::{Rule, Severity};
use crate::samples::{repository, unprotected};
use crate::settings::{Drift, Section, SettingChange};
use crate::snapshot::{Fact, Gap, Repository};

/// A store that remembers what it was asked to write.
#[derive(Default)]
struct Shelf {
    documents: Mutex<BTreeMap<(DocumentKind, String), Value>>,
    written: Mutex<Vec<(DocumentKind, String)>>,
}

impl Shelf {
    fn written(&self) -> Vec<(DocumentKind, String)> {
        std::mem::take(&mut *self.written.lock().unwrap())
    }
}

#[async_trait]
impl RepositoryStore for Shelf {
    async fn load(&self, _: &str, kind: DocumentKind) -> PortResult<BTreeMap<String, Value>> {
        let documents = self.documents.lock().unwrap();
        let of_kind = documents.iter().filter(|((of, _), _)| *of == kind);
        Ok(of_kind
            .map(|((_, key), document)| (key.clone(), document.clone()))
            .collect())
    }

    async fn document(&self, _: &str, kind: DocumentKind, key: &str) -> PortResult<Option<Value>> {
        Ok(self.documents.lock().unwrap().get(&(kind, key.to_owned())).cloned())
    }

    async fn save(&self, _: &str, kind: DocumentKind, changes: &BTreeMap<String, Option<Value>>) -> PortResult<()> {
        let mut documents = self.documents.lock().unwrap();
        for (key, document) in changes {
            self.written.lock().unwrap().push((kind, key.clone()));
            let key = (kind, key.clone());
            match document {
                Some(document) => drop(documents.insert(key, document.clone())),
                None => drop(documents.remove(&key)),
            }
        }
        Ok(())
    }
}

/// What comes of something that never waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => panic!("it waits"),
    }
}

fn day(number: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * (20_000 + number))
}

fn of(id: u64, name: &str, repository: Repository) -> Repository {
    Repository {
        id: RepositoryId(id),
        name: name.to_owned(),
        ..repository
    }
}

fn scan(repositories: &[Repository], scope: Scope, number: i64) -> Audit {
    let policy = Policy::default();
    let mut scan = Scan::new("deepfoundai", scope, &policy, day(number));
    for repository in repositories {
        scan.add(repository);
    }
    scan.finish(&State::default())
}

fn kept(shelf: &Shelf, repositories: &[Repository], number: i64) {
    let audit = scan(repositories, Scope::Owner, number);
    now(keep(shelf, "acme", (&audit, Scope::Owner), &BTreeMap::new())).unwrap();
}

#[test]
fn what_an_audit_saw_is_found_again() {
    let shelf = Shelf::default();
    kept(&shelf, &[of(1, "api", unprotected()), of(2, "web", repository())], 1);
    let looking = HygieneReader::at(&shelf, "acme");
    let register = now(looking.register()).unwrap();
    let page = register.page(&Filter::default(), None, 50);
    let names: Vec<&str> = page.rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!((names, page.next), (vec!["api", "web"], None), "the worst comes first");
    let api = register.named("API").unwrap();
    assert!(api.broken().any(|(rule, _)| rule == Rule::BranchProtection));
    assert_eq!(register.named("web").unwrap().score, Some(100));
    let counts = register.by_rule()[&Rule::BranchProtection];
    assert_eq!((counts.held, counts.broken, counts.worst), (1, 1, Some(Severity::High)));
    let record = now(looking.record(RepositoryId(1))).unwrap().unwrap();
    let broken = record
        .findings()
        .find(|finding| finding.rule == Rule::BranchProtection)
        .unwrap();
    assert!(broken.evidence.starts_with("Nothing protects `main`"), "{broken:?}");
    let days = now(looking.days()).unwrap();
    let latest = days.latest().unwrap();
    assert_eq!(
        (latest.repositories, latest.rule(Rule::BranchProtection).broken),
        (2, 1)
    );
    assert!(latest.score.unwrap() < 100 && latest.complete);
}

#[test]
fn only_what_changed_is_written() {
    let shelf = Shelf::default();
    let both = [of(1, "api", repository()), of(2, "web", repository())];
    kept(&shelf, &both, 1);
    let first = shelf.written().len();
    assert_eq!(
        first,
        2 + 1 + 2,
        "each record, one document of the register, the day and what was not read"
    );
    kept(&shelf, &both, 2);
    let again: Vec<DocumentKind> = shelf.written().into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(again, [DocumentKind::Audits, DocumentKind::Audits]);
    kept(&shelf, &both[1..], 3);
    let gone = (DocumentKind::Findings, "1".to_owned());
    assert!(
        shelf.written().contains(&gone),
        "a repository that is gone is forgotten"
    );
    let register = now(HygieneReader::at(&shelf, "acme").register()).unwrap();
    assert_eq!(register.named("api"), None);
}

#[test]
fn an_audit_that_did_not_see_everything_forgets_nothing() {
    let shelf = Shelf::default();
    kept(&shelf, &[of(1, "api", repository()), of(2, "web", repository())], 1);
    let policy = Policy::default();
    let mut scan = Scan::new("deepfoundai", Scope::Owner, &policy, day(2));
    let mut unread = of(2, "web", repository());
    unread.files = Fact::Unknown(Gap::NotRead("a partial error".to_owned()));
    scan.add(&unread);
    scan.missing("api", "502");
    let audit = scan.finish(&State::default());
    now(keep(&shelf, "acme", (&audit, Scope::Owner), &BTreeMap::new())).unwrap();
    let looking = HygieneReader::at(&shelf, "acme");
    let register = now(looking.register()).unwrap();
    assert_eq!(
        register.named("api").unwrap().score,
        Some(100),
        "what was known of it stays"
    );
    let unknown = Filter {
        unknown: true,
        ..Filter::default()
    };
    let page = register.page(&unknown, None, 50);
    assert_eq!((page.total, page.rows[0].name.as_str()), (1, "web"));
    let days = now(looking.days()).unwrap();
    assert!(!days.latest().unwrap().complete);
    let missing = (Some("api".to_owned()), "502".to_owned());
    assert!(days.gaps.first.contains(&missing), "{:?}", days.gaps);
}

#[test]
fn an_audit_of_one_repository_is_no_day() {
    let shelf = Shelf::default();
    let audit = scan(&[of(1, "api", unprotected())], Scope::Named, 1);
    now(keep(&shelf, "acme", (&audit, Scope::Named), &BTreeMap::new())).unwrap();
    let looking = HygieneReader::at(&shelf, "acme");
    assert!(now(looking.register()).unwrap().named("api").is_some());
    assert_eq!(now(looking.days()).unwrap(), AuditDays::default());
}

#[test]
fn settings_that_drift_stand_in_the_record_as_far_as_there_is_room() {
    let shelf = Shelf::default();
    let audit = scan(&[of(1, "api", repository())], Scope::Owner, 1);
    let change = |number: usize| SettingChange {
        section: Section::Labels,
        item: Some(format!("label-{number}")),
        before: Value::Null,
        after: Value::String("x".repeat(1_000)),
    };
    let drift = Drift {
        changes: (0..400).map(change).collect(),
        unknown: Vec::new(),
    };
    let drifts = BTreeMap::from([(RepositoryId(1), drift)]);
    now(keep(&shelf, "acme", (&audit, Scope::Owner), &drifts)).unwrap();
    let record = now(HygieneReader::at(&shelf, "acme").record(RepositoryId(1)))
        .unwrap()
        .unwrap();
    assert!(record.settings_cut && (50..400).contains(&record.settings.len()));
    let text = shelf.documents.lock().unwrap()[&(DocumentKind::Findings, "1".to_owned())].to_string();
    assert!(text.len() < 300_000, "{}", text.len());
}

#[test]
fn pages_follow_one_another_whatever_is_wanted() {
    let shelf = Shelf::default();
    let many: Vec<Repository> = (1..=1_200)
        .map(|id| {
            of(
                id,
                &format!("r{id}"),
                if id % 3 == 0 { unprotected() } else { repository() },
            )
        })
        .collect();
    kept(&shelf, &many, 1);
    let register = now(HygieneReader::at(&shelf, "acme").register()).unwrap();
    assert_eq!(
        register.rows().count(),
        many.len(),
        "the register has several documents"
    );
    let broken = Filter {
        rule: Some(Rule::BranchProtection),
        severity: Some(Severity::High),
        ..Filter::default()
    };
    let (mut seen, mut after) = (0, None);
    loop {
        let page = register.page(&broken, after, 50);
        assert_eq!(page.total, 400);
        seen += page.rows.len();
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, 400);
    let named = Filter {
        name: " R120".to_owned(),
        ..Filter::default()
    };
    assert_eq!(register.page(&named, None, 50).total, 2, "r120 and r1200");
    let low = Filter {
        severity: Some(Severity::Critical),
        ..broken
    };
    assert_eq!(register.page(&low, None, 50).total, 0);
}

#[test]
fn days_are_kept_for_a_while_and_missing_ones_are_gaps() {
    let report = scan(&[of(1, "api", unprotected())], Scope::Owner, 0).report;
    let at = |number: i64| AuditDay {
        date: date(2024, 10, 4).saturating_add(number.days()),
        at: day(number),
        ..AuditDay::of(&report)
    };
    let mut days = AuditDays::default();
    for number in [0, 1, 1, 400, 431] {
        days = days.with(at(number), &[]);
    }
    let dates: Vec<_> = days.days.iter().map(|day| day.date).collect();
    assert_eq!(
        dates,
        [at(400).date, at(431).date],
        "the others are older than 400 days"
    );
    assert_eq!(days.month_before().map(|day| day.date), Some(at(400).date));
    let line = days.line(3, at(432).date);
    let known: Vec<bool> = line.iter().map(|(_, day)| day.is_some()).collect();
    assert_eq!(known, [false, true, false]);
}

#[test]
fn four_hundred_days_of_many_repositories_fit_one_document() {
    let rule = RuleDay {
        broken: 10_000,
        unknown: 10_000,
    };
    let mut days = AuditDays::default();
    for number in 0..400 {
        days.days.push(AuditDay {
            date: date(2024, 1, 1).saturating_add(number.days()),
            at: day(0),
            complete: true,
            repositories: 10_000,
            score: Some(50),
            rules: Rule::ALL.map(|name| (name, rule)).into(),
        });
    }
    let documents = days.documents().unwrap();
    let size = documents
        .values()
        .flatten()
        .map(|document| document.to_string().len())
        .max();
    assert!(size.unwrap() < 300_000, "{size:?}");
    let shelf = Shelf::default();
    now(shelf.save("acme", DocumentKind::Audits, &documents)).unwrap();
    assert_eq!(now(HygieneReader::at(&shelf, "acme").days()).unwrap(), days);
}

#[test]
fn who_puts_a_breach_right_is_said_of_every_rule() {
    assert_eq!(Remedy::of(Rule::BranchProtection), Remedy::Fix);
    assert_eq!(Remedy::of(Rule::SettingsDrift), Remedy::Apply);
    assert!(matches!(Remedy::of(Rule::DeployKeys), Remedy::Person(_)));
    assert!(matches!(Remedy::of(Rule::TwoFactorRequired), Remedy::Person(_)));
}
