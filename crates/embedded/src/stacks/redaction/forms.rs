//! How a secret may stand in a text: as it is, in base64 or in hex digits. How each character of that may be written
//! is undone where the text is read.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::SHORTEST;

/// Beyond so many bytes of a secret only the plain form is looked for, so that a large one costs no memory to
/// speak of.
const ENCODED: usize = 16 * 1024;

/// One of them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) bytes: Vec<u8>,
    /// Whether it is the secret as it is, which may be a word or a number.
    pub(super) plain: bool,
}

/// Every form of a secret that is looked for. Of one with several lines each line counts for itself, too, as
/// where a key is printed with an indent.
pub(super) fn forms(secret: &[u8]) -> Vec<Form> {
    let mut forms = Vec::new();
    for piece in pieces(secret).into_iter().filter(|piece| piece.len() >= SHORTEST) {
        forms.push(Form {
            bytes: piece.to_vec(),
            plain: true,
        });
        if piece.len() <= ENCODED {
            let mut encoded = in_base64(piece);
            encoded.push(hex::encode(piece).into_bytes());
            encoded.push(hex::encode_upper(piece).into_bytes());
            encoded.sort_unstable();
            encoded.dedup();
            forms.extend(encoded.into_iter().map(|bytes| Form { bytes, plain: false }));
        }
    }
    forms.retain(|form| form.bytes.len() >= SHORTEST);
    forms
}

/// The whole, and each of its lines without the blanks around it.
fn pieces(secret: &[u8]) -> Vec<&[u8]> {
    let lines = secret.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    std::iter::once(secret)
        .chain(lines.filter(move |line| *line != secret))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_base64_a_secret_is_one_of_its_forms_wherever_it_stands() {
        let secret = "p@ss 'w\"rd/1+\\$é";
        let forms = forms(secret.as_bytes());
        for user in ["u:", "us:", "use:"] {
            for encoded in [
                STANDARD_NO_PAD.encode(format!("{user}{secret}@host")),
                URL_SAFE_NO_PAD.encode(format!("{user}{secret}@host")),
            ] {
                let mut long = forms.iter().filter(|form| form.bytes.len() >= secret.len());
                let is_in = |form: &Form| encoded.contains(std::str::from_utf8(&form.bytes).unwrap());
                assert!(long.any(is_in), "{encoded}");
            }
        }
    }

    #[test]
    fn each_line_of_a_secret_counts() {
        let forms = forms(b"-----BEGIN KEY-----\n  abcdef\n");
        let line = Form {
            bytes: b"abcdef".to_vec(),
            plain: true,
        };
        assert!(forms.contains(&line));
    }
}
