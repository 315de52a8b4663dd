//! What a text may say: each character as it stands there, or as programs write it that quote, escape or wrap what
//! they print. A place can often be read in several ways, and each counts.

/// How many backslashes are taken for one, as where a text was escaped several times.
const SLASHES: usize = 8;
/// How many quotes may stand between two characters of a word, as where a shell's word or SQL's text has a quote in it.
const QUOTES: usize = 6;
/// How often a line may break between two characters of a word that is wrapped; of CR and LF each counts.
const BREAKS: usize = 4;
/// By how much the lines of a word that is wrapped may be indented, in bytes.
const INDENT: usize = 64;

/// The entities that XML has, by their names.
const NAMED: [(&str, u8); 5] = [
    ("amp;", b'&'),
    ("lt;", b'<'),
    ("gt;", b'>'),
    ("quot;", b'"'),
    ("apos;", b'\''),
];

/// Whether a byte may begin more than what it says itself.
pub(super) fn is_special(byte: u8) -> bool {
    matches!(byte, b'\\' | b'&' | b'%' | b'$' | b'+' | b'\'' | b'"' | b'\n' | b'\r')
}

/// A place where the next character of a word may begin: where the one before it ends, or behind what programs put
/// between two.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) at: usize,
    quotes: usize,
    breaks: usize,
    indent: usize,
}

impl Place {
    pub(super) fn new(at: usize) -> Self {
        Self {
            at,
            quotes: 0,
            breaks: 0,
            indent: 0,
        }
    }

    /// Whether a line broke on the way to it.
    pub(super) fn is_on_another_line(self) -> bool {
        self.breaks > 0
    }

    /// The next such place behind it.
    pub(super) fn further(self, text: &[u8]) -> Option<Self> {
        match text.get(self.at..)? {
            [b' ' | b'\t', ..] if self.breaks > 0 && self.indent < INDENT => Some(Self {
                at: self.at + 1,
                indent: self.indent + 1,
                ..self
            }),
            // A dollar sign stands before a quote of the shell's, maybe on the line before.
            [b'\'' | b'"' | b'$', ..] if self.quotes < QUOTES => Some(Self {
                at: self.at + 1,
                quotes: self.quotes + 1,
                ..self
            }),
            rest => {
                let length = line_break(rest).filter(|_| self.breaks < BREAKS)?;
                Some(Self {
                    at: self.at + length,
                    breaks: self.breaks + 1,
                    ..self
                })
            }
        }
    }
}

/// The length of the line break that a text begins with: as it is, as a shell continues a line, or escaped.
fn line_break(text: &[u8]) -> Option<usize> {
    let slashes = how_many(text, 0, SLASHES, b"\\");
    match text.get(slashes)? {
        b'\n' | b'\r' => Some(slashes + 1),
        b'n' | b'r' if slashes > 0 => Some(slashes + 1),
        _ => None,
    }
}

/// How many bytes from a place on are such, of the next `most`.
fn how_many(text: &[u8], at: usize, most: usize, such: &[u8]) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    rest.iter().take(most).take_while(|byte| such.contains(byte)).count()
}

/// A character that a place may be read as.
pub(super) struct Unit {
    bytes: [u8; 4],
    length: usize,
    /// Where its writing ends.
    pub(super) end: usize,
}

impl Unit {
    /// What it says in UTF-8, or the one byte that it is.
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// A byte whose writing ends there.
    pub(super) fn byte(byte: u8, end: usize) -> Self {
        Self {
            bytes: [byte, 0, 0, 0],
            length: 1,
            end,
        }
    }
}

/// Gives every character that a place may be read as. Whether there could be more of them if the text went on.
pub(super) fn units(text: &[u8], at: usize, mut give: impl FnMut(Unit)) -> bool {
    let Some(&byte) = text.get(at) else { return true };
    let mut reader = Reader {
        text,
        at: at + 1,
        ended: false,
        give: &mut give,
    };
    reader.byte(byte);
    match byte {
        b'\\' => reader.escaped(),
        b'&' => reader.entity(),
        b'%' => reader.percent(),
        // As compose writes it.
        b'$' if reader.take(b'$') => reader.byte(b'$'),
        // In a form.
        b'+' => reader.byte(b' '),
        _ => {}
    }
    reader.ended
}

/// Reads what one character is written as.
struct Reader<'r, Give> {
    text: &'r [u8],
    at: usize,
    /// Whether the text ended where it could have gone on.
    ended: bool,
    give: &'r mut Give,
}

