//! A draft as it is judged: its rows, their sum, the digest.

use std::collections::BTreeMap;

use cc_devops_deploys::shown::{View, bounded};
use cc_devops_deploys::{
    About, DigestKey, Draft, Parameter, PlanDigest, PlanRecord, Row, Standing as Read, StatefulTypes, Summary, digest,
    review,
};

use super::parts::Body;
use crate::engine::ControlPlane;

/// The purpose of the key of digests.
const DIGEST_KEY: &str = "plan digests";

/// The most characters of a plan that people are told unasked.
const MOST_TOLD: usize = 12_000;

/// What a draft says.
pub(super) struct Judged {
    pub(super) digest: PlanDigest,
    pub(super) summary: Summary,
    pub(super) rows: Vec<Row>,
    pub(super) text: Option<String>,
    pub(super) about: About,
    pub(super) notes: Vec<String>,
    /// The parameters that may be kept, where the draft tells them.
    pub(super) parameters: BTreeMap<String, String>,
    pub(super) standing: Standing,
}

/// Whether it can be carried out.
pub(super) enum Standing {
    Ready,
    NoChanges,
    /// It could not be prepared.
    Failed(String),
    /// It is none, or not any more.
    Gone(String),
}

impl ControlPlane {
    /// Judges a draft.
    pub(super) fn judge(&self, draft: &Draft) -> Judged {
        let stateful = StatefulTypes::with(self.settings.deploys.stateful_types.iter().cloned());
        let reviewed = review(&draft.content, &stateful);
        let key = DigestKey::new(self.fingerprints.derive(DIGEST_KEY));
        let digest = digest(&reviewed, &key);
        let shown = |(name, parameter): (&String, &Parameter)| {
            let value = parameter.value.as_ref().filter(|_| !parameter.masked)?;
            // Those of nested stacks have a path before their name, and are their parents' to give.
            (!name.contains('/')).then(|| (name.clone(), value.clone()))
        };
        Judged {
            digest,
            parameters: reviewed.about.parameters.iter().filter_map(shown).collect(),
            standing: match &reviewed.standing {
                Read::Ready => Standing::Ready,
                Read::NoChanges => Standing::NoChanges,
                Read::Failed(why) => Standing::Failed(why.clone()),
                gone @ (Read::Obsolete | Read::NotAPlan(_)) => {
                    Standing::Gone(gone.why().unwrap_or_default().to_owned())
                }
            },
            summary: reviewed.summary,
            rows: reviewed.rows,
            text: reviewed.text,
            about: reviewed.about,
            notes: reviewed.notes,
        }
    }
}

/// What a plan changes, as a tree for people, losses of data first.
pub(super) fn tree(record: &PlanRecord, body: &Body) -> String {
    if record.unplanned {
        return "Nobody knows what it changes.".to_owned();
    }
    let view = View {
        text: body.text.as_deref(),
        about: Some(&body.about),
        notes: &record.notes,
        ..View::new(&body.rows, &record.summary)
    };
    bounded(&view, MOST_TOLD)
}
