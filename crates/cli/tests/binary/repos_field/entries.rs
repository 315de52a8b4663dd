//! The entries of a Dependabot file, as far as the cases need them: what each is for.

/// Each entry's ecosystem and folders. Reads the forms that the cases' files and proposed ones have.
pub(crate) fn entries(text: &str) -> Vec<(String, String)> {
    let (mut found, mut ecosystem, mut listing) = (Vec::new(), String::new(), false);
    for line in text.lines() {
        let line = line.trim_start_matches('\u{feff}').trim();
        if line.starts_with('#') {
            continue;
        }
        let item = line.strip_prefix("- ");
        let field = item.unwrap_or(line);
        if let Some(value) = field.strip_prefix("package-ecosystem:") {
            ecosystem = plain(value);
            listing = false;
        } else if let Some(value) = field.strip_prefix("directory:") {
            found.push((ecosystem.clone(), plain(value)));
            listing = false;
        } else if field.starts_with("directories:") {
            listing = true;
        } else if let Some(value) = item.filter(|_| listing) {
            found.push((ecosystem.clone(), plain(value)));
        } else {
            listing = false;
        }
    }
    found
}

fn plain(value: &str) -> String {
    value.trim().trim_matches(['"', '\'']).to_owned()
}

/// What the new text has more than the old one.
pub(crate) fn added(old: &str, new: &str) -> Vec<(String, String)> {
    let mut more = entries(new);
    for entry in entries(old) {
        if let Some(at) = more.iter().position(|each| *each == entry) {
            more.remove(at);
        }
    }
    more.sort();
    more
}

/// Whether every line of the old text stands in the new one, in its order and with its end.
pub(crate) fn kept(old: &str, new: &str) -> bool {
    let mut lines = new.split('\n');
    let trimmed = old.trim_end_matches('\n');
    let (first, last) = trimmed
        .rsplit_once('\n')
        .map_or((None, trimmed), |(first, last)| (Some(first), last));
    // The last line may get an end that it had not.
    let ended = |each: &str| each == last || !old.ends_with('\n') && each.strip_suffix('\r') == Some(last);
    let before = first.is_none_or(|first| first.split('\n').all(|line| lines.any(|each| each == line)));
    let all = before && lines.any(ended);
    let windows = old.contains("\r\n");
    all && (!windows
        || new
            .trim_end_matches("\r\n")
            .split('\n')
            .rev()
            .skip(1)
            .all(|line| line.ends_with('\r')))
}