impl<Give: FnMut(Unit)> Reader<'_, Give> {
    /// What was read may be that byte.
    fn byte(&mut self, byte: u8) {
        (self.give)(Unit::byte(byte, self.at));
    }

    /// What was read may be the character of that number.
    fn scalar(&mut self, number: u32) {
        if let Some(scalar) = char::from_u32(number) {
            let mut bytes = [0; 4];
            let length = scalar.encode_utf8(&mut bytes).len();
            (self.give)(Unit {
                bytes,
                length,
                end: self.at,
            });
        }
    }

    /// What was read may be the byte or the character of that number.
    fn byte_or_scalar(&mut self, number: u32) {
        if let Ok(byte) = u8::try_from(number) {
            self.byte(byte);
        }
        if number > 0x7F {
            self.scalar(number);
        }
    }

    /// What follows, and where it ends: on the next line where the writing is wrapped.
    fn ahead(&mut self) -> Option<(u8, usize)> {
        let breaks = how_many(self.text, self.at, 2, b"\r\n");
        let mut at = self.at + breaks;
        if breaks > 0 {
            at += how_many(self.text, at, INDENT, b" \t");
        }
        let byte = self.text.get(at).copied();
        self.ended |= byte.is_none();
        byte.map(|byte| (byte, at + 1))
    }

    /// Whether that follows. If so, it is read.
    fn take(&mut self, wanted: u8) -> bool {
        let Some((_, end)) = self.ahead().filter(|(byte, _)| *byte == wanted) else {
            return false;
        };
        self.at = end;
        true
    }

    fn digit(&mut self, radix: u32) -> Option<u32> {
        let (byte, end) = self.ahead()?;
        let digit = char::from(byte).to_digit(radix)?;
        self.at = end;
        Some(digit)
    }

    /// A number of so many digits, at the very most eight.
    fn number(&mut self, radix: u32, least: usize, most: usize) -> Option<u32> {
        let (mut number, mut read) = (0, 0);
        while read < most
            && let Some(digit) = self.digit(radix)
        {
            number = number * radix + digit;
            read += 1;
        }
        (read >= least).then_some(number)
    }

    /// Behind a backslash, as shells, JSON and programming languages write it.
    fn escaped(&mut self) {
        if let Some(newline @ (b'\n' | b'\r')) = self.text.get(self.at).copied() {
            (self.give)(Unit::byte(newline, self.at + 1));
        }
        let mut slashes = 1_usize;
        while slashes < SLASHES && self.take(b'\\') {
            slashes += 1;
            if slashes.is_power_of_two() {
                self.byte(b'\\');
            }
        }
        let Some((byte, end)) = self.ahead() else { return };
        self.at = end;
        self.byte(byte);
        match byte {
            b'a' => self.byte(0x07),
            b'b' => self.byte(0x08),
            b'e' | b'E' => self.byte(0x1B),
            b'f' => self.byte(0x0C),
            b'n' => self.byte(b'\n'),
            b'r' => self.byte(b'\r'),
            b't' => self.byte(b'\t'),
            b'v' => self.byte(0x0B),
            b'0'..=b'7' => self.octal(byte),
            b'x' | b'u' if self.take(b'{') => self.braced(),
            b'x' => self.hex(),
            b'u' => self.utf_16(),
            b'U' => {
                if let Some(number) = self.number(16, 8, 8) {
                    self.scalar(number);
                }
            }
            _ => {}
        }
    }

    /// Up to three digits; who writes fewer goes on with something else.
    fn octal(&mut self, first: u8) {
        let mut number = u32::from(first - b'0');
        self.byte_or_scalar(number);
        for _ in 0..2 {
            let Some(digit) = self.digit(8) else { return };
            number = number * 8 + digit;
            self.byte_or_scalar(number);
        }
    }

    /// Up to two digits, the same.
    fn hex(&mut self) {
        let mut number = 0;
        for _ in 0..2 {
            let Some(digit) = self.digit(16) else { return };
            number = number * 16 + digit;
            self.byte_or_scalar(number);
        }
    }

    fn braced(&mut self) {
        if let Some(number) = self.number(16, 1, 6)
            && self.take(b'}')
        {
            self.byte_or_scalar(number);
        }
    }

    /// Four digits; twice that where the character has a surrogate pair.
    fn utf_16(&mut self) {
        let Some(high) = self.number(16, 4, 4) else { return };
        if !(0xD800..0xDC00).contains(&high) {
            self.scalar(high);
            return;
        }
        let mut slashes = 0;
        while slashes < SLASHES && self.take(b'\\') {
            slashes += 1;
        }
        if slashes > 0
            && self.take(b'u')
            && let Some(low) = self.number(16, 4, 4)
            && (0xDC00..0xE000).contains(&low)
        {
            self.scalar(0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00));
        }
    }

    /// Behind an ampersand, as XML and HTML write it.
    fn entity(&mut self) {
        if self.take(b'#') {
            let radix = if self.take(b'x') || self.take(b'X') { 16 } else { 10 };
            if let Some(number) = self.number(radix, 1, 7)
                && self.take(b';')
            {
                self.scalar(number);
            }
            return;
        }
        let begin = self.at;
        for (name, byte) in NAMED {
            self.at = begin;
            if name.bytes().all(|letter| self.take(letter)) {
                self.byte(byte);
            }
        }
    }

    /// Behind a percent sign, as URLs write it, or formats.
    fn percent(&mut self) {
        if self.take(b'%') {
            self.byte(b'%');
        } else if let Some(byte) = self.number(16, 2, 2).and_then(|number| u8::try_from(number).ok()) {
            self.byte(byte);
        }
    }
}
