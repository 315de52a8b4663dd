//! Rulesets and classic protection from the form that REST gives them.
//! <https://docs.github.com/en/rest/repos/rules>

use serde_json::Value;

use super::protection::{Checks, Protection, Reviews};
use super::ruleset::{Bypass, Enforcement, Property, Rule, Ruleset, Target};

fn texts(list: &Value) -> Vec<String> {
    let list = list.as_array().into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn named<T: Copy>(all: &[(T, &'static str)], name: Option<&str>, usual: T) -> T {
    let Some(name) = name else { return usual };
    let found = all.iter().find(|(_, each)| *each == name);
    found.unwrap_or_else(|| panic!("GitHub has no {name} here")).0
}

impl Ruleset {
    /// A ruleset in REST's form. Without a target it is for branches, without an enforcement in force.
    ///
    /// # Panics
    /// If it has no name, or a word that GitHub does not know.
    pub fn from_rest(described: &Value) -> Self {
        let conditions = &described["conditions"];
        let (refs, names) = (&conditions["ref_name"], &conditions["repository_name"]);
        let properties = &conditions["repository_property"];
        let ids = conditions["repository_id"]["repository_ids"].as_array();
        let whole = Self::new(described["name"].as_str().expect("a ruleset has a name"));
        Self {
            target: named(&Target::ALL, described["target"].as_str(), Target::Branch),
            enforcement: named(
                &Enforcement::ALL,
                described["enforcement"].as_str(),
                Enforcement::Active,
            ),
            include: texts(&refs["include"]),
            exclude: texts(&refs["exclude"]),
            repositories: if names.is_null() {
                whole.repositories.clone()
            } else {
                texts(&names["include"])
            },
            repositories_exclude: texts(&names["exclude"]),
            properties: Property::list(&properties["include"]),
            properties_exclude: Property::list(&properties["exclude"]),
            repository_ids: ids.map(|ids| ids.iter().filter_map(Value::as_u64).collect()),
            rules: Rule::list(&described["rules"]),
            bypass: Bypass::list(&described["bypass_actors"]),
            ..whole
        }
    }
}

impl Rule {
    pub(crate) fn list(rules: &Value) -> Vec<Self> {
        let rules = rules.as_array().into_iter().flatten();
        rules
            .map(|rule| Self {
                kind: rule["type"].as_str().unwrap_or_default().to_owned(),
                parameters: rule
                    .get("parameters")
                    .filter(|parameters| !parameters.is_null())
                    .cloned(),
            })
            .collect()
    }
}

impl Bypass {
    pub(crate) fn list(actors: &Value) -> Vec<Self> {
        let actors = actors.as_array().into_iter().flatten();
        actors
            .map(|actor| Self {
                kind: actor["actor_type"].as_str().unwrap_or_default().to_owned(),
                id: actor["actor_id"].as_i64(),
                mode: actor["bypass_mode"].as_str().unwrap_or("always").to_owned(),
            })
            .collect()
    }
}

impl Property {
    fn list(targets: &Value) -> Vec<Self> {
        let targets = targets.as_array().into_iter().flatten();
        targets
            .map(|target| Self {
                name: target["name"].as_str().unwrap_or_default().to_owned(),
                values: texts(&target["property_values"]),
            })
            .collect()
    }
}

impl Protection {
    /// A rule of classic protection: `pattern`, `reviews` with `count`, `dismiss_stale`, `code_owners` and
    /// `last_push`, `checks` with `strict` and `items` of `context` and `app_id`, `enforce_admins`, `lock_branch`,
    /// `allow_force_pushes`, `allow_deletions`.
    ///
    /// # Panics
    /// If it has another field, or no pattern.
    pub fn described(described: &Value) -> Self {
        let known = [
            "pattern",
            "reviews",
            "checks",
            "enforce_admins",
            "lock_branch",
            "allow_force_pushes",
            "allow_deletions",
        ];
        for key in described.as_object().expect("it is an object").keys() {
            assert!(known.contains(&key.as_str()), "there is no field `{key}`");
        }
        let on = |key: &str| described[key] == true;
        let (reviews, checks) = (&described["reviews"], &described["checks"]);
        Self {
            reviews: reviews.is_object().then(|| Reviews {
                count: reviews["count"]
                    .as_u64()
                    .and_then(|count| count.try_into().ok())
                    .unwrap_or_default(),
                dismiss_stale: reviews["dismiss_stale"] == true,
                code_owners: reviews["code_owners"] == true,
                last_push: reviews["last_push"] == true,
                ..Reviews::default()
            }),
            checks: checks.is_object().then(|| Checks {
                strict: checks["strict"] == true,
                contexts: checks["items"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|item| {
                        (
                            item["context"].as_str().unwrap_or_default().to_owned(),
                            item["app_id"].as_i64(),
                        )
                    })
                    .collect(),
            }),
            enforce_admins: on("enforce_admins"),
            lock_branch: on("lock_branch"),
            allow_force_pushes: on("allow_force_pushes"),
            allow_deletions: on("allow_deletions"),
            ..Self::of(described["pattern"].as_str().expect("a rule has a pattern"))
        }
    }
}
