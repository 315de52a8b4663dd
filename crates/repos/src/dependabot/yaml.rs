//! YAML as Dependabot takes it: no aliases, no key twice, and nothing nested without end.

use saphyr::{LoadableYamlNode as _, MarkedYaml};
use saphyr_parser::{Event, Parser, ScanError};

use super::Mistake;

/// Deeper than any Dependabot file; what is nested further costs stack.
const DEEPEST: usize = 32;

/// Every document of the text, with the places of its nodes.
pub(crate) fn load(text: &str) -> Result<Vec<MarkedYaml<'_>>, Mistake> {
    let text = text.trim_start_matches('\u{feff}');
    let mut depth = 0_usize;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| refused(&error))?;
        let line = span.start.line().max(1);
        match event {
            // Source: <https://github.com/dependabot/dependabot-core/issues/1582>.
            Event::Alias(_) => {
                return Err(Mistake {
                    line,
                    message: "Dependabot does not read YAML aliases; write the value out".to_owned(),
                });
            }
            Event::SequenceStart(..) | Event::MappingStart(..) => {
                depth += 1;
                if depth > DEEPEST {
                    return Err(Mistake {
                        line,
                        message: format!("it is nested deeper than {DEEPEST} levels"),
                    });
                }
            }
            Event::SequenceEnd | Event::MappingEnd => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    MarkedYaml::load_from_str(text).map_err(|error| refused(&error))
}

fn refused(error: &ScanError) -> Mistake {
    Mistake {
        line: error.marker().line().max(1),
        message: format!("this is not YAML: {}", error.info()),
    }
}

/// Whether nothing is written there.
pub(crate) fn is_null(node: &MarkedYaml<'_>) -> bool {
    node.data.is_null() || node.data.is_badvalue()
}

/// What stands under this key.
pub(crate) fn get<'n, 'y>(node: &'n MarkedYaml<'y>, key: &str) -> Option<&'n MarkedYaml<'y>> {
    let (_, value) = node
        .data
        .as_mapping()?
        .iter()
        .find(|(name, _)| name.data.as_str() == Some(key))?;
    Some(value)
}
