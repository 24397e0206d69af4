//! What media is: values and bytes. No sockets, no files, no clock.

pub mod codec;
pub mod flv;
pub mod frame;
pub mod hls;
pub mod mp4;
pub mod sample;
pub mod synth;
pub mod time;
pub mod timeline;
pub mod ts;
