//! A place in the only chain, by which somebody who kept it elsewhere knows the chain again.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::hash::ChainHash;

/// A row's place and its hash; before the first row, zero and [`ChainHash::GENESIS`]. As text `SEQ:HASH`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The row's place, from 1.
    pub seq: i64,
    /// The row's hash.
    pub hash: ChainHash,
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash)
    }
}

/// A text that is no place in the chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be a row's place and its hash, as in 871:1f0c…, which has 64 hex digits")]
pub struct NoMark;

impl FromStr for Mark {
    type Err = NoMark;

    fn from_str(text: &str) -> Result<Self, NoMark> {
        let (seq, hash) = text.split_once(':').ok_or(NoMark)?;
        let seq: i64 = seq.parse().map_err(|_| NoMark)?;
        let hash = ChainHash::try_from(hash.to_owned()).map_err(|_| NoMark)?;
        if seq < 0 {
            return Err(NoMark);
        }
        Ok(Self { seq, hash })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_comes_back_from_its_text_and_nothing_else_is_one() {
        let mark = Mark {
            seq: 871,
            hash: ChainHash([0xab; 32]),
        };
        assert_eq!(mark.to_string().parse(), Ok(mark));
        for bad in [
            "",
            "871",
            "871:",
            "871:ab",
            "-1:00",
            &format!("x:{}", mark.hash),
            &format!("-3:{}", mark.hash),
        ] {
            assert_eq!(bad.parse::<Mark>(), Err(NoMark), "{bad}");
        }
    }
}
