//! The wire of the chat, for programs: the document that [`chat::asyncapi`](crate::chat::asyncapi) holds.

use std::sync::LazyLock;

use super::call::{Answer, Call};
use super::openapi::Lasting;
use crate::chat::asyncapi;

/// Answers with the document.
pub(super) fn answer(_call: &Call) -> Answer {
    static DOCUMENT: LazyLock<Lasting> = LazyLock::new(|| Lasting::new(asyncapi::DOCUMENT));
    Ok(DOCUMENT.answer())
}
