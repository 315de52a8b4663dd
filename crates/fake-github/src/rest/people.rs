//! What people may do in a repository.

use serde_json::json;

use super::super::access::Permission;
use super::super::answer::Answer;
use super::Ask;

pub(super) fn permission(ask: &Ask<'_>, login: &str) -> Answer {
    if let Some(refused) = ask.barred(Permission::Read, "metadata") {
        return refused;
    }
    let may = ask.model.permission_of(&ask.name, login);
    // GitHub has four words for six permissions here; the other two stand under `role_name`.
    let (permission, role) = match may {
        Permission::None => ("none", "none"),
        Permission::Read => ("read", "read"),
        Permission::Triage => ("read", "triage"),
        Permission::Write => ("write", "write"),
        Permission::Maintain => ("write", "maintain"),
        Permission::Admin => ("admin", "admin"),
    };
    Answer::ok(json!({"permission": permission, "role_name": role, "user": {"login": login}}))
}
