//! What media is: values and bytes. No sockets, no files, no clock.

pub mod frame;
