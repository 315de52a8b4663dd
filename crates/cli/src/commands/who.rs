//! Who gives an operator's command, for what is put on record and told.

/// The name that was given, or the user's on this machine, or else `the operator`.
pub(super) fn who(given: Option<String>) -> String {
    let of_machine = || {
        let names = ["SUDO_USER", "USER", "LOGNAME"];
        names
            .into_iter()
            .filter_map(|name| std::env::var(name).ok())
            .find(|name| !name.is_empty())
    };
    given
        .filter(|name| !name.trim().is_empty())
        .or_else(of_machine)
        .unwrap_or_else(|| "the operator".to_owned())
}
