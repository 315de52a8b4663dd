//! Several processes at once on what they share, and what somebody does to the audit trail behind
//! everybody's back.

use aws_sdk_dynamodb::types::AttributeValue;
use cc_devops_aws::Backend;
use cc_devops_kernel::audit::{AuditEntry, Verification, actions};
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::{AuditTrail, Clock as _, SystemClock};
use cc_devops_testkit::{peers, sample};

use crate::harness;

fn entry(number: i64) -> AuditEntry {
    sample::audit_entry(actions::SECRET_READ, number)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_writers_race_on_the_enabled_agents_and_no_name_is_lost() {
    const ROUNDS: usize = 200;
    let peer = peers::ministack().await;
    let backend = harness::backend(&peer).await;
    let other = harness::on(peer.url(), backend.resources());
    let (one, two) = (backend.agents(), other.agents());
    for round in 0..ROUNDS {
        let name = |writer: &str| AgentName::new(format!("{writer}{round:03}")).unwrap();
        let (ours, theirs) = (name("A"), name("B"));
        let (first, second) = tokio::join!(
            one.register(&ours, SystemClock.now()),
            two.register(&theirs, SystemClock.now())
        );
        first.unwrap();
        second.unwrap();
    }
    let call = backend
        .clients()
        .ssm()
        .get_parameter()
        .name(&backend.resources().enabled_agents);
    let text = call.send().await.unwrap().parameter.unwrap().value.unwrap();
    let mut names: Vec<&str> = text.split(',').collect();
    names.sort_unstable();
    let mut expected: Vec<String> = (0..ROUNDS)
        .flat_map(|round| [format!("A{round:03}"), format!("B{round:03}")])
        .collect();
    expected.sort_unstable();
    assert_eq!(names, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_write_the_trail_at_once_and_it_holds() {
    let peer = peers::ministack().await;
    let backend = harness::backend(&peer).await;
    let other = harness::on(peer.url(), backend.resources());
    let write = async |trail: &dyn AuditTrail| {
        for number in 0..100 {
            trail.append(&entry(number)).await.unwrap();
            if number % 20 == 0 {
                trail.checkpoint(SystemClock.now()).await.unwrap();
            }
        }
    };
    let (one, two) = (backend.audit(), other.audit());
    tokio::join!(write(&*one), write(&*two));
    let found = one.verify().await.unwrap();
    assert_eq!(found.breaks, vec![]);
    assert!(found.rows >= 200 + 5, "every row and its checkpoints: {}", found.rows);
}

/// A trail of one chain with ten rows, bound by two checkpoints.
struct Trail {
    backend: Backend,
    chain: String,
}

impl Trail {
    async fn new(peer: &peers::Peer) -> Self {
        let backend = harness::backend(peer).await;
        let audit = backend.audit();
        for number in 1..=10 {
            audit.append(&entry(number)).await.unwrap();
            if number == 5 || number == 10 {
                audit.checkpoint(SystemClock.now()).await.unwrap();
            }
        }
        audit.checkpoint(SystemClock.now()).await.unwrap();
        let found = audit.verify().await.unwrap();
        assert_eq!(
            (found.rows, found.breaks),
            (12, vec![]),
            "nothing new makes no checkpoint"
        );
        let page = audit
            .list(&cc_devops_kernel::audit::AuditFilter::default(), None, 100)
            .await
            .unwrap();
        let row = page
            .items
            .iter()
            .find(|row| row.chain.as_deref() != Some("checkpoints"))
            .unwrap();
        let chain = row.chain.clone().unwrap();
        Self { backend, chain }
    }

    fn key(chain: &str, seq: i64) -> [(String, AttributeValue); 2] {
        [
            ("PK".to_owned(), AttributeValue::S(format!("AUDIT#{chain}"))),
            ("SK".to_owned(), AttributeValue::S(format!("{seq:016}"))),
        ]
    }

    async fn delete(&self, chain: &str, seqs: impl Iterator<Item = i64>) {
        for seq in seqs {
            let call = self.backend.clients().dynamodb().delete_item();
            let call = call.table_name(&self.backend.resources().ledger_table);
            call.set_key(Some(Self::key(chain, seq).into())).send().await.unwrap();
        }
    }

    async fn set(&self, key: [(String, AttributeValue); 2], name: &str, value: &str) {
        let call = self.backend.clients().dynamodb().update_item();
        let call = call
            .table_name(&self.backend.resources().ledger_table)
            .set_key(Some(key.into()));
        let call = call
            .update_expression("SET #name = :value")
            .expression_attribute_names("#name", name);
        let call = call.expression_attribute_values(":value", AttributeValue::S(value.to_owned()));
        call.send().await.unwrap();
    }

    async fn verify(&self) -> Verification {
        self.backend.audit().verify().await.unwrap()
    }

    /// The breaks, each with its chain and row.
    async fn breaks(&self) -> Vec<(String, i64)> {
        let found = self.verify().await;
        found
            .breaks
            .into_iter()
            .map(|found| (found.chain.unwrap(), found.seq))
            .collect()
    }
}

#[tokio::test]
async fn a_changed_row_is_named_with_its_chain() {
    let peer = peers::ministack().await;
    let trail = Trail::new(&peer).await;
    let text = serde_json::to_string(&entry(77)).unwrap();
    trail.set(Trail::key(&trail.chain, 3), "entry", &text).await;
    assert_eq!(trail.breaks().await, [(trail.chain.clone(), 3)]);
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_reported_and_not_an_error() {
    let peer = peers::ministack().await;
    let trail = Trail::new(&peer).await;
    trail.set(Trail::key(&trail.chain, 4), "entry", "{").await;
    assert!(trail.breaks().await.contains(&(trail.chain.clone(), 4)));
}

#[tokio::test]
async fn a_removed_row_a_cut_off_end_and_a_removed_chain_are_found() {
    let peer = peers::ministack().await;
    let trail = Trail::new(&peer).await;
    trail.delete(&trail.chain, 6..=6).await;
    assert_eq!(
        trail.breaks().await,
        [(trail.chain.clone(), 7)],
        "a gap shows at the next row"
    );

    let trail = Trail::new(&peer).await;
    trail.delete(&trail.chain, 9..=10).await;
    let found = trail.verify().await;
    assert_eq!(found.breaks.len(), 1);
    assert!(
        found.breaks[0].problem.contains("rows 9 to 10 are missing at the end"),
        "{found:?}"
    );

    let trail = Trail::new(&peer).await;
    trail.delete(&trail.chain, 1..=10).await;
    let found = trail.verify().await;
    assert_eq!(
        found.breaks.len(),
        1,
        "a chain that a checkpoint knows cannot vanish: {found:?}"
    );
    assert_eq!(found.breaks[0].chain.as_deref(), Some(trail.chain.as_str()));
}

#[tokio::test]
async fn checkpoints_that_were_cut_off_or_forged_are_found() {
    let peer = peers::ministack().await;
    let trail = Trail::new(&peer).await;
    trail.delete("checkpoints", 2..=2).await;
    assert_eq!(
        trail.breaks().await,
        [("checkpoints".to_owned(), 2)],
        "the end is kept under its MAC"
    );

    let trail = Trail::new(&peer).await;
    let head = [
        ("PK".to_owned(), AttributeValue::S("AUDIT".to_owned())),
        ("SK".to_owned(), AttributeValue::S("CHECKPOINT".to_owned())),
    ];
    trail.set(head, "mac", &"0".repeat(64)).await;
    let found = trail.verify().await;
    assert!(
        found.breaks[0].problem.contains("not written by this ledger"),
        "{found:?}"
    );
}
