//! STS: who the caller is.

use serde::{Deserialize, Serialize};

use crate::fault::Failed;
use crate::model::{Member, Text};
use crate::operation::{ACCOUNT, Call, Operation, Service};
use crate::services::made_ids::letters_of;

/// The letters of the ids that AWS makes.
const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

static IDENTITY: [Member; 3] = [
    Member::optional("UserId", Text::ANY.shape()),
    Member::optional("Account", Text::ANY.shape()),
    Member::optional("Arn", Text::ANY.shape()),
];

/// What is served of it.
pub(crate) fn operations() -> Vec<Operation> {
    vec![Operation::of(
        Service::Sts,
        "GetCallerIdentity",
        (&[], &IDENTITY),
        get_caller_identity,
    )]
}

#[derive(Deserialize)]
struct Nothing {}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Identity {
    user_id: String,
    account: &'static str,
    arn: String,
}

/// Anybody whose key is good may know who they are.
async fn get_caller_identity(call: Call, _input: Nothing) -> Result<Identity, Failed> {
    let name = &call.credential.agent().name;
    Ok(Identity {
        user_id: user_id(name.as_str()),
        account: ACCOUNT,
        arn: format!("arn:aws:iam::{ACCOUNT}:user/{name}"),
    })
}

/// An id in AWS's form, the same for a name at all times.
fn user_id(name: &str) -> String {
    format!("AIDA{}", letters_of(name, LETTERS, 17))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_id_in_awss_form() {
        let id = user_id("CostSentinel");
        assert_eq!(id.len(), 21);
        assert!(
            id.starts_with("AIDA") && id.bytes().all(|letter| LETTERS.contains(&letter)),
            "{id}"
        );
        assert_eq!(user_id("CostSentinel"), id);
        assert_ne!(user_id("CostSentinels"), id);
    }
}
