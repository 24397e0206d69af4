//! The public HTTP API. Its JSON is made here and nowhere else; what it tells is safe to tell anybody who may play.

pub mod live;
