//! The stacks that a window is about.

use cc_devops_kernel::names::StackName;
use glob::Pattern;

/// A stack's name without its stage, or a pattern that such names fit: `*`, `?` and `[a-z]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackPattern(Pattern);

/// A pattern cannot be read, or no stack can be called so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackPatternError;

impl std::fmt::Display for StackPatternError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(
            "write a stack's name without its stage, or a pattern of such names, such as `shop`, `shop-*` or `*`: letters, \
             digits and `-`, with `*`, `?` and `[a-z]`",
        )
    }
}

impl std::error::Error for StackPatternError {}

impl StackPattern {
    /// A name or a pattern.
    ///
    /// # Errors
    /// It cannot be read, or holds what is in no stack's name.
    pub fn new(text: &str) -> Result<Self, StackPatternError> {
        let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '*' | '?' | '[' | ']' | '!');
        if text.is_empty() || !text.chars().all(known) {
            return Err(StackPatternError);
        }
        Pattern::new(text).map(Self).map_err(|_| StackPatternError)
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether a stack is one of them.
    pub fn fits(&self, stack: &StackName) -> bool {
        self.0.matches(stack.as_str())
    }
}
