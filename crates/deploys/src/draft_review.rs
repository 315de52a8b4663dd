//! A draft is read as what it is: a change set, a plan file, or nothing that anybody knows.

use serde_json::json;

use crate::draft::DraftContent;
use crate::plan_file::review_file;
use crate::review::{Reviewed, Standing, StatefulTypes, review_documents};

/// Reads a draft's content.
pub fn review(content: &DraftContent, stateful: &StatefulTypes) -> Reviewed {
    match content {
        DraftContent::ChangeSet(documents) => review_documents(documents, stateful),
        DraftContent::File(bytes) => review_file(bytes, stateful),
        DraftContent::Unplanned => {
            let mut reviewed = Reviewed::empty(Standing::Ready);
            reviewed.unseen.push(("unplanned".to_owned(), json!(true)));
            reviewed
        }
    }
}
