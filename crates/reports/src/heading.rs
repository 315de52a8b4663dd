//! What a group of repositories that break a rule is headed by: the breach. A rule's demand, read there, would say the
//! opposite of what is so.

use cc_devops_repos::report::Verdict;
use cc_devops_repos::rules::Rule;

/// What a group is headed by.
pub(crate) fn heading(rule: Rule, verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Fail | Verdict::Exempt => rule.breach(),
        _ => rule.demand(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_heading_says_that_the_demand_is_met() {
        for rule in Rule::ALL {
            let said = heading(rule, Verdict::Fail);
            assert!(!said.starts_with(rule.demand()), "{rule}: {said}");
            assert!(said.ends_with('.'), "{rule}: {said}");
        }
    }
}
