//! Which secrets a list is of.

use cc_devops_kernel::names::SecretPrefix;
use cc_devops_kernel::ports::SecretSummary;
use serde::Deserialize;

use super::faults;
use crate::fault::Fault;

/// A filter as it is given.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Given {
    key: Option<String>,
    values: Option<Vec<String>>,
}

/// What a filter is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum About {
    Name,
    Description,
    TagKey,
    TagValue,
    All,
    /// What no secret here has: another region, a service that owns it.
    Nothing,
}

/// A filter: what a secret must have one of, and what it must have none of.
struct Filter {
    about: About,
    wanted: Vec<String>,
    unwanted: Vec<String>,
}

/// All filters of a list: each narrows.
pub(super) struct Filters(Vec<Filter>);

impl Filters {
    /// Reads them.
    pub(super) fn read(given: Vec<Given>) -> Result<Self, Fault> {
        given.into_iter().map(Filter::read).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a secret is among those.
    pub(super) fn select(&self, secret: &SecretSummary) -> bool {
        self.0.iter().all(|filter| filter.selects(secret))
    }

    /// Below which all of them lie, where that is known.
    pub(super) fn prefix(&self) -> Option<SecretPrefix> {
        self.0.iter().find_map(|filter| match filter.wanted.as_slice() {
            [start] if filter.about == About::Name => {
                let folder = start.get(..=start.rfind('/')?)?;
                SecretPrefix::new(folder).ok()
            }
            _ => None,
        })
    }
}

impl Filter {
    fn read(given: Given) -> Result<Self, Fault> {
        let (Some(key), Some(values)) = (given.key, given.values) else {
            return Err(faults::invalid("a filter needs its Key and its Values"));
        };
        let about = match key.as_str() {
            "name" => About::Name,
            "description" => About::Description,
            "tag-key" => About::TagKey,
            "tag-value" => About::TagValue,
            "all" => About::All,
            _ => About::Nothing,
        };
        let (mut wanted, mut unwanted) = (Vec::new(), Vec::new());
        for value in values {
            match value.strip_prefix('!') {
                Some(value) => unwanted.push(value.to_owned()),
                None => wanted.push(value),
            }
        }
        Ok(Self {
            about,
            wanted,
            unwanted,
        })
    }

    fn selects(&self, secret: &SecretSummary) -> bool {
        let texts = self.about.texts(secret);
        let has = |value: &String| texts.iter().any(|text| self.about.fits(text, value));
        !self.unwanted.iter().any(has) && (self.wanted.is_empty() || self.wanted.iter().any(has))
    }
}

impl About {
    fn texts(self, secret: &SecretSummary) -> Vec<&str> {
        let name = || std::iter::once(secret.name.as_str());
        let description = || secret.description.as_deref().into_iter();
        let keys = || secret.tags.keys().map(String::as_str);
        let values = || secret.tags.values().map(String::as_str);
        match self {
            Self::Name => name().collect(),
            Self::Description => description().collect(),
            Self::TagKey => keys().collect(),
            Self::TagValue => values().collect(),
            Self::All => name().chain(description()).chain(keys()).chain(values()).collect(),
            Self::Nothing => Vec::new(),
        }
    }

    /// Names and tags begin so, in the same letters; a description, and anything, has words that begin so, in any.
    fn fits(self, text: &str, value: &str) -> bool {
        match self {
            Self::Name | Self::TagKey | Self::TagValue => text.starts_with(value),
            Self::Description | Self::All => has_words(text, value),
            Self::Nothing => false,
        }
    }
}

/// Whether each word that is wanted is the beginning of one of the text's.
fn has_words(text: &str, wanted: &str) -> bool {
    let mut wanted = words(wanted).peekable();
    if wanted.peek().is_none() {
        return false;
    }
    let known: Vec<String> = words(text).chain(parts(text)).map(str::to_lowercase).collect();
    wanted.all(|word| {
        let word = word.to_lowercase();
        known.iter().any(|known| known.starts_with(&word))
    })
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
}

/// The parts of words that are written `LikeThis`, behind their first.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let starts = text.char_indices().zip(text.chars().skip(1).chain([' ']));
    let starts = starts.filter(|((_, letter), next)| letter.is_lowercase() && next.is_uppercase());
    starts.filter_map(|((at, letter), _)| words(text.get(at + letter.len_utf8()..)?).next())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use cc_devops_kernel::names::{AgentName, SecretName};
    use jiff::Timestamp;

