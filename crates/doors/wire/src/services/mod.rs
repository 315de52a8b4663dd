//! What is served, service by service: each has a file or a folder with the models of its operations and what carries them
//! out.

mod cloudformation;
mod cloudwatch;
mod dynamodb;
mod events;
mod made_ids;
mod secretsmanager;
mod sns;
pub(crate) mod sqs;
mod ssm;
mod sts;

#[cfg(test)]
mod harness;

use crate::operation::Operation;

/// Everything that is served.
pub(crate) fn table() -> Vec<Operation> {
    let services = [
        cloudformation::operations(),
        cloudwatch::operations(),
        dynamodb::operations(),
        events::operations(),
        secretsmanager::operations(),
        sns::operations(),
        sqs::operations(),
        ssm::operations(),
        sts::operations(),
    ];
    services.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use regex::Regex;

    use super::*;
    use crate::model::{Shape, Text};

    /// How far models are gone down into, some of which hold themselves.
    const DEEPEST: usize = 12;

    /// Calls for each text of a shape.
    fn texts(shape: &Shape, left: usize, each: &mut dyn FnMut(&Text)) {
        let Some(left) = left.checked_sub(1) else { return };
        match shape {
            Shape::Text(text) => each(text),
            Shape::List(list) => texts(&list.of, left, each),
            Shape::Map(map) => {
                each(&map.key);
                texts(&map.of, left, each);
            }
            Shape::Structure(members) => {
                for member in *members {
                    texts(&member.shape, left, each);
                }
            }
            Shape::Integer { .. }
            | Shape::Long { .. }
            | Shape::Double
            | Shape::Boolean
            | Shape::Blob { .. }
            | Shape::Timestamp => {}
        }
    }

    #[test]
    fn every_pattern_can_be_read_and_every_bound_be_met() {
        for operation in table() {
            texts(&operation.input, DEEPEST, &mut |text| {
                assert!(text.min <= text.max, "{}: {text:?}", operation.name);
                if let Some(pattern) = text.pattern {
                    let read = Regex::new(&format!(r"\A(?:{pattern})\z"));
                    assert!(read.is_ok(), "{}: {pattern}", operation.name);
                }
            });
        }
    }

    #[test]
    fn an_operation_stands_in_the_table_once() {
        let mut known = BTreeSet::new();
        for operation in table() {
            assert!(
                known.insert((operation.service.scope(), operation.name)),
                "{}",
                operation.name
            );
        }
        assert!(known.contains(&("sts", "GetCallerIdentity")));
    }
}
