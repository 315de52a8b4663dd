//! Arguments that name an action: any text is taken, and the shell is told what there is.

use std::ffi::OsStr;

use cc_devops_requests::actions::{names, rules};
use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, Command, Error};

/// Takes any text, because what was asked for once stays on record; what there is now is offered by completions.
#[derive(Clone)]
pub(super) struct ActionName {
    known: fn() -> Vec<&'static str>,
}

/// The actions of requests.
pub(super) const REQUESTED: ActionName = ActionName {
    known: || names().collect(),
};

/// All that policies may speak of.
pub(super) const IN_POLICIES: ActionName = ActionName {
    known: || rules().iter().map(|rule| rule.action).collect(),
};

impl TypedValueParser for ActionName {
    type Value = String;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<String, Error> {
        StringValueParser::new().parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new((self.known)().into_iter().map(PossibleValue::new)))
    }
}

#[cfg(test)]
mod tests {
    use cc_devops_requests::actions::{Registry, vocabulary};

    use super::*;

    #[test]
    fn completions_offer_what_the_registry_has_and_any_text_is_taken() {
        let offered = |name: &ActionName| {
            let values = name.possible_values().unwrap();
            values.map(|value| value.get_name().to_owned()).collect::<Vec<_>>()
        };
        let requested = offered(&REQUESTED);
        for action in Registry::shipped().actions() {
            assert!(requested.iter().any(|name| name == action.name), "{}", action.name);
        }
        let in_policies = offered(&IN_POLICIES);
        assert!(requested.iter().all(|name| in_policies.contains(name)));
        assert!(in_policies.iter().any(|name| name == "readSecret"));
        assert!(vocabulary().rules().iter().map(|rule| rule.action).eq(in_policies));
        let taken = REQUESTED.parse_ref(&Command::new("x"), None, OsStr::new("ofYesterday"));
        assert_eq!(taken.unwrap(), "ofYesterday");
    }
}