    use super::*;

    fn secret() -> SecretSummary {
        let at = Timestamp::UNIX_EPOCH;
        SecretSummary {
            name: SecretName::new("/contentcraft/writer/StripeKey").unwrap(),
            version_id: String::new(),
            previous_id: None,
            versions: 0,
            updated_by: AgentName::new("Writer").unwrap(),
            created_at: at,
            updated_at: at,
            changed_at: at,
            description: Some("For the Bar, read-only".to_owned()),
            tags: BTreeMap::from([("team".to_owned(), "Billing".to_owned())]),
        }
    }

    fn filters(all: &[(&str, &[&str])]) -> Filters {
        let given = all.iter().map(|(key, values)| Given {
            key: Some((*key).to_owned()),
            values: Some(values.iter().map(|value| (*value).to_owned()).collect()),
        });
        Filters::read(given.collect()).unwrap()
    }

    #[test]
    fn each_filter_is_about_its_own() {
        for (key, value, selects) in [
            ("name", "/contentcraft/", true),
            ("name", "/contentcraft/writer/StripeKey", true),
            ("name", "/contentcraft/writer/stripekey", false),
            ("name", "writer", false),
            ("name", "!/contentcraft/", false),
            ("name", "!/contentcraft/reader/", true),
            ("description", "bar", true),
            ("description", "for read", true),
            ("description", "ar", false),
            ("description", "writer", false),
            ("tag-key", "te", true),
            ("tag-key", "Team", false),
            ("tag-value", "Bill", true),
            ("tag-value", "team", false),
            ("all", "billing", true),
            ("all", "WRITER", true),
            ("all", "stripekey", true),
            ("all", "key", true),
            ("all", "ripe", false),
            ("all", "-", false),
            ("owning-service", "x", false),
            ("primary-region", "us-east-1", false),
        ] {
            let filter = filters(&[(key, &[value])]);
            assert_eq!(filter.select(&secret()), selects, "{key}={value}");
        }
    }

    #[test]
    fn values_widen_and_filters_narrow() {
        assert!(filters(&[]).select(&secret()));
        assert!(filters(&[("name", &["/other/", "/contentcraft/"])]).select(&secret()));
        assert!(!filters(&[("name", &["/contentcraft/"]), ("tag-key", &["cost"])]).select(&secret()));
        assert!(!filters(&[("name", &["/contentcraft/", "!/contentcraft/writer/"])]).select(&secret()));
        assert!(filters(&[("name", &["/contentcraft/"]), ("tag-key", &["!cost"])]).select(&secret()));
    }

    #[test]
    fn a_single_name_tells_where_to_look() {
        let prefix = |all: &[(&str, &[&str])]| filters(all).prefix().map(String::from);
        assert_eq!(
            prefix(&[("name", &["/contentcraft/writer/Str"])]).as_deref(),
            Some("/contentcraft/writer/")
        );
        assert_eq!(prefix(&[("name", &["/contentcraft"])]), None);
        assert_eq!(prefix(&[("name", &["/contentcraft/a", "/contentcraft/b"])]), None);
        assert_eq!(prefix(&[("name", &["!/contentcraft/a"])]), None);
        assert_eq!(prefix(&[("description", &["/contentcraft/a"])]), None);
    }

    #[test]
    fn half_a_filter_is_refused() {
        let given = Given {
            key: Some("name".to_owned()),
            values: None,
        };
        let fault = Filters::read(vec![given]).err().unwrap();
        assert_eq!(fault.code, "InvalidParameterException");
    }
}
