//! ListSecrets: those that the caller may know of.

use std::collections::BTreeMap;

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
    let mut page = Page {
        after: input.next_token.as_deref().map(Place::read).transpose()?,
        is_backwards: input.sort_order.as_deref() == Some("desc"),
        most: input.max_results.unwrap_or(ROWS),
        rows: BTreeMap::new(),
    };
    let prefix = filters.prefix();
    let select = |secret: &SecretSummary| filters.select(secret);
    let mut take = |secret: SecretSummary| page.take(by.place(&secret), secret);
    if permitted.known(prefix.as_ref(), &select, &mut take, REACH).await? {
        return Err(too_many().into());
    }
    let (secrets, next) = page.ended();
    Ok(Listed {
        secret_list: secrets.into_iter().map(|secret| described(&call, secret)).collect(),
        next_token: next.map(|place| place.write()),
    })
}

/// A page of a list that comes in another order: of what is behind the one before it, no more than stand on it is held.
struct Page {
    /// The end of the page before.
    after: Option<Place>,
    is_backwards: bool,
    most: usize,
    rows: BTreeMap<Place, SecretSummary>,
}

impl Page {
    fn take(&mut self, place: Place, secret: SecretSummary) {
        let is_behind = match &self.after {
            None => true,
            Some(after) if self.is_backwards => place < *after,
            Some(after) => place > *after,
        };
        if !is_behind {
            return;
        }
        self.rows.insert(place, secret);
        // One more tells that there is more.
        if self.rows.len() > self.most.saturating_add(1) {
            self.drop_last();
        }
    }

    fn drop_last(&mut self) {
        if self.is_backwards {
            self.rows.pop_first();
        } else {
            self.rows.pop_last();
        }
    }

    /// What stands on it, and its end where there is more.
    fn ended(mut self) -> (Vec<SecretSummary>, Option<Place>) {
        let is_last = self.rows.len() <= self.most;
        if !is_last {
            self.drop_last();
        }
        let end = if self.is_backwards {
            self.rows.first_key_value()
        } else {
            self.rows.last_key_value()
        };
        let next = end.filter(|_| !is_last).map(|(place, _)| place.clone());
        let mut secrets: Vec<_> = self.rows.into_values().collect();
        if self.is_backwards {
            secrets.reverse();
        }
        (secrets, next)
    }
}

fn too_many() -> Fault {
    Fault::sender(
        "InvalidRequestException",
        format!(
            "the installation has {REACH} secrets there, or more, yours and others', and a list looks at no more: narrow it \
             by a filter on the name that ends with a slash, as in Key=name,Values=/namespace/service/"
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
    use cc_devops_kernel::names::{AgentName, SecretName};

    use super::*;

    fn secret(number: i64) -> SecretSummary {
        let at = Timestamp::new(number, 0).unwrap();
        SecretSummary {
            name: SecretName::new(format!("/contentcraft/bar/k{number:03}")).unwrap(),
            version_id: String::new(),
            previous_id: None,
            versions: 0,
            updated_by: AgentName::new("Writer").unwrap(),
            created_at: at,
            updated_at: at,
            changed_at: at,
            description: None,
            tags: BTreeMap::new(),
        }
    }

    #[test]
    fn a_page_holds_no_more_than_stands_on_it() {
        for is_backwards in [false, true] {
            let (mut after, mut found) = (None, Vec::new());
            loop {
                let mut page = Page {
                    after,
                    is_backwards,
                    most: 7,
                    rows: BTreeMap::new(),
                };
                // In an order of their own: 37 and 100 have no common divisor.
                for number in (0..100).map(|number| number * 37 % 100) {
                    let secret = secret(number);
                    page.take(By::Made.place(&secret), secret);
                    assert!(page.rows.len() <= 8);
                }
                let (secrets, next) = page.ended();
                assert!(secrets.len() <= 7);
                found.extend(secrets.iter().map(|secret| secret.created_at.as_second()));
                match next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
            let mut wanted: Vec<i64> = (0..100).collect();
            if is_backwards {
                wanted.reverse();
            }
            assert_eq!(found, wanted);
        }
    }

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
