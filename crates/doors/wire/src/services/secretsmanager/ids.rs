//! How a secret is named: by its name, by an ARN with or without the six characters at its end, or as a completed request
//! names it, `local:secret:…`.

use cc_devops_kernel::names::SecretName;

use super::faults;
use crate::fault::Fault;
use crate::operation::{ACCOUNT, Call};
use crate::services::made_ids::letters_of;

/// The letters of an ARN's end.
const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// How many of them there are.
const ENDING: usize = 6;

/// How a completed request names a secret.
const OF_REQUESTS: &str = "local:secret:";

/// A secret's ARN.
pub(super) fn arn(call: &Call, name: &SecretName) -> String {
    call.arn("secretsmanager", &format!("secret:{name}-{}", ending(name.as_str())))
}

/// The secret that an id names. Where that is none that could be here, there is no such secret.
pub(super) fn name_of(id: &str) -> Result<SecretName, Fault> {
    let name = if let Some(name) = id.strip_prefix(OF_REQUESTS) {
        name
    } else if id.starts_with("arn:") {
        without_ending(resource(id).ok_or_else(faults::no_secret)?)
    } else {
        check_letters(id)?;
        id
    };
    SecretName::new(name).map_err(|_| faults::no_secret())
}

/// Refuses the letters that AWS refuses in a name. It may be none that can be here nevertheless.
pub(super) fn check_letters(name: &str) -> Result<(), Fault> {
    let is_one = |letter: char| letter.is_ascii_alphanumeric() || "-/_+=.@!".contains(letter);
    if name.chars().all(is_one) {
        Ok(())
    } else {
        Err(faults::bad_name())
    }
}

/// What stands behind `secret:` in an ARN of this installation, whatever its region.
fn resource(arn: &str) -> Option<&str> {
    let mut parts = arn.splitn(7, ':').skip(2);
    let (service, _region, account) = (parts.next()?, parts.next()?, parts.next()?);
    let (kind, resource) = (parts.next()?, parts.next()?);
    (service == "secretsmanager" && account == ACCOUNT && kind == "secret").then_some(resource)
}

/// The name, where the characters at its end are those of its ARN; else all of it.
fn without_ending(resource: &str) -> &str {
    match resource.rsplit_once('-') {
        Some((name, end)) if end == ending(name) => name,
        _ => resource,
    }
}

/// The characters at the end of a secret's ARN, the same for a name at all times.
fn ending(name: &str) -> String {
    letters_of(name, LETTERS, ENDING)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "/contentcraft/bar/key-2";

    fn named(id: &str) -> Option<String> {
        name_of(id).ok().map(String::from)
    }

    #[test]
    fn an_ending_is_six_letters_and_digits_and_stays() {
        let end = ending(NAME);
        assert_eq!(end.len(), 6);
        assert!(end.bytes().all(|letter| LETTERS.contains(&letter)), "{end}");
        assert_eq!(ending(NAME), end);
        assert_ne!(ending("/contentcraft/bar/key-3"), end);
    }

    #[test]
    fn a_secret_is_named_by_its_name_and_by_its_arn_whole_or_in_part() {
        let part = format!("arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:{NAME}");
        let whole = format!("{part}-{}", ending(NAME));
        let elsewhere = whole.replace("us-east-1", "eu-central-1");
        for id in [NAME, &part, &whole, &elsewhere, "local:secret:/contentcraft/bar/key-2"] {
            assert_eq!(named(id).as_deref(), Some(NAME), "{id}");
        }
    }

    #[test]
    fn an_ending_of_another_secret_is_a_part_of_the_name() {
        let other = format!("arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:{NAME}-AbCdEf");
        assert_eq!(named(&other).as_deref(), Some("/contentcraft/bar/key-2-AbCdEf"));
        // A name is taken as it is, whatever it ends in.
        let name = format!("{NAME}-{}", ending(NAME));
        assert_eq!(named(&name), Some(name));
    }

    #[test]
    fn letters_that_no_name_has_are_told_apart_from_names_that_are_not_here() {
        for (id, code) in [
            ("plain", "ResourceNotFoundException"),
            ("/contentcraft/bar/key!", "ResourceNotFoundException"),
            (
                "arn:aws:secretsmanager:us-east-1:000000000000:secret:a b",
                "ResourceNotFoundException",
            ),
            ("/contentcraft/bar/a key", "ValidationException"),
            ("/contentcraft/bar/ключ", "ValidationException"),
            ("/contentcraft/bar/key:1", "ValidationException"),
        ] {
            assert_eq!(name_of(id).unwrap_err().code, code, "{id}");
        }
    }

    #[test]
    fn what_could_not_be_here_is_no_secret() {
        for id in [
            "plain",
            "/contentcraft/../key",
            "arn:aws:secretsmanager:us-east-1:123456789012:secret:/contentcraft/bar/key",
            "arn:aws:s3:us-east-1:000000000000:secret:/contentcraft/bar/key",
            "arn:aws:secretsmanager:us-east-1:000000000000:other:/contentcraft/bar/key",
            "arn:aws:secretsmanager:us-east-1:000000000000:secret",
            "arn:",
        ] {
            assert_eq!(named(id), None, "{id}");
        }
    }
}
