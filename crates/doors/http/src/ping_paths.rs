//! What the path of a ping names: `/ping/{uuid}` or `/ping/{key}/{slug}`, each with what it says behind it. The forms and
//! the answers to what has none are Healthchecks', whose clients are to go on without a change.

use uuid::Uuid;

/// The longest key, and the longest slug, in bytes.
const LONGEST: usize = 64;

/// A ping's path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PingPath<'a> {
    /// Whose ping it is.
    pub(crate) address: PingAddress<'a>,
    /// What it says.
    pub(crate) says: PingSignal,
}

/// Whose ping it is: the address is the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PingAddress<'a> {
    /// One agent's own address.
    Uuid(Uuid),
    /// An agent by its name in small letters, below a key of the installation's.
    Slug { key: &'a str, slug: &'a str },
}

/// What a ping says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PingSignal {
    /// The run went well, or the agent is there.
    Success,
    /// The run begins.
    Start,
    /// The run failed.
    Failure,
    /// Something for the record.
    Log,
    /// The run ended with this exit status; 0 is success.
    Exit(u8),
}

/// Why a ping is of no form. The answer, word for word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadForm {
    /// A UUID that is none.
    Uuid,
    /// Anything else.
    Url,
}

impl BadForm {
    /// The answer's text.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Uuid => "invalid uuid format",
            Self::Url => "invalid url format",
        }
    }
}

/// Reads what stands behind `/ping/`. One slash at its end does no harm.
pub(crate) fn read(path: &str) -> Result<PingPath<'_>, BadForm> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let (first, rest) = path
        .split_once('/')
        .map_or((path, None), |(first, rest)| (first, Some(rest)));
    if let Some(uuid) = uuid(first) {
        let says = rest.map_or(Some(PingSignal::Success), says).ok_or(BadForm::Url)?;
        let address = PingAddress::Uuid(uuid);
        return Ok(PingPath { address, says });
    }
    let rest = rest.ok_or(BadForm::Uuid)?;
    let (slug, word) = rest
        .split_once('/')
        .map_or((rest, None), |(slug, word)| (slug, Some(word)));
    let says = word.map_or(Some(PingSignal::Success), says).ok_or(BadForm::Url)?;
    if !is_word(first, |c| c.is_ascii_alphanumeric())
        || !is_word(slug, |c| c.is_ascii_lowercase() || c.is_ascii_digit())
    {
        return Err(BadForm::Url);
    }
    let address = PingAddress::Slug { key: first, slug };
    Ok(PingPath { address, says })
}

/// A UUID with its hyphens, in letters of any case. Of other ways to write one, no client is known.
pub(crate) fn uuid(text: &str) -> Option<Uuid> {
    if text.len() != uuid::fmt::Hyphenated::LENGTH {
        return None;
    }
    Uuid::try_parse(text).ok()
}

fn says(word: &str) -> Option<PingSignal> {
    match word {
        "start" => Some(PingSignal::Start),
        "fail" => Some(PingSignal::Failure),
        "log" => Some(PingSignal::Log),
        status if status.bytes().all(|c| c.is_ascii_digit()) => status.parse().ok().map(PingSignal::Exit),
        _ => None,
    }
}

fn is_word(text: &str, letter: fn(char) -> bool) -> bool {
    (1..=LONGEST).contains(&text.len()) && text.chars().all(|c| letter(c) || matches!(c, '-' | '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278";

    fn says(path: &str) -> Result<PingSignal, &'static str> {
        read(path).map(|path| path.says).map_err(BadForm::as_str)
    }

    #[test]
    fn an_agents_own_address_has_five_forms() {
        let own = read(UUID).unwrap();
        assert_eq!(own.address, PingAddress::Uuid(UUID.parse().unwrap()));
        assert_eq!(own.says, PingSignal::Success);
        for (behind, expected) in [
            ("/", PingSignal::Success),
            ("/start", PingSignal::Start),
            ("/fail", PingSignal::Failure),
            ("/log", PingSignal::Log),
            ("/0", PingSignal::Exit(0)),
            ("/255", PingSignal::Exit(255)),
            ("/007", PingSignal::Exit(7)),
            ("/fail/", PingSignal::Failure),
        ] {
            let path = format!("{UUID}{behind}");
            let read = read(&path).map(|path| (path.address, path.says));
            assert_eq!(read, Ok((own.address, expected)), "{behind}");
        }
        assert_eq!(read(&UUID.to_uppercase()), Ok(own), "capitals");
    }

    #[test]
    fn what_has_no_form_is_told_in_healthchecks_words() {
        for (path, expected) in [
            ("/256", "invalid url format"),
            ("/-1", "invalid url format"),
            ("/+1", "invalid url format"),
            ("/99999999999999999999", "invalid url format"),
            ("/stop", "invalid url format"),
            ("/START", "invalid url format"),
            ("/start/fail", "invalid url format"),
            ("//", "invalid url format"),
            ("/%30", "invalid url format"),
        ] {
            assert_eq!(says(&format!("{UUID}{path}")), Err(expected), "{path}");
        }
        for path in [
            "",
            "/",
            "x",
            "5bf66975d4c74bf5bcc8b8d8a82ea278",
            &UUID[1..],
            &format!("{UUID}0"),
        ] {
            assert_eq!(says(path), Err("invalid uuid format"), "{path}");
        }
        assert_eq!(says(&format!("{{{UUID}}}")), Err("invalid uuid format"));
    }

    #[test]
    fn a_slug_stands_below_a_key() {
        let key = "fqOOd6-F4MMNuCEnzTU01w";
        for (behind, slug, expected) in [
            ("backup", "backup", PingSignal::Success),
            ("a_b-1/start", "a_b-1", PingSignal::Start),
            ("a_b-1/255", "a_b-1", PingSignal::Exit(255)),
            ("start", "start", PingSignal::Success),
            ("7/7", "7", PingSignal::Exit(7)),
        ] {
            let path = format!("{key}/{behind}");
            let address = PingAddress::Slug { key, slug };
            assert_eq!(
                read(&path),
                Ok(PingPath {
                    address,
                    says: expected
                }),
                "{path}"
            );
        }
        let long = "a".repeat(65);
        for behind in ["Backup", "back up", "b.c", "a/256", "a/b", "a/fail/1", "\u{e9}", &long] {
            assert_eq!(says(&format!("{key}/{behind}")), Err("invalid url format"), "{behind}");
        }
        assert_eq!(says("k.y/backup"), Err("invalid url format"));
    }
}
