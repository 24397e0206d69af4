//! Who somebody is to a room.

/// What somebody may do in a room; each may what those before may.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Watches, chats, likes, gives.
    #[default]
    Viewer,
    /// Helps the host: mutes, recalls, pins.
    Assistant,
    /// On stage beside the host.
    CoHost,
    /// Whose show it is.
    Host,
    /// Runs the server.
    Operator,
}

/// A person as a token or a key vouches for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// What the operator's backend calls them.
    pub id: String,
    /// What others see.
    pub name: String,
    /// A picture, as an address; empty: none.
    pub avatar: String,
    /// What they may do.
    pub role: Role,
    /// Nobody vouches for them.
    pub guest: bool,
}
