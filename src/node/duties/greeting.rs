//! What one side of a session has named in its greeting, and the other judges by: the directory that it follows.
//!
//! Which keys count changes with the directory. A side that follows a newer one in the midst of a session would
//! send what only that one proves, to somebody who was told of none: it would look like a lie. So the session
//! ends, and the next one greets by what is followed then.

use crate::node::setting::Setting;
use crate::wire::relay::Welcome;

/// The other side's word for it, where this one listens.
pub const DIRECTORY_CHANGED: &str = "DIRECTORY_CHANGED";

/// The version of the directory that this node named when a session began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Greeting(u64);

impl Greeting {
    /// What is named now.
    pub fn of(setting: &Setting) -> Self {
        Self(setting.directory().version())
    }

    /// What a welcome of this node named.
    pub const fn given(welcome: &Welcome) -> Self {
        Self(welcome.directory_version)
    }

    /// The version.
    pub const fn version(self) -> u64 {
        self.0
    }

    /// Whether another directory is followed by now.
    pub fn is_outdated(self, setting: &Setting) -> bool {
        self != Self::of(setting)
    }
}

/// The same of the side that listens, which has named nothing before it was greeted.
pub(super) fn is_outdated(setting: &Setting, greeting: Option<Greeting>) -> bool {
    greeting.is_some_and(|it| it.is_outdated(setting))
}
