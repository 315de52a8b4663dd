//! Settings that a policy may want: read as far as they are asked for, and changed one by one. A file for each
//! section that GitHub has endpoints of its own for.

mod access;
mod actions;
mod environments;
mod listing;
mod options;
mod people;
mod rulesets;
mod variables;

use std::collections::{BTreeMap, BTreeSet};

use cc_devops_repos::settings::{FoundSettings, Items, Section, Sections, SettingChange, SettingsAsked, TakeSettings};
use cc_devops_repos::snapshot::{Fact, Gap, RepositoryFlag};
use futures::stream::{self, StreamExt};
use serde_json::Value;

use self::listing::{Listed, Pages};
use self::people::People;
use crate::client::{Client, Error};
use crate::place::Place;

/// How many repositories are read at the same time.
const AT_ONCE: usize = 10;

/// The names of items; all where it is `None`.
type Names<'n> = Option<&'n BTreeSet<String>>;

/// Reads settings.
pub(crate) async fn read(client: &Client, asked: &SettingsAsked<'_>, take: &mut TakeSettings<'_>) -> Result<(), Error> {
    let people = People::new(client, asked.owner);
    if !asked.names.is_empty() {
        take(FoundSettings::Total(asked.names.len() as u64));
        for name in asked.names {
            match listing::one(client, asked.owner, name, asked.any).await {
                Ok(listed) => take(one(&people, asked, listed).await?),
                Err(error @ Error::NotFound { .. }) => return Err(error),
                Err(error) if is_hopeless(&error) => return Err(error),
                Err(error) => take(FoundSettings::Missing {
                    name: name.clone(),
                    why: error.to_string(),
                }),
            }
        }
        return Ok(());
    }
    let mut pages = Pages::new(client, asked.owner, asked.any);
    let mut seen = BTreeSet::new();
    let mut count = 0_u64;
    while let Some(page) = pages.next().await.transpose() {
        let page = match page {
            Ok(page) => page,
            Err(error) if count == 0 || is_hopeless(&error) => return Err(error),
            Err(error) => {
                take(FoundSettings::BrokeOff { why: error.to_string() });
                return Ok(());
            }
        };
        if count == 0 {
            take(FoundSettings::Total(page.total));
        }
        let mut reads = Vec::with_capacity(page.repositories.len());
        for listed in page.repositories {
            count += 1;
            match listed {
                Ok(listed) => {
                    // One that is renamed meanwhile may be listed twice.
                    if seen.insert(listed.facts.id) {
                        reads.push(one(&people, asked, listed));
                    }
                }
                Err(why) => take(FoundSettings::Missing {
                    name: format!("number {count} of the list"),
                    why,
                }),
            }
        }
        let mut reads = stream::iter(reads).buffer_unordered(AT_ONCE);
        while let Some(found) = reads.next().await {
            take(found?);
        }
        if pages.ended() && count < page.total {
            let why = format!("GitHub counts {} repositories and lists {count}", page.total);
            take(FoundSettings::BrokeOff { why });
        }
    }
    Ok(())
}

/// What REST has to say of a repository that is listed.
async fn one(people: &People<'_>, asked: &SettingsAsked<'_>, listed: Listed) -> Result<FoundSettings, Error> {
    let Listed {
        mut facts,
        organization,
        more_labels,
    } = listed;
    let needed: Sections = (asked.of)(&facts.name, &facts.traits);
    let listed = std::mem::take(&mut facts.sections);
    for (section, names) in needed {
        let place = Place {
            client: people.client,
            owner: &facts.owner,
            name: &facts.name,
        };
        let fact = match listed.get(&section) {
            Some(fact) if !(section == Section::Labels && more_labels) => fact.clone(),
            _ => rest(&place, people, organization, section, names.as_ref()).await?,
        };
        facts.sections.insert(section, fact);
    }
    Ok(FoundSettings::Repository(Box::new(facts)))
}

/// Whether nothing else can be read either.
fn is_hopeless(error: &Error) -> bool {
    error.refuses_credential() || matches!(error, Error::NoToken(_) | Error::NotAToken | Error::RateLimited { .. })
}

