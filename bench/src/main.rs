//! `bench`: load on Weir, on its peers and on the kernel's own floor, in the same run. README.md says how to read it.

mod amf;
mod api;
mod audience;
mod check;
mod chunk;
mod cli;
mod client;
mod connection;
mod crowd;
mod floor;
mod flv;
mod hls;
mod house;
mod http;
mod measure;
mod peer;
mod plot;
mod process;
mod publisher;
mod record;
mod report;
mod rooms;
mod scene;
mod source;
mod stats;
mod talk;
mod viewer;
mod wire;

fn main() -> anyhow::Result<()> {
    cli::main()
}
