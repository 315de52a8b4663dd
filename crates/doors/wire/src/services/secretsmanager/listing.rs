//! ListSecrets: those that the caller may know of.

use std::cmp::Ordering;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cc_devops_http::access::UseSecrets;
use cc_devops_kernel::ports::SecretSummary;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::faults;
use super::filters::{Filters, Given};
use super::reading::{Described, described};
use crate::fault::{Failed, Fault};
use crate::operation::Call;

/// How many secrets are looked at for a list, which is sorted by time and so cannot be read piece by piece.
const REACH: usize = 10_000;

/// How many stand on a page where nothing is asked for.
const ROWS: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListSecrets {
    max_results: Option<usize>,
    next_token: Option<String>,
    #[serde(default)]
    filters: Vec<Given>,
    sort_order: Option<String>,
    sort_by: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Listed {
    secret_list: Vec<Described>,
    next_token: Option<String>,
}

pub(super) async fn list_secrets(call: Call, input: ListSecrets) -> Result<Listed, Failed> {
    let permitted = call.permitted::<UseSecrets>()?;
    let filters = Filters::read(input.filters)?;
    let by = By::read(input.sort_by.as_deref())?;
    let order = |one: &Place, other: &Place| match input.sort_order.as_deref() {
        Some("desc") => other.cmp(one),
        _ => one.cmp(other),
    };
    let after = input.next_token.as_deref().map(Place::read).transpose()?;
    let prefix = filters.prefix();
    let select = |secret: &SecretSummary| filters.select(secret);
    let known = permitted.known(prefix.as_ref(), &select, REACH).await?;
    if known.is_cut {
        return Err(too_many().into());
    }
    let placed = known.secrets.into_iter().map(|secret| (by.place(&secret), secret));
    let mut rows: Vec<(Place, SecretSummary)> = placed
        .filter(|(place, _)| {
            after
                .as_ref()
                .is_none_or(|after| order(place, after) == Ordering::Greater)
        })
        .collect();
    rows.sort_by(|(one, _), (other, _)| order(one, other));
    let most = input.max_results.unwrap_or(ROWS);
    let is_last = rows.len() <= most;
    rows.truncate(most);
    let next_token = rows.last().filter(|_| !is_last).map(|(place, _)| place.write());
    Ok(Listed {
        secret_list: rows.into_iter().map(|(_, secret)| described(&call, secret)).collect(),
        next_token,
    })
}

fn too_many() -> Fault {
    Fault::sender(
        "InvalidRequestException",
        format!(
            "there are more than {REACH} secrets: narrow the list by a filter on the name that ends with a slash, as in \
             Key=name,Values=/namespace/service/"
        ),
    )
}

/// What a list is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Made,
    Changed,
    Name,
}

impl By {
    fn read(given: Option<&str>) -> Result<Self, Fault> {
        match given {
            None | Some("created-date") => Ok(Self::Made),
            Some("last-changed-date") => Ok(Self::Changed),
            Some("name") => Ok(Self::Name),
            Some(_) => Err(faults::not_here(
                "SortBy of last-accessed-date",
                "sort by created-date, last-changed-date or name",
            )),
        }
    }

    fn place(self, secret: &SecretSummary) -> Place {
        let at = match self {
            Self::Made => secret.created_at,
            Self::Changed => secret.changed_at,
            Self::Name => Timestamp::UNIX_EPOCH,
        };
        Place {
            at,
            name: secret.name.to_string(),
        }
    }
}

/// Where a secret stands in a list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    at: Timestamp,
    name: String,
}

impl Place {
    /// As a token, behind which the next page starts.
    fn write(&self) -> String {
        URL_SAFE_NO_PAD.encode(format!("{} {}", self.at.as_nanosecond(), self.name))
    }

    fn read(token: &str) -> Result<Self, Fault> {
        let place = || {
            let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
            let (at, name) = text.split_once(' ')?;
            Some(Self {
                at: Timestamp::from_nanosecond(at.parse().ok()?).ok()?,
                name: name.to_owned(),
            })
        };
        place().ok_or_else(|| {
            Fault::sender(
                "InvalidNextTokenException",
                "You provided an invalid NextToken: begin the list anew without one.",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_was_written() {
        let place = Place {
            at: Timestamp::new(1_750_000_000, 7).unwrap(),
            name: "/contentcraft/a/b".to_owned(),
        };
        assert_eq!(Place::read(&place.write()).unwrap(), place);
        for token in [
            "",
            "x",
            "!",
            "eCB5",
            "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTkgYQ",
        ] {
            let fault = Place::read(token).unwrap_err();
            assert_eq!(fault.code, "InvalidNextTokenException", "{token}");
        }
    }
}
