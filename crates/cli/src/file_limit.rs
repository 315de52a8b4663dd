//! How many files the process may have open: each connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files for everything but connections: the database, commands' output, webhooks, other systems.
const BESIDE: u64 = 512;

/// Raises the limit as far as so many connections need it and the system lets it; how many there can
/// then be. It is raised no further, because the commands of deploys inherit it, and some programs walk
/// through all of it.
pub(crate) fn make_room_for(connections: usize) -> usize {
    let wanted = u64::try_from(connections).unwrap_or(u64::MAX).saturating_add(BESIDE);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // Without a value there is no limit.
    let Some(mut limit) = current else { return connections };
    if limit < wanted {
        let raised = maximum.map_or(wanted, |maximum| maximum.min(wanted));
        let new = Rlimit {
            current: Some(raised),
            maximum,
        };
        match setrlimit(Resource::Nofile, new) {
            Ok(()) => limit = raised,
            Err(error) => tracing::warn!(%error, limit, "the limit of open files cannot be raised"),
        }
    }
    let possible = possible(limit, connections);
    if possible < connections {
        tracing::warn!(
            limit,
            connections = possible,
            "fewer connections than server.max_connections: the hard limit of open files is lower; raise it \
             (LimitNOFILE= with systemd)"
        );
    }
    possible
}

/// How many connections a limit leaves.
fn possible(limit: u64, wanted: usize) -> usize {
    let left = limit.saturating_sub(BESIDE).max(limit / 2);
    usize::try_from(left).unwrap_or(usize::MAX).min(wanted)
}

#[cfg(test)]
mod tests {
    use super::possible;

    #[test]
    fn a_small_limit_leaves_half_for_everything_else() {
        assert_eq!(possible(10_000, 8_192), 8_192);
        assert_eq!(possible(4_096, 8_192), 3_584);
        assert_eq!(possible(1_024, 8_192), 512);
        assert_eq!(possible(256, 8_192), 128);
    }
}