/// What a section is, as REST tells it.
async fn rest(
    place: &Place<'_>,
    people: &People<'_>,
    organization: bool,
    section: Section,
    names: Names<'_>,
) -> Result<Fact<Items>, Error> {
    let read = match section {
        Section::Labels => options::labels(place).await,
        Section::Teams if !organization => {
            let why = "the owner is a person, who has no teams";
            return Ok(Fact::Unavailable(why.to_owned()));
        }
        Section::Teams => access::teams(place).await,
        Section::Collaborators => access::collaborators(place).await,
        Section::Environments => environments::read(place, names).await,
        Section::Actions => actions::read(place, names).await,
        Section::Rulesets => rulesets::read(place, people, names).await,
        Section::Variables => variables::read(place).await,
        Section::Secrets => variables::secrets(place).await,
        Section::General | Section::Topics => {
            let why = "GitHub did not answer with the others".to_owned();
            return Ok(Fact::Unknown(Gap::NotRead(why)));
        }
    };
    match read {
        Ok(items) => Ok(Fact::Known(items)),
        Err(error) if is_hopeless(&error) => Err(error),
        Err(error) => Ok(error.fact(section.to_read())),
    }
}

/// Carries out a change, where what stands is what it was planned against. Returns what came of it.
pub(crate) async fn change(place: &Place<'_>, change: &SettingChange) -> Result<String, Error> {
    let people = People::new(place.client, place.owner);
    let what = format!("set {} of {}/{}", change.place(), place.owner, place.name);
    let any = BTreeSet::from([change.section]);
    let listed = listing::one(place.client, place.owner, place.name, &any).await?;
    let names = change.item.as_ref().map(|item| BTreeSet::from([item.clone()]));
    let of = |_: &str, _: &BTreeSet<RepositoryFlag>| BTreeMap::from([(change.section, names.clone())]);
    let asked = SettingsAsked {
        owner: place.owner,
        names: &[],
        any: &any,
        of: &of,
    };
    let FoundSettings::Repository(facts) = one(&people, &asked, listed).await? else {
        return Err(Error::Changed { what });
    };
    let items = match facts.sections.get(&change.section) {
        Some(Fact::Known(items)) => items,
        Some(Fact::Unknown(gap)) => {
            return Err(unreadable(what, gap));
        }
        Some(Fact::Unavailable(_)) | None => return Err(Error::NotFound { what }),
    };
    let now = standing(change, items);
    if change.is_so_in(&now) {
        return Ok(format!("{} is so already.", change.place()));
    }
    if !change.is_planned_against(&now) {
        return Err(Error::Changed { what });
    }
    write(place, &people, change, items).await?;
    Ok(if change.after.is_null() {
        format!("{} is taken away.", change.place())
    } else {
        format!("{} is set.", change.place())
    })
}

fn unreadable(what: String, gap: &Gap) -> Error {
    match gap {
        Gap::Permission(permission) => Error::Forbidden {
            what,
            permission: Some(permission.clone()),
            message: "what stands cannot be read".to_owned(),
        },
        Gap::NotRead(reason) => Error::Network {
            what,
            reason: reason.clone(),
        },
    }
}

/// What stands of what a change is about.
fn standing(change: &SettingChange, items: &Items) -> Value {
    match (&change.item, change.section) {
        (Some(item), section) => section
            .find(items, item)
            .map_or(Value::Null, |(_, value)| value.clone()),
        (None, Section::Topics) => items.keys().cloned().map(Value::String).collect(),
        (None, _) => {
            let named = change.after.as_object().into_iter().flatten();
            named
                .map(|(name, _)| (name.clone(), items.get(name).cloned().unwrap_or_default()))
                .collect::<serde_json::Map<_, _>>()
                .into()
        }
    }
}

async fn write(place: &Place<'_>, people: &People<'_>, change: &SettingChange, items: &Items) -> Result<(), Error> {
    let item = change.item.as_deref().unwrap_or_default();
    let (before, after) = (&change.before, &change.after);
    match change.section {
        Section::General => options::write_general(place, after, items).await,
        Section::Topics => options::write_topics(place, after).await,
        Section::Labels => options::write_label(place, item, before, after).await,
        Section::Teams => access::write_team(place, item, after).await,
        Section::Collaborators => access::write_collaborator(place, item, after).await,
        Section::Environments => environments::write(place, people, item, after).await,
        Section::Actions => actions::write(place, after, items).await,
        Section::Rulesets => rulesets::write(place, people, item, after).await,
        Section::Variables => variables::write(place, item, before, after).await,
        Section::Secrets => variables::remove_secret(place, item).await,
    }
}

/// The text of a value that is one.
fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
