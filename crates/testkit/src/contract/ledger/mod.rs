//! The ledger's contract, by what a request goes through.

mod claims;
mod concluding;
mod invariants;
mod leases;
mod listing;
mod machine;
mod model;
mod receiving;
mod waiting;

use cc_devops_kernel::work::Claim;
use cc_devops_requests::ports::{Ledger, Ports};
use cc_devops_requests::record::{ClaimedRequest, Conclusion, NewRequest, Receipt, RequestRecord};

pub use machine::ledger_steps;

use crate::sample::{after, request_id};

/// The ledger keeps what it promises: idempotent receipts, claims with fences and leases, first
/// conclusion wins, stack locks and the lists.
pub async fn ledger(fresh: impl AsyncFn() -> Ports) {
    receiving::a_new_request_is_on_record(&fresh().await).await;
    receiving::the_door_it_came_by_is_remembered(&fresh().await).await;
    receiving::a_repeat_is_known_and_another_meaning_conflicts(&fresh().await).await;
    receiving::one_of_many_at_once_gets_the_claim(&fresh().await).await;
    receiving::a_request_can_end_on_arrival(&fresh().await).await;
    receiving::what_cannot_be_kept_is_refused_on_record(&fresh().await).await;

    claims::the_oldest_are_taken_first_and_once(&fresh().await).await;
    claims::two_sweeps_never_take_the_same(&fresh().await).await;
    claims::a_lease_expires_and_the_old_claim_is_superseded(&fresh().await).await;
    claims::a_postponed_request_comes_again_at_its_time(&fresh().await).await;
    claims::the_detail_comes_back_whole(&fresh().await).await;

    leases::a_renewed_lease_holds_with_the_same_fence(&fresh().await).await;
    leases::only_good_claims_are_renewed(&fresh().await).await;
    leases::what_is_handed_back_was_not_tried(&fresh().await).await;
    leases::what_a_dead_process_claimed_can_be_taken_over(&fresh().await).await;

    waiting::a_parked_request_waits_and_is_concluded(&fresh().await).await;
    waiting::of_two_who_look_after_it_the_first_concludes(&fresh().await).await;
    waiting::the_longest_waiting_comes_first(&fresh().await).await;
    waiting::pages_of_waiting_requests_join_to_the_whole(&fresh().await).await;
    waiting::a_request_that_rests_is_found_by_its_id_alone(&fresh().await).await;

    concluding::outcome_audit_row_and_event_come_together(&fresh().await).await;
    concluding::an_outcome_is_final(&fresh().await).await;
    concluding::two_at_once_leave_one_outcome(&fresh().await).await;
    concluding::a_stack_is_one_requests_until_it_is_concluded(&fresh().await).await;
    concluding::a_stack_of_unknown_fate_is_kept_until_it_is_released(&fresh().await).await;
    concluding::a_superseded_claim_gets_no_stack(&fresh().await).await;
    concluding::two_at_once_get_one_stack(&fresh().await).await;

    listing::filters_narrow(&fresh().await).await;
    listing::pages_join_to_the_whole(&fresh().await).await;
    listing::pages_within_reach_join_to_the_whole(&fresh().await).await;
    listing::the_backlog_counts_what_is_not_ended(&fresh().await).await;
}

/// When the leases of these cases end, in seconds after the start.
const LEASE: i64 = 60;

/// Receives a request that must be new, and takes it.
pub(super) async fn take(ledger: &dyn Ledger, request: &NewRequest) -> Claim {
    match ledger.receive(request, Some(after(LEASE))).await.expect("receive") {
        Receipt::Claimed(claim) => claim,
        other => panic!("a new request with a lease must be claimed, but was {}", kind(&other)),
    }
}

/// Receives a request that must be new, and leaves it.
pub(super) async fn leave(ledger: &dyn Ledger, request: &NewRequest) {
    let receipt = ledger.receive(request, None).await.expect("receive");
    assert_eq!(
        kind(&receipt),
        "recorded",
        "a new request without a lease is left for a sweep"
    );
}

/// Receives a request and ends it.
pub(super) async fn end(ledger: &dyn Ledger, request: &NewRequest, conclusion: &Conclusion) {
    let claim = take(ledger, request).await;
    ledger.conclude(&claim, conclusion).await.expect("conclude");
}

/// The record of a request that must be there.
pub(super) async fn record(ledger: &dyn Ledger, id: &str) -> RequestRecord {
    let found = ledger.find(&request_id(id)).await.expect("find");
    found.unwrap_or_else(|| panic!("request {id} must be on record"))
}

fn ids(claimed: &[ClaimedRequest]) -> Vec<&str> {
    claimed.iter().map(|request| request.head.id.as_str()).collect()
}

fn kind(receipt: &Receipt) -> &'static str {
    match receipt {
        Receipt::Claimed(_) => "claimed",
        Receipt::Recorded => "recorded",
        Receipt::Known(_) => "known",
        Receipt::Conflict => "a conflict",
    }
}
