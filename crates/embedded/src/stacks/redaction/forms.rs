//! How a secret may be written: as it is, or as programs write it that quote or encode what they print.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::SHORTEST;

/// Beyond so many bytes of a secret only the plain and the quoted forms are looked for, so that a large one
/// costs no memory to speak of.
const ENCODED: usize = 16 * 1024;

/// Every form of a secret that is looked for. Of one with several lines each line counts for itself, too, as
/// where a key is printed with an indent.
pub(super) fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = Vec::new();
    for piece in pieces(secret).into_iter().filter(|piece| piece.len() >= SHORTEST) {
        forms.extend(quoted(piece));
        if piece.len() <= ENCODED {
            forms.extend(in_base64(piece));
            forms.extend(in_urls(piece));
            forms.push(hex::encode(piece).into_bytes());
            forms.push(hex::encode_upper(piece).into_bytes());
        }
        forms.push(piece.to_vec());
    }
    forms
}

/// The whole, and each of its lines without the blanks around it.
fn pieces(secret: &[u8]) -> Vec<&[u8]> {
    let lines = secret.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    std::iter::once(secret)
        .chain(lines.filter(move |line| *line != secret))
        .collect()
}

/// As JSON and most programming languages write it, as a shell's `set -x` does, and as it stands between a
/// shell's double quotes.
fn quoted(piece: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = vec![
        escaped(piece, |byte| (byte == b'\'').then(|| b"'\\''".to_vec())),
        escaped(piece, |byte| b"\"\\$`".contains(&byte).then(|| vec![b'\\', byte])),
    ];
    if let Ok(text) = std::str::from_utf8(piece)
        && let Ok(json) = serde_json::to_string(text)
    {
        let json = json.trim_matches('"').to_owned();
        forms.push(json.replace('/', "\\/").into_bytes());
        forms.push(json.into_bytes());
    }
    forms.retain(|form| form != piece);
    forms
}

fn escaped(piece: &[u8], escape: impl Fn(u8) -> Option<Vec<u8>>) -> Vec<u8> {
    piece
        .iter()
        .flat_map(|byte| escape(*byte).unwrap_or_else(|| vec![*byte]))
        .collect()
}

/// In base64 it looks different at each of the three places where it may stand in a longer text, such as
/// `user:password`. What depends on its neighbours is left out.
fn in_base64(piece: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = Vec::new();
    for before in 0..3_usize {
        let text = [&vec![0; before], piece].concat();
        let own = (before * 8).div_ceil(6)..text.len() * 8 / 6;
        for encoded in [STANDARD_NO_PAD.encode(&text), URL_SAFE_NO_PAD.encode(&text)] {
            forms.extend(encoded.as_bytes().get(own.clone()).map(<[u8]>::to_vec));
        }
    }
    forms
}

/// In a URL, as strictly as RFC 3986 has it, as JavaScript's and Python's functions do it, and in a form.
fn in_urls(piece: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = Vec::new();
    for plain in ["-_.~", "-_.~/", "-_.!~*'()", "-_.*"] {
        for upper in [true, false] {
            let encode = |byte: u8| {
                (!byte.is_ascii_alphanumeric() && !plain.as_bytes().contains(&byte)).then(|| {
                    let digits = if upper {
                        format!("%{byte:02X}")
                    } else {
                        format!("%{byte:02x}")
                    };
                    digits.into_bytes()
                })
            };
            forms.push(escaped(piece, encode));
            forms.push(escaped(piece, |byte| match byte {
                b' ' => Some(b"+".to_vec()),
                byte => encode(byte),
            }));
        }
    }
    forms.retain(|form| form != piece);
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_of_a_secret_is_one_of_its_forms_wherever_it_stands() {
        let secret = "p@ss 'w\"rd/1+\\$é";
        let forms = forms(secret.as_bytes());
        let in_some_form = |printed: &str| {
            forms
                .iter()
                .any(|form| form.len() >= 8 && printed.as_bytes().windows(form.len()).any(|window| window == form))
        };
        assert!(in_some_form(&serde_json::to_string(&format!("x{secret}y")).unwrap()));
        for user in ["u:", "us:", "use:"] {
            assert!(in_some_form(&STANDARD_NO_PAD.encode(format!("{user}{secret}@host"))));
            assert!(in_some_form(&URL_SAFE_NO_PAD.encode(format!("{user}{secret}@host"))));
        }
        for printed in [
            "?k=p%40ss%20%27w%22rd%2F1%2B%5C%24%C3%A9&",
            "?k=p%40ss+%27w%22rd%2f1%2b%5c%24%c3%a9&",
            "+ echo 'p@ss '\\''w\"rd/1+\\$é'",
            "K=\"p@ss 'w\\\"rd/1+\\\\\\$é\"",
        ] {
            assert!(in_some_form(printed), "{printed}");
        }
        assert!(in_some_form(&hex::encode(secret)));
    }

    #[test]
    fn each_line_of_a_secret_counts() {
        let forms = forms(b"-----BEGIN KEY-----\nabcdef\n");
        assert!(forms.contains(&b"abcdef".to_vec()));
    }
}
