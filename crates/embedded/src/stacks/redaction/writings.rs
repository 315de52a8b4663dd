//! However programs write a secret, nothing of it is kept.

use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use super::{BLOT, PART, Secrets, Stream};

const LONG: &str = "kQ7zT0pLx2VbN9cR4mYs8WdG1hJf6AuE5iZo3XtB-qK_HyD6wgMr2PaC0nUj7vS";
const MIXED: &str = "p&ss<w0rd>'s \"x\" $y \n%41+é\u{1F600}/#~!";

/// Secrets that have what is written otherwise, and what looks like it.
fn secrets() -> Vec<String> {
    let every_character: String = (' '..='~').collect();
    let others = [
        LONG,
        MIXED,
        "\\u0041\\x41%41&amp;\\n\\\\\\'",
        "tab\there\nand\u{1b}[0m\tthere\r\nok",
        "''''''''''''",
        "\\\\\\\\\\\\\\\\\\\\\\\\",
        "\"\"'\"\"''\\'\"\\\"$$'%%%$",
        "éèüßéèüßéèüß",
        "0'1\"2\\3$4%5&6<7>8é9",
    ];
    others.map(str::to_owned).into_iter().chain([every_character]).collect()
}

/// What makes a text of each of them.
fn all<T>(them: impl IntoIterator<Item = T>, write: impl Fn(T) -> String) -> String {
    them.into_iter().map(write).collect()
}

fn escaped(secret: &str, such: &str) -> String {
    all(secret.chars(), |c| {
        if such.contains(c) {
            format!("\\{c}")
        } else {
            c.to_string()
        }
    })
}

/// As `printf %q` and `set -x` of bash write what is not on one line.
fn ansi_c(secret: &str) -> String {
    all(secret.bytes(), |byte| match byte {
        b'\n' => "\\n".to_owned(),
        b'\r' => "\\r".to_owned(),
        b'\t' => "\\t".to_owned(),
        0x1b => "\\E".to_owned(),
        b'\\' | b'\'' => format!("\\{}", char::from(byte)),
        b' '..=b'~' => char::from(byte).to_string(),
        _ => format!("\\{byte:03o}"),
    })
}

fn utf_16(c: char, upper: bool) -> String {
    all(c.encode_utf16(&mut [0; 2]).iter(), |unit| {
        if upper {
            format!("\\u{unit:04X}")
        } else {
            format!("\\u{unit:04x}")
        }
    })
}

fn json(secret: &str) -> String {
    let quoted = serde_json::to_string(secret).unwrap();
    quoted[1..quoted.len() - 1].to_owned()
}

fn json_ascii(secret: &str, upper: bool) -> String {
    all(json(secret).chars(), |c| {
        if c.is_ascii() { c.to_string() } else { utf_16(c, upper) }
    })
}

/// As Go's and Terraform's.
fn json_for_html(secret: &str) -> String {
    all(json(secret).chars(), |c| {
        if "<>&".contains(c) {
            utf_16(c, false)
        } else {
            c.to_string()
        }
    })
}

fn xml(secret: &str, quote: &str, apostrophe: &str) -> String {
    let text = secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', quote).replace('\'', apostrophe)
}

fn numbered(secret: &str, write: impl Fn(u32) -> String) -> String {
    all(secret.chars(), |c| {
        if c.is_ascii_alphanumeric() {
            c.to_string()
        } else {
            write(c.into())
        }
    })
}

fn percent(secret: &str, write: impl Fn(u8) -> String) -> String {
    all(secret.bytes(), |byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            char::from(byte).to_string()
        } else {
            write(byte)
        }
    })
}

type Writer = fn(&str) -> String;

