//! Finds the parts of secrets in a text, whichever way of reading it has them.

use std::collections::BTreeMap;

use super::SHORTEST;
use super::parts::{Parts, Prefix};
use super::reading::{Place, Unit, units};

/// Marks what the parts in a text cover: from where a part begins to where it ends, without the line breaks in it and
/// the indents behind them. Gives where that begins of which nobody can say yet whether it is a part. In a text that
/// is over, what could have become one is covered, too.
pub(super) fn search(parts: &Parts, text: &[u8], covered: &mut [bool], is_over: bool) -> usize {
    let mut search = Search {
        parts,
        text,
        covered,
        is_over,
        waiting: BTreeMap::new(),
        undecided: text.len(),
    };
    if !parts.is_empty() {
        for at in 0..=text.len() {
            search.look_at(at);
        }
    }
    search.undecided
}

/// A way of reading what a part may begin with.
#[derive(Clone, Copy)]
struct Way {
    /// Where it begins in the text.
    begin: usize,
    /// Where it ends.
    end: usize,
    /// What it says so far.
    said: Prefix,
    /// How many bytes of that stand together on a line; once they are [`SHORTEST`], that stays.
    together: usize,
}

struct Search<'s> {
    parts: &'s Parts,
    text: &'s [u8],
    covered: &'s mut [bool],
    is_over: bool,
    /// Ways that more may follow, by where they end.
    waiting: BTreeMap<usize, Vec<Way>>,
    undecided: usize,
}

impl Search<'_> {
    /// All ways that have come to a place, and the one that begins there.
    fn look_at(&mut self, at: usize) {
        for way in self.waiting.remove(&at).into_iter().flatten() {
            self.go_on(way);
        }
        let rest = self.text.get(at..).unwrap_or_default();
        if !rest.is_empty() && self.parts.may_begin(rest) {
            self.go_on(Way {
                begin: at,
                end: at,
                said: self.parts.nothing(),
                together: 0,
            });
        }
    }

    fn go_on(&mut self, way: Way) {
        let text = self.text;
        let is_new = way.said.length() == 0;
        let mut place = Some(Place::new(way.end));
        while let Some(here) = place {
            if here.is_on_another_line() {
                // Who wraps words writes the line's end in a blank's place.
                self.read(way, here, &Unit::byte(b' ', here.at), 0);
            }
            let could_be_more = units(text, here.at, |unit| {
                // A part may begin within a character.
                let beginnings = if is_new { unit.bytes().len() } else { 1 };
                for skipped in 0..beginnings {
                    self.read(way, here, &unit, skipped);
                }
            });
            if could_be_more {
                self.undecided = self.undecided.min(way.begin);
                // What it ends within belongs to the way, unless that ends with its line.
                if self.is_over && way.together == SHORTEST && !here.is_on_another_line() {
                    self.cover(way.begin, text.len());
                }
            }
            place = if is_new { None } else { here.further(text) };
        }
    }

    /// The way with one more character, as far as parts go on with it.
    fn read(&mut self, mut way: Way, here: Place, unit: &Unit, skipped: usize) {
        way.end = unit.end;
        if here.is_on_another_line() && way.together < SHORTEST {
            way.together = 0;
        }
        for byte in unit.bytes().iter().skip(skipped) {
            let Some(said) = self.parts.longer(way.said, *byte) else {
                return;
            };
            way.said = said;
            way.together = SHORTEST.min(way.together + 1);
            if self.parts.is_part(said, way.together == SHORTEST) {
                self.cover(way.begin, way.end);
            }
        }
        if self.parts.goes_on(way.said) {
            self.wait(way);
        }
    }

    fn wait(&mut self, way: Way) {
        let there = self.waiting.entry(way.end).or_default();
        let same = |other: &&mut Way| other.said == way.said && other.together == way.together;
        match there.iter_mut().find(same) {
            None => there.push(way),
            // Whichever began first covers what the other does.
            Some(other) if way.begin < other.begin => *other = way,
            Some(_) => {}
        }
    }

    fn cover(&mut self, begin: usize, end: usize) {
        let text = self.text.get(begin..end).unwrap_or_default();
        let covered = self.covered.get_mut(begin..end).unwrap_or_default();
        let mut is_indent = false;
        for (byte, covered) in text.iter().zip(covered) {
            is_indent = match byte {
                b'\n' | b'\r' => true,
                b' ' | b'\t' => is_indent,
                _ => false,
            };
            *covered |= !is_indent;
        }
    }
}
