//! What a report as a page must be like. The suite has no browser: the form is held to what keeps a page narrow.

use regex::Regex;

/// Whether the page links its repositories, shows no raw backtick, and tells times to the minute, in UTC.
pub(crate) fn mistakes(page: &str, owner: &str, repository: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let body = Regex::new(r"(?s)<(style|script)\b.*?</(style|script)>").unwrap();
    let body = body.replace_all(page, "");
    let words = Regex::new(r"<[^>]*>").unwrap().replace_all(&body, "\n").into_owned();
    let link = Regex::new(&format!(r#"<a\b[^>]*\bhref="https?://[^"]*/{owner}/{repository}["/#]"#)).unwrap();
    if !link.is_match(page) {
        wrong.push(format!("{repository} is no link"));
    }
    if words.contains('`') {
        let at: Vec<&str> = words.lines().filter(|line| line.contains('`')).take(3).collect();
        wrong.push(format!("there are raw backticks: {at:?}"));
    }
    if !Regex::new(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d UTC")
        .unwrap()
        .is_match(&words)
    {
        wrong.push("no time to the minute with UTC".to_owned());
    }
    if let Some(found) = Regex::new(r"\d\d:\d\d:\d\d\S*").unwrap().find(&words) {
        wrong.push(format!("a time to the second: {}", found.as_str()));
    }
    wrong
}

/// What of the page could be wider than `pixels`.
pub(crate) fn wide(page: &str, pixels: u32) -> Vec<String> {
    let mut wrong = Vec::new();
    if !Regex::new(r#"<meta\b[^>]*name="?viewport"?[^>]*width=device-width"#)
        .unwrap()
        .is_match(page)
    {
        wrong.push("no viewport of the device's width".to_owned());
    }
    if !Regex::new(r"overflow-wrap:\s*anywhere|word-break:\s*break-(all|word)")
        .unwrap()
        .is_match(page)
    {
        wrong.push("a long word does not break".to_owned());
    }
    if page.contains("<table") && !tables_fold(page, pixels) && !page.contains("overflow-x:") {
        wrong.push("a table stays as wide as its columns".to_owned());
    }
    let widths = Regex::new(r"(?:^|[;{\s])(min-width|width):\s*(\d+)(px|rem|em|ch)").unwrap();
    // A rule for wide screens alone says nothing of a narrow one.
    let wide_screens = Regex::new(r"(?s)@media[^{]*min-width[^{]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}").unwrap();
    let styles = wide_screens.replace_all(page, "");
    for found in widths.captures_iter(&styles) {
        let times = match &found[3] {
            "px" => 1,
            "ch" => 8,
            _ => 16,
        };
        if found[2].parse::<u32>().unwrap() * times > pixels {
            wrong.push(format!("a width that does not fit: {}", found[0].trim()));
        }
    }
    if Regex::new(r"white-space:\s*(nowrap|pre)\s*[;}]")
        .unwrap()
        .is_match(&styles)
        && !Regex::new(r"overflow-x:\s*(auto|scroll)").unwrap().is_match(&styles)
    {
        wrong.push("text that does not wrap, in nothing that scrolls by itself".to_owned());
    }
    wrong
}

/// Whether tables are laid out one cell below the other where the screen is as narrow as this.
fn tables_fold(page: &str, pixels: u32) -> bool {
    let narrow = Regex::new(r"@media[^{]*max-width:\s*(\d+)(px|rem|em)\)\s*\{((?:[^{}]*\{[^{}]*\})*)").unwrap();
    let folds = Regex::new(r"\btable\b[^{}]*\{[^}]*display:\s*block").unwrap();
    narrow.captures_iter(page).any(|found| {
        let most = found[1].parse::<u32>().unwrap() * if &found[2] == "px" { 1 } else { 16 };
        most >= pixels && folds.is_match(&found[3])
    })
}