const WRITERS: [(&str, Writer); 32] = [
    ("as it is", str::to_owned),
    ("bash -x of a pattern", |secret| {
        all(secret.chars(), |c| format!("\\{c}"))
    }),
    ("printf %q", |secret| escaped(secret, " !\"#$&'()*,;<>?[\\]^`{|}~\t\n")),
    ("printf %q of control characters", ansi_c),
    ("coreutils' printf %q", |secret| {
        all(secret.chars(), |c| match c {
            '\'' => "'\\''".to_owned(),
            ' '..='~' => c.to_string(),
            _ => format!("'$'{}''", ansi_c(&c.to_string())),
        })
    }),
    ("between single quotes", |secret| secret.replace('\'', "'\\''")),
    ("between single quotes in dash and Python", |secret| {
        secret.replace('\'', "'\"'\"'")
    }),
    ("between double quotes", |secret| escaped(secret, "\"\\$`")),
    ("JSON", json),
    ("JSON of PHP", |secret| json(secret).replace('/', "\\/")),
    ("JSON for HTML", json_for_html),
    ("JSON in ASCII", |secret| json_ascii(secret, false)),
    ("JSON in ASCII, upper case", |secret| json_ascii(secret, true)),
    ("JSON in JSON", |secret| json(&json(secret))),
    ("JSON for HTML in JSON", |secret| json(&json_for_html(secret))),
    ("JSON in ASCII in JSON in JSON", |secret| {
        json(&json(&json_ascii(secret, false)))
    }),
    ("XML", |secret| xml(secret, "&quot;", "&apos;")),
    ("HTML", |secret| xml(secret, "&#34;", "&#39;")),
    ("HTML of Python", |secret| xml(secret, "&quot;", "&#x27;")),
    ("HTML in numbers", |secret| numbered(secret, |c| format!("&#{c:03};"))),
    ("HTML in hex", |secret| numbered(secret, |c| format!("&#x{c:X};"))),
    ("Rust", |secret| numbered(secret, |c| format!("\\u{{{c:x}}}"))),
    ("SQL and YAML", |secret| secret.replace('\'', "''")),
    ("CSV", |secret| secret.replace('"', "\"\"")),
    ("compose", |secret| secret.replace('$', "$$")),
    ("a format", |secret| secret.replace('%', "%%")),
    ("a URL", |secret| percent(secret, |byte| format!("%{byte:02X}"))),
    ("a URL, lower case", |secret| {
        percent(secret, |byte| format!("%{byte:02x}"))
    }),
    ("a form", |secret| {
        percent(secret, |byte| format!("%{byte:02X}")).replace("%20", "+")
    }),
    ("bytes of Python", |secret| {
        all(secret.bytes(), |byte| format!("\\x{byte:02x}"))
    }),
    ("hex", |secret| hex::encode(secret.as_bytes())),
    ("hex, upper case", |secret| hex::encode_upper(secret.as_bytes())),
];

/// As `fold -w` and `sed` wrap and indent: by bytes.
fn wrapped(text: &[u8], width: usize, indent: &str) -> Vec<u8> {
    let lines: Vec<&[u8]> = text.chunks(width).collect();
    lines.join(format!("\n{indent}").as_bytes())
}

/// What is kept, but for blots, blanks and line breaks. Where a shell's quotes stood at either end, so may they.
fn left<'r>(secrets: &Secrets, reads: impl IntoIterator<Item = &'r [u8]>) -> String {
    let (mut stream, mut clean) = (Stream::default(), Vec::new());
    for read in reads {
        stream.push(secrets, read, &mut clean);
    }
    stream.finish(secrets, &mut clean);
    clean.retain(|byte| !b" \t\r\n'\"$".contains(byte));
    String::from_utf8_lossy(&clean).replace(BLOT, "")
}

fn known(secret: &str) -> Secrets {
    Secrets::new([secret.as_bytes()])
}

/// Of characters that no secret has.
const FRAME: &str = "\u{27e8}\u{27e9}";

fn framed(written: &str) -> Vec<u8> {
    format!("\u{27e8}{written}\u{27e9}").into_bytes()
}

