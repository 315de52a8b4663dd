//! What a look leaves unknown.

use cc_devops_repos::snapshot::{Fact, Gap};

/// Something that was not asked for.
pub(super) fn not_asked<T>() -> Fact<T> {
    Fact::Unknown(Gap::NotRead("it was not asked for".to_owned()))
}
