//! Streams by name.