#[test]
fn nothing_of_a_secret_is_kept_however_it_is_written_and_wrapped() {
    for secret in secrets() {
        let secrets = known(&secret);
        for (writer, write) in WRITERS {
            let text = framed(&write(&secret));
            assert_eq!(left(&secrets, [text.as_slice()]), FRAME, "{writer} of {secret}");
            for (width, indent) in [(2, ""), (4, "    "), (5, ""), (8, "\t"), (76, "  ")] {
                let lines = wrapped(&text, width, indent);
                let kept = left(&secrets, [lines.as_slice()]);
                assert_eq!(kept, FRAME, "{writer} of {secret}, {width} wide");
            }
        }
        let one_by_one = wrapped(&framed(&secret), 1, "");
        assert_eq!(left(&secrets, [one_by_one.as_slice()]), FRAME, "{secret}, 1 wide");
    }
}

#[test]
fn a_secret_is_known_in_every_writing_however_it_is_cut_into_reads() {
    let secrets = known(MIXED);
    for (writer, write) in WRITERS {
        let text = wrapped(&framed(&write(MIXED)), 7, "  ");
        for read in [1, 2, 3, 5, 8] {
            assert_eq!(left(&secrets, text.chunks(read)), FRAME, "{writer}, {read} at once");
        }
    }
}

#[test]
fn twelve_characters_in_a_row_are_known_in_every_writing() {
    let every_character: String = (' '..='~').collect();
    for secret in [MIXED, &every_character] {
        let secrets = known(secret);
        let characters: Vec<char> = secret.chars().collect();
        for piece in characters.windows(PART) {
            let piece: String = piece.iter().collect();
            for (writer, write) in WRITERS {
                let kept = left(&secrets, [framed(&write(&piece)).as_slice()]);
                assert_eq!(kept, FRAME, "{writer} of {piece}");
            }
        }
    }
}

#[test]
fn what_breaks_off_within_a_writing_leaves_nothing() {
    let secrets = known(MIXED);
    for (writer, write) in WRITERS {
        let written = write(MIXED);
        // From where four characters are there for sure.
        for end in write("p&ss<").len()..written.len() {
            let Some(begun) = written.get(..end) else { continue };
            let kept = left(&secrets, [format!("\u{27e8}{begun}").as_bytes()]);
            assert_eq!(kept, "\u{27e8}", "{writer} of {begun}");
        }
    }
}

/// Base64 has six bits a character, and those that a secret has alone are not kept.
#[test]
fn base64_is_known_wherever_its_lines_break() {
    for secret in [LONG, MIXED, "hunter2", "p4s!"] {
        let secrets = known(secret);
        // A line of 76 digits has 57 bytes.
        for before in 0..57 {
            let text = format!("{}{secret}@host", "u".repeat(before));
            let own = (before * 8).div_ceil(6)..(before + secret.len()) * 8 / 6;
            for encoded in [STANDARD.encode(&text), URL_SAFE.encode(&text)] {
                let others = [&encoded[..own.start], &encoded[own.end..]].concat();
                let widths: &[usize] = if before < 3 { &[4, 8, 64, 76] } else { &[76] };
                for width in widths {
                    let lines = wrapped(encoded.as_bytes(), *width, "");
                    let kept = left(&secrets, [lines.as_slice()]);
                    assert_eq!(kept, others, "{secret} at {before}, {width} wide");
                }
                // As a text of JSON has the line breaks.
                let lines = String::from_utf8(wrapped(encoded.as_bytes(), 76, "")).unwrap();
                let kept = left(&secrets, [json(&lines).as_bytes()]);
                assert_eq!(kept.replace("\\n", ""), others, "{secret} at {before}, in JSON");
            }
        }
    }
}

#[test]
fn a_short_secret_is_known_where_four_of_its_characters_stand_on_a_line() {
    for (secret, text, kept) in [
        ("hunter2", "hunt\ner2", ""),
        ("hunter2", "\\h\\u\\n\\t\\e\\r\\2", ""),
        ("hunter2", "h\nunter2!", "!"),
        ("a'b\"", "a'\\''b\"\"", ""),
        ("p&s<", "p\\u0026s\\u003c", ""),
        // As words are wrapped.
        ("two words", "two\nwords", ""),
        ("two words", "two\r\n    words", ""),
        // Columns of numbers, and ends of lines.
        ("1234", "31\n32\n33\n34\n", "31323334"),
        ("1234", "12\n34\n", "1234"),
        ("1111", "1\n1\n1\n1\n1\n", "11111"),
        ("hunter2", "hun\nte\nr2", "hunter2"),
    ] {
        assert_eq!(left(&known(secret), [text.as_bytes()]), kept, "{text}");
    }
}

#[test]
fn a_secret_with_an_indent_blots_out_no_other_indent() {
    let table = "name                total\n";
    let clean = left(&known("key:\n                value: 1"), [table.as_bytes()]);
    assert_eq!(clean, "nametotal");
}

#[test]
fn what_the_documents_say_is_not_seen_stays() {
    let secrets = known(LONG);
    let reversed: String = LONG.chars().rev().collect();
    let with_numbers = numbered_lines(LONG, 8);
    for text in [
        &LONG[..PART - 1],
        &reversed,
        &LONG.to_uppercase(),
        &STANDARD.encode(STANDARD.encode(LONG)),
        &with_numbers,
    ] {
        let text = format!("<{text}>");
        assert_eq!(left(&secrets, [text.as_bytes()]), text.replace(['\n', ' '], ""));
    }
}

/// Lines with something of their own before each.
fn numbered_lines(text: &str, width: usize) -> String {
    let lines = text.as_bytes().chunks(width).map(String::from_utf8_lossy);
    all(lines.enumerate(), |(number, line)| format!("{number}: {line}\n"))
}

/// Asks those who write. Python's part is left out where there is none.
#[test]
fn what_the_real_writers_print_leaves_nothing() {
    // Its bytes are a multiple of three, so that all of its base64 is its own.
    const KEY: &str = "p&ss<w0rd>'s \"x\" $y \\n%41+é\n#~!;";
    assert_eq!(KEY.len() % 3, 0);
    let secrets = known(KEY);
    for (script, is_there, kept) in [
        ("set -x; [[ '' == \"$KEY\" ]]", "\\p\\&\\s\\s", "+[[==]]"),
        ("set -x; : \"$KEY\"", "+ :", "+:"),
        ("printf '%q' \"$KEY\"", "$'p", ""),
        ("printf '%q' \"${KEY%é*}\"", "p\\&ss\\<", ""),
        ("printf '%s' \"$KEY\" | fold -w 8", "\n", ""),
        ("printf '%s' \"$KEY\" | fold -w 4 | sed 's/^/   /'", "   ", ""),
        ("printf '%s' \"$KEY\" | base64", "cCZzczx3MHJk", ""),
        ("printf '%s' \"$KEY\" | base64 -w 6", "\n", ""),
        (
            "command -v python3 >&2 || exit 0; python3 -c 'import json, os; print(json.dumps(os.environ[\"KEY\"]))'",
            "",
            "",
        ),
        (
            "command -v python3 >&2 || exit 0; python3 -c 'import html, os; print(html.escape(os.environ[\"KEY\"]))'",
            "",
            "",
        ),
    ] {
        for locale in ["C", "C.UTF-8"] {
            let mut bash = Command::new("bash");
            bash.args(["-c", script]).env("KEY", KEY).env("LC_ALL", locale);
            let printed = bash.output().unwrap();
            let text = if script.starts_with("set -x") {
                printed.stderr
            } else {
                printed.stdout
            };
            let shown = String::from_utf8_lossy(&text);
            assert!(shown.contains(is_there), "{script} printed {shown}");
            assert_eq!(left(&secrets, [text.as_slice()]), kept, "{script} printed {shown}");
        }
    }
}
